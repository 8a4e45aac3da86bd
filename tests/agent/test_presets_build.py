"""The presets as they are assembled: what each leaves behind when it learns with a scripted model."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from skilllib.build import Learner, learner
from skilllib.config import options
from skilllib.embedders import HashingEmbedder
from skilllib.errors import BudgetSpent, OtherPolicy
from skilllib.library import SkillLibrary
from skilllib.models.scripted import ScriptedModel
from skilllib.records.model import Request
from skilllib.testing import make_bakery

TASKS = "you have wheat | after.stock.wheat > before.stock.wheat\nyou have firewood | after.stock.firewood > before.stock.firewood"
GATHER = '```python\ndef get_{thing}() -> None:\n    """Get {thing}."""\n    walk(to="{place}")\n    gather(crop="{thing}")\n```'
PLACES = {"wheat": "field", "firewood": "forest"}


def says(request: Request) -> str:
    """What a model says that always proposes the same and believes that all is well."""
    asked = request.messages[-1].content
    thing = "firewood" if "firewood has gone up" in asked else "wheat"
    lines = {
        "propose": TASKS,
        "write": GATHER.format(thing=thing, place=PLACES[thing]),
        "judge": "yes\nIt looks so.",
        "act": f"Thought: go on.\nAction: {'gather' if f'walk(to={PLACES[thing]!r}) done' in asked else 'walk'}"
        + (f"(crop={thing!r})" if f"walk(to={PLACES[thing]!r}) done" in asked else f"(to={PLACES[thing]!r})"),
    }
    return lines.get(request.purpose, "Gather what is there.")


@contextmanager
def learned(folder: Path, preset: str | None, **given: Any) -> Iterator[tuple[Learner, list[Request]]]:
    asked: list[Request] = []

    def answer(request: Request) -> str:
        asked.append(request)
        return says(request)

    chosen = options(
        environment="bakery", library=str(folder), model="m", preset=preset, jobs=1, max_attempts=6, budget={"calls": 40}, **given
    )
    with learner(
        chosen,
        recorder=lambda event, **fields: None,
        run="run",
        embedder=HashingEmbedder(),
        world=functools.partial(make_bakery, length=100),
        model=lambda name: ScriptedModel(answer, name=name),
    ) as made:
        with suppress(BudgetSpent):
            made.agent.learn(made.unfinished)
        yield made, asked


def test_voyager_believes_a_model_whatever_the_checks_say_and_keeps_the_checks(tmp_path: Path) -> None:
    with learned(tmp_path / "library", "voyager") as (made, asked):
        library, traces = made.library, [trace for _, trace in made.library.traces()]
        assert library.policy == "opinion" and library.skills("active") and library.problems() == []
        activations = [entry for entry in library.ledger() if entry.change.kind == "activate"]
        assert activations and all("opinion" in entry.decision.codes for entry in library.ledger())
        assert all(attempt.verdict.by == "opinion" for trace in traces for attempt in trace.attempts)
        assert any(trace.task.check is not None for trace in traces), "so that false accepts can be measured"
        purposes = {request.purpose for request in asked}
        assert purposes == {"propose", "answer", "write", "judge", "describe"}, "no advice of ours"
        assert {attempt.route for trace in traces for attempt in trace.attempts} == {"write"}, "nothing is tried before writing"


def test_react_acts_step_by_step_and_keeps_nothing(tmp_path: Path) -> None:
    with learned(tmp_path / "library", "react") as (made, asked):
        traces = [trace for _, trace in made.library.traces()]
        assert made.library.skills() == () and made.library.policy == "evidence"
        assert all(len(attempt.execution.trajectory) <= 1 for trace in traces for attempt in trace.attempts)
        assert any(trace.solved for trace in traces) and all(a.proof is None for trace in traces for a in trace.attempts)
        assert {request.purpose for request in asked} <= {"propose", "act", "advise", "answer"}


def test_without_a_library_no_program_calls_a_skill_and_none_is_offered(tmp_path: Path) -> None:
    with learned(tmp_path / "library", "no-library") as (made, _):
        attempts = [attempt for _, trace in made.library.traces() for attempt in trace.attempts]
        assert attempts and not any(attempt.retrieved or attempt.execution.skill_calls for attempt in attempts)
        assert {attempt.route for attempt in attempts} == {"write"}


@pytest.mark.parametrize(("first", "second"), [("voyager", None), (None, "voyager")])
def test_a_library_of_one_law_is_not_taught_by_the_other(tmp_path: Path, first: str | None, second: str | None) -> None:
    policy = "opinion" if first == "voyager" else "evidence"
    SkillLibrary.open(tmp_path / "library", create=True, policy=policy).close()  # type: ignore[arg-type]
    with pytest.raises(OtherPolicy, match="--library"), learned(tmp_path / "library", second):
        pass
