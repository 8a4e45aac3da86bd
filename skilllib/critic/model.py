"""Advice from a language model, where the environment's own feedback does not say enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from skilllib.critic.feedback import FeedbackCritic
from skilllib.prompts import Part, lines
from skilllib.prompts.role import Role
from skilllib.prompts.shown import changes_text, clipped, facts_text, steps_text
from skilllib.protocols import Critic
from skilllib.records.execution import Execution, Verdict
from skilllib.records.facts import changes
from skilllib.records.task import Task

LENGTH = 300
"""Characters of advice."""


@dataclass(frozen=True, kw_only=True)
class ModelCritic:
    """Asks a model what to do differently, unless the environment or the program's error named it already.

    Args:
        role: Who gives the advice.
        known: What can be called, a line each.
        fallback: Reads the environment's feedback; what it says comes first, and alone where that is enough.
    """

    role: Role
    known: str = ""
    fallback: Critic = field(default_factory=FeedbackCritic)

    def advise(self, task: Task, execution: Execution, verdict: Verdict) -> str | None:
        """Return advice, or None for what was solved.

        Raises:
            ModelError: The model gave no reply.
        """
        told = self.fallback.advise(task, execution, verdict)
        if verdict.solved or informative(execution):
            return told
        reply = self.role.ask(list(self._parts(task, execution, verdict)))
        advice = clipped(reply, LENGTH)
        return "; ".join(part for part in (told, advice) if part) or None

    def _parts(self, task: Task, execution: Execution, verdict: Verdict) -> Iterator[Part]:
        """Yield what is shown: the goal and why it was missed is worth most, what is there besides least."""
        before, after = execution.before.facts, execution.after.facts
        yield Part("goal", task.goal, 12)
        yield Part("check", task.check or "", 11)
        yield Part("outcome", clipped(verdict.reason), 10)
        yield from lines("known", self.known, 9)
        yield from lines("calls", steps_text(execution.trajectory), 8, latest=True)
        yield from lines("changes", changes_text(changes(before, after)), 6)
        yield from lines("after", facts_text(after), 4)


def informative(execution: Execution) -> bool:
    """Return whether an execution says by itself what to change.

    It named what was missing, or said to try again; a line is wrong; or no call was made, so that there is nothing to criticise.
    """
    error = execution.error
    if error is None:
        return not execution.trajectory and execution.stopped is None
    return error.failure is None or bool(error.failure.missing) or error.failure.retry
