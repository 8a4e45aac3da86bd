"""A run with a model that is interrupted at any call, and resumed, comes to the same end."""

from __future__ import annotations

import functools
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from skilllib.build import learner
from skilllib.config import options
from skilllib.embedders import HashingEmbedder
from skilllib.errors import ModelUnavailable
from skilllib.models.scripted import ScriptedModel
from skilllib.records.model import Request
from skilllib.testing import make_bakery

LINES = """hold firewood | after.stock.firewood >= 1
make dough | after.stock.dough >= 1
light the oven | after.oven.lit and not before.oven.lit
hold wheat | after.stock.wheat >= 1
hold 2 wheat | after.stock.wheat >= 2"""
PROGRAMS = {
    "stock.firewood is at": 'def get_firewood() -> None:\n    """Get firewood."""\n    walk("forest")\n    gather("firewood")',
    "stock.wheat is at": 'def get_wheat(amount: int = 1) -> None:\n    """Get wheat."""\n    walk("field")\n    gather("wheat")',
    "oven.lit": 'def heat() -> None:\n    """Light the oven."""\n    walk("kitchen")\n    light()',
    "tally.milled_flour": 'def mill() -> None:\n    """Mill flour."""\n    walk("mill")\n    grind()',
}


def says(request: Request) -> str:
    text = request.messages[-1].content
    if request.purpose == "propose":
        return LINES if len(text) % 3 else "I would rather not."
    if request.purpose == "write":
        task = request.messages[-1].content.partition("<task>")[2].partition("</task>")[0]
        program = next((program for words, program in PROGRAMS.items() if words in task), None)
        return f"```python\n{program}\n```" if program else "I cannot."
    return "Gather what is lacking first."


def learned(folder: Path, *, calls: int | None, attempts: int = 20) -> list[dict[str, Any]]:
    """The traces of a run whose model is gone after some calls; None for one that stays."""
    left = [10**9 if calls is None else calls]

    def answer(request: Request) -> str | ModelUnavailable:
        left[0] -= 1
        return says(request) if left[0] >= 0 else ModelUnavailable("gone")

    chosen = options(
        environment="bakery", library=str(folder), model="m", jobs=1, max_attempts=attempts, honing=0.3, context="retry"
    )
    with learner(
        chosen,
        recorder=lambda event, **fields: None,
        run="run",
        embedder=HashingEmbedder(),
        world=functools.partial(make_bakery, length=150),
        model=lambda name: ScriptedModel(answer, name=name),
    ) as made:
        with suppress(ModelUnavailable):
            made.agent.learn(made.unfinished)
        found = [trace.model_dump(mode="json") for _, trace in made.library.traces()]
    return [_timeless(trace) for trace in found]


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if key not in ("seconds", "profile")}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return learned(tmp_path_factory.mktemp("whole") / "library", calls=None)


def test_the_run_has_every_kind_of_task(whole: list[dict[str, Any]]) -> None:
    ids = [trace["task"]["id"] for trace in whole]
    assert {name.partition(":")[0] for name in ids} >= {"have", "model", "milestone"}
    assert any(not trace["attempts"] for trace in whole) and any(trace["task"]["context"] for trace in whole)


@pytest.mark.parametrize("calls", [0, 1, 3, 6, 8, 11, 19, 24, 29, 38, 43, 48])
def test_a_run_whose_model_was_gone_for_a_while_comes_to_the_same_end(
    tmp_path: Path, calls: int, whole: list[dict[str, Any]]
) -> None:
    learned(tmp_path / "library", calls=calls)
    assert learned(tmp_path / "library", calls=None) == whole
