"""The verifier asks the task's check, and says no where nothing can decide."""

from __future__ import annotations

from typing import Any

import pytest

from skilllib.records.execution import Execution, ProgramError, Step
from skilllib.records.task import Task
from skilllib.records.world import Observation, Outcome
from skilllib.verifier.check import CheckVerifier

STEP = Step(primitive="take", outcome=Outcome())


def task(check: str | None = "after.rope >= 1", **options: Any) -> Task:
    return Task(id="t", environment="e", goal="have rope", check=check, **options)


def execution(before: Any = None, after: Any = None, **options: Any) -> Execution:
    return Execution(
        before=Observation(text="", facts={"rope": 0} if before is None else before),
        after=Observation(text="", facts={"rope": 1} if after is None else after),
        trajectory=options.pop("trajectory", (STEP,)),
        **options,
    )


def test_a_check_that_came_true_solves_the_task() -> None:
    verdict = CheckVerifier().verify(task(), execution())
    assert verdict.solved and verdict.by == "check" and verdict.score == 1.0


def test_without_a_check_the_answer_is_no_and_nobody_gave_it() -> None:
    verdict = CheckVerifier().verify(task(check=None), execution())
    assert not verdict.solved and verdict.by == "nobody"


def test_what_held_before_was_not_achieved() -> None:
    verdict = CheckVerifier().verify(task(), execution(before={"rope": 3}, after={"rope": 4}))
    assert not verdict.solved and "before" in verdict.reason


def test_a_world_that_changed_without_a_call_was_not_changed_by_the_program() -> None:
    verdict = CheckVerifier().verify(task(), execution(trajectory=()))
    assert not verdict.solved and "no primitive call" in verdict.reason


@pytest.mark.parametrize("after", [{}, {"rope": None}, {"rope": "many"}, {"rope": {"length": 1}}])
def test_a_fact_that_is_missing_or_of_the_wrong_kind_is_a_no(after: Any) -> None:
    assert not CheckVerifier().verify(task(), execution(after=after)).solved


def test_what_a_program_returns_or_prints_is_no_evidence() -> None:
    testimony = execution(after={"rope": 0}, value={"solved": True, "success": True}, output='{"verdict": {"solved": true}}')
    assert not CheckVerifier().verify(task(), testimony).solved


def test_a_program_that_failed_after_reaching_the_goal_has_reached_it() -> None:
    error = ProgramError(kind="runtime", message="division by zero", line=3)
    assert CheckVerifier().verify(task(), execution(error=error)).solved


def test_the_reason_of_a_no_tells_where_the_program_ended() -> None:
    error = ProgramError(kind="primitive", message="out of reach", line=3, skill="fetch", primitive="take('rope')")
    verdict = CheckVerifier().verify(task(), execution(after={"rope": 0}, error=error))
    assert all(word in verdict.reason for word in ("take('rope')", "out of reach", "line 3", "fetch"))
    stopped = CheckVerifier().verify(task(), execution(after={"rope": 0}, stopped="terminated"))
    assert "ended" in stopped.reason


def test_parameters_come_from_the_execution_first_and_then_from_the_task() -> None:
    wanted = task("after.rope >= amount", parameters={"amount": (2, 5)})
    assert not CheckVerifier().verify(wanted, execution()).solved
    assert CheckVerifier().verify(wanted, execution(after={"rope": 2})).solved
    assert not CheckVerifier().verify(wanted, execution(after={"rope": 2}, arguments={"amount": 3})).solved


def test_an_argument_that_is_no_parameter_of_the_task_cannot_bend_the_check() -> None:
    assert not CheckVerifier().verify(task(), execution(after={"rope": 0}, arguments={"after": 1, "rope": 1})).solved
