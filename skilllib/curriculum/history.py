"""What a run has come to so far, as far as it matters for the next task; follows from the traces alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from skilllib.prompts.shown import clipped
from skilllib.records.execution import Trace
from skilllib.records.facts import Facts

STARTS = 20
"""Beginnings of episodes that are remembered."""


@dataclass(kw_only=True)
class History:
    """Goals solved and failed, and how episodes began."""

    tasks: int = 0
    solved: dict[str, str] = field(default_factory=dict)
    """Task id → goal, in the order in which they were first solved."""
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Task id → (goal, why), for those that were never solved, the latest last."""
    starts: dict[int, Facts] = field(default_factory=dict)
    """Episode → facts before its first attempt."""

    def add(self, trace: Trace) -> None:
        """Add how a task went."""
        self.tasks += 1
        for attempt in trace.attempts:
            if len(self.starts) < STARTS:
                self.starts.setdefault(attempt.episode, attempt.execution.before.facts)
        task = trace.task
        self.failed.pop(task.id, None)
        if trace.solved:
            self.solved.setdefault(task.id, task.goal)
        elif task.id not in self.solved:
            self.failed[task.id] = (task.goal, _why(trace))

    def goals(self) -> list[str]:
        """Return all goals that were set."""
        return [*self.solved.values(), *(goal for goal, _ in self.failed.values())]

    def why(self, task_id: str) -> str:
        """Return why a task failed the last time; nothing if it did not."""
        return self.failed.get(task_id, ("", ""))[1]


def _why(trace: Trace) -> str:
    if not trace.attempts:
        return "no program could be written for it"
    last = trace.attempts[-1]
    if last.verdict.solved and last.proof is not None:
        return clipped(f"it worked once, but not again: {last.proof.reason}")
    return clipped(last.advice or last.verdict.reason)
