"""Every call to a model belongs to the task for which it was made, and a model that is of no use ends the run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from agents import silent

from skilllib.agent.agent import USELESS_TASKS
from skilllib.build import Learner, learner
from skilllib.config import options
from skilllib.embedders import HashingEmbedder
from skilllib.errors import ModelUseless
from skilllib.models.scripted import ScriptedModel
from skilllib.records.execution import Trace
from skilllib.records.model import Request
from skilllib.records.task import Task
from skilllib.testing import make_bakery

IN_VAIN = '```python\ndef go_on() -> None:\n    """Go on."""\n    walk("mill")\n    int("mill")\n```'
LINES = """you have flour | after.stock.flour >= 1
you have bread | after.stock.bread >= 1"""


@contextmanager
def learning(folder: Path, answer: Callable[[Request], str], **given: Any) -> Iterator[Learner]:
    chosen = options(
        environment="bakery", library=str(folder), model="m", jobs=1, context="never", **{"preset": "no-library", **given}
    )
    with learner(
        chosen,
        recorder=silent,
        run="run",
        embedder=HashingEmbedder(),
        world=functools.partial(make_bakery, length=100),
        model=lambda name: ScriptedModel(answer, name=name),
    ) as made:
        yield made


def purposes(trace: Trace) -> tuple[list[list[str]], list[str]]:
    """What was asked for each attempt, and after the last."""
    return [[call.purpose for call in a.model_calls] for a in trace.attempts], [call.purpose for call in trace.model_calls]


def test_what_is_asked_in_vain_after_the_last_attempt_is_on_the_trace_of_its_task(tmp_path: Path) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> str:
        asked.append(request)
        last = "Why it failed" in request.messages[-1].content
        return {"propose": LINES, "write": "No." if last else IN_VAIN}.get(request.purpose, "Gather wheat.")

    with learning(tmp_path / "library", answer, max_attempts=2) as made:
        made.agent.learn()
        first, second = (trace for _, trace in made.library.traces())
        assert purposes(first) == ([["propose", "write"]], ["write", "write"])
        assert purposes(second) == ([["write"]], [])
        assert made.library.problems() == []
        kept = [call for trace in (first, second) for a in trace.attempts for call in a.model_calls] + list(first.model_calls)
        assert len(kept) == len(asked) == made.agent.progress.model_calls


def test_a_model_without_a_program_for_so_many_tasks_in_a_row_ends_the_run(tmp_path: Path) -> None:
    with learning(tmp_path / "library", lambda request: LINES if request.purpose == "propose" else "I like turtles.") as made:
        with pytest.raises(ModelUseless, match=f"for {USELESS_TASKS} tasks in a row the model's replies held no program"):
            made.agent.learn()
        traces = [trace for _, trace in made.library.traces()]
        assert len(traces) == USELESS_TASKS == 5 and made.library.skills() == () and made.library.problems() == []
        assert not any(trace.attempts for trace in traces) and all(trace.model_calls for trace in traces)


def test_one_program_that_can_be_run_is_enough_to_go_on(tmp_path: Path) -> None:
    tasks: list[str] = []

    def answer(request: Request) -> str:
        if request.purpose != "write":
            return LINES
        tasks.extend([request.messages[-1].content] if request.temperature == 0 else [])
        return IN_VAIN if len(tasks) == USELESS_TASKS - 1 else "I like turtles."

    with learning(tmp_path / "library", answer, attempts_per_task=1) as made:
        with pytest.raises(ModelUseless):
            made.agent.learn()
        tried = [bool(trace.attempts) for _, trace in made.library.traces()]
    assert tried == [False] * (USELESS_TASKS - 2) + [True] + [False] * USELESS_TASKS


def test_a_skill_that_is_written_once_more_is_run_and_the_call_counts_as_writing(tmp_path: Path) -> None:
    wheat = '```python\ndef {}() -> None:\n    """Get wheat."""\n    walk("field")\n    gather("wheat")\n```'
    names = iter(("get_wheat", "get_food"))
    first = Task(id="a", environment="bakery", goal="get wheat", check="after.stock.wheat > before.stock.wheat")
    either = f"{first.check} or after.stock.egg > before.stock.egg"
    second = first.model_copy(update={"id": "b", "goal": "get food", "check": either})

    def answer(request: Request) -> str:
        return wheat.format(next(names)) if request.purpose == "write" else "Gets wheat."

    with learning(tmp_path / "library", answer, preset=None) as made:
        for task in (first, second, first):
            made.agent.progress.proposed()
            made.agent.solve(task)
        (skill,) = made.library.skills("active")
        attempts = [attempt for _, trace in made.library.traces() for attempt in trace.attempts]
        assert [(one.route, one.reuses, one.solved) for one in attempts] == [
            ("write", None, True),
            ("write", skill.version_hash, True),
            ("run", skill.version_hash, True),
        ]
        assert [[call.purpose for call in one.model_calls] for one in attempts] == [["write", "describe"], ["write"], []]
        assert made.agent.progress.routes["run"]["model_calls"] == 0 and len(made.library.skills()) == 1
