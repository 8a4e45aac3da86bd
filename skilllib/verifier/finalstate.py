"""Voyager's verdict: an error is a failure, everything else is a matter of opinion."""

from __future__ import annotations

from dataclasses import dataclass

from skilllib.protocols import Verifier
from skilllib.records.execution import Execution, Verdict
from skilllib.records.task import Task


@dataclass(frozen=True)
class ErrorsFail:
    """Lets a judge decide unless the program ended in an error; then nobody is asked."""

    judge: Verifier

    def verify(self, task: Task, execution: Execution) -> Verdict:
        """Return the verdict.

        Raises:
            ModelError: The judge is a model and gave no reply.
        """
        if execution.error is None:
            return self.judge.verify(task, execution)
        return Verdict(solved=False, score=0.0, reason=f"the program ended in an error: {execution.error.message}", by="opinion")
