"""The verifier that asks the task's check."""

from __future__ import annotations

from skilllib.records.execution import Execution, Verdict
from skilllib.records.task import Task


class CheckVerifier:
    """Decides by the task's check over facts recorded on our side; refuses what it cannot decide."""

    def verify(self, task: Task, execution: Execution) -> Verdict:
        """Return the verdict; without a check the answer is no, given by `nobody`."""
        check = task.parsed_check()
        if check is None:
            return Verdict(solved=False, score=0.0, reason="the task has no check, so nothing can decide", by="nobody")
        arguments = {**execution.arguments, **{k: v for k, v in task.arguments().items() if k not in execution.arguments}}
        before, after = execution.before.facts, execution.after.facts
        if check.holds(before, before, arguments):
            return Verdict(solved=False, score=0.0, reason="the check held before anything was done")
        if not execution.trajectory:
            return Verdict(solved=False, score=0.0, reason=_failure(execution) or "the program made no primitive call")
        if check.holds(before, after, arguments):
            return Verdict(solved=True, score=1.0, reason=f"{check.source} holds")
        return Verdict(solved=False, score=0.0, reason=_failure(execution) or f"{check.source} does not hold")


def _failure(execution: Execution) -> str:
    error = execution.error
    if error is not None:
        where = f" in {error.skill}" if error.skill else ""
        line = f" at line {error.line}" if error.line else ""
        what = f"{error.primitive}: " if error.primitive else ""
        return f"{what}{error.message}{line}{where}"
    reasons = {
        "terminated": "the world ended",
        "truncated": "the episode's time ran out",
        "steps": "the budget of world steps ran out",
        "deadline": "the deadline passed",
    }
    return reasons.get(execution.stopped or "", "")
