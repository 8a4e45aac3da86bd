"""How to do a task is asked once, when it was said to be asked, and the answer is kept with the task's traces."""

from __future__ import annotations

from pathlib import Path

import pytest
from agents import silent
from proposing import curriculum, requests, start, trace

from skilllib.build import learner
from skilllib.config import options
from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary
from skilllib.library.admission import Policy
from skilllib.models.scripted import ScriptedModel
from skilllib.records.execution import Trace
from skilllib.records.task import Task
from skilllib.testing import make_bakery

LINE = "have flour | after.stock.flour >= 1"
SCRIPT = {"propose": lambda request: LINE, "answer": lambda request: "Gather two wheat first.\nThen grind."}


@pytest.mark.parametrize(("when", "asked"), [("never", [False, False]), ("retry", [False, True]), ("always", [True, True])])
def test_a_question_is_asked_when_it_was_said(when: str, asked: list[bool]) -> None:
    council = curriculum(SCRIPT, when=when)
    task = Task(id="t", environment="bakery", goal="have flour")
    assert [bool(council.questions.posed(task, skills="", failed=why).context) for why in ("", "no wheat")] == asked
    assert not council.questions.posed(task.model_copy(update={"lasting": False}), skills="", failed="no wheat").context


def test_the_answer_stands_below_its_question_and_is_not_asked_again_by_who_has_the_trace() -> None:
    first = curriculum(SCRIPT, when="always")
    task = first.propose(start())
    assert task is not None and task.context == "How to have flour?\nGather two wheat first. Then grind."
    resumed = curriculum(SCRIPT, when="always")
    resumed.questions.note(trace(task))
    assert resumed.propose(start()) == task
    assert len(requests(first)) == 2 and len(requests(resumed)) == 1


def test_the_reason_of_the_failure_is_part_of_the_question() -> None:
    council = curriculum(SCRIPT, when="retry")
    task = council.propose(start())
    assert task is not None
    council.record(trace(task, advice="first obtain 2 wheat"))
    assert council.questions.posed(task, skills="", failed="first obtain 2 wheat").context.startswith(
        "How to have flour, given that it failed: first obtain 2 wheat?\n"
    )


def test_an_empty_answer_is_no_context() -> None:
    council = curriculum({"propose": [LINE], "answer": ["<think>hm</think>  "]}, when="always")
    task = council.propose(start())
    assert task is not None and task.context == ""


@pytest.mark.parametrize("preset", ["no-library", "voyager", None])
def test_what_earlier_runs_of_a_library_asked_about_a_world_is_known(tmp_path: Path, preset: str | None) -> None:
    policy: Policy = "opinion" if preset == "voyager" else "evidence"
    task = Task(id="t", environment="bakery", goal="have flour")
    told = task.model_copy(update={"context": "How to have flour?\nGrind wheat."})
    elsewhere = Task(id="u", environment="forge", goal="have iron", context="How to have iron?\nSmelt ore.")
    with (
        SkillLibrary.open(tmp_path / "library", create=True, embedder=HashingEmbedder(), policy=policy) as library,
        library.writing("x"),
    ):
        library.begin_run("earlier", {})
        for i, one in enumerate((told, elsewhere)):
            library.begin_trace(f"earlier/{i}", run="earlier", trace=Trace(task=one))
    model = ScriptedModel(["Dig."])
    asked = {} if preset == "voyager" else {"context": "always"}
    chosen = options(environment="bakery", library=str(tmp_path / "library"), model="m", jobs=1, preset=preset, **asked)
    with learner(
        chosen, recorder=silent, run="run", embedder=HashingEmbedder(), world=make_bakery, model=lambda name: model
    ) as made:
        council = getattr(made.agent.curriculum, "inner", made.agent.curriculum)
        assert council.questions.posed(task, skills="", failed="") == told and not model.requests
        iron = council.questions.posed(elsewhere.model_copy(update={"environment": "bakery", "context": ""}), skills="", failed="")
        assert iron.context == "How to have iron?\nDig."
