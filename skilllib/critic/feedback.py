"""Advice from the environment's own feedback, without a model."""

from __future__ import annotations

from skilllib.records.execution import Execution, Verdict
from skilllib.records.task import Task


class FeedbackCritic:
    """Repeats what the environment said was missing, or says where the program ended."""

    def advise(self, task: Task, execution: Execution, verdict: Verdict) -> str | None:
        """Return advice from the environment's own feedback, or None when there is none."""
        if verdict.solved:
            return None
        if missing := execution.missing():
            return "first obtain " + "; ".join(lack.words() for lack in missing)
        if execution.error is not None:
            return f"the program ended early: {verdict.reason}"
        if execution.stopped is not None:
            return f"the episode did not last: {verdict.reason}"
        if not execution.trajectory:
            return "no call was made, since every test was false from the start: leave the tests out, or test what is there now"
        return f"the program ran to its end, but {verdict.reason}"


class VerdictCritic:
    """Passes on the words of whoever judged, and says nothing after an error, as Voyager's critic does."""

    def advise(self, task: Task, execution: Execution, verdict: Verdict) -> str | None:
        """Return the verdict's reason, or None when there is nothing to criticise."""
        return None if verdict.solved or execution.error is not None else verdict.reason
