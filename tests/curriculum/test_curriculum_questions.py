"""How to do a task is asked once, when it was said to be asked, and the answer is kept with the task's traces."""

from __future__ import annotations

import pytest
from proposing import curriculum, requests, start, trace

from skilllib.records.task import Task

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
