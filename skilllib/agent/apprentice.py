"""Tries tasks as an agent that learns: what solves one has to prove itself, and is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from skilllib.agent.agent import Agent
from skilllib.protocols import Writer
from skilllib.records.execution import Trace
from skilllib.records.task import Task


@dataclass(kw_only=True)
class Apprentice:
    """Lends an agent's hands to a task that somebody else sets; see `ZeroShot` for those that keep nothing."""

    agent: Agent
    known: Writer
    """Drafts what active skills can do by themselves."""
    writer: Writer
    """Drafts what they can do, and new code after that."""
    learned: list[str] = field(init=False, default_factory=list)
    """Names of the skills that became active, in order."""

    @property
    def writes(self) -> bool:
        """Whether new code can be written; an agent without a model searches for it."""
        return True

    @property
    def steps(self) -> int:
        """World steps so far, those of proofs included."""
        return self.agent.progress.environment_steps

    def pursue(self, task: Task, *, write: bool) -> Trace:
        """Try a task as the agent does; a new program goes through the library's ordinary door."""
        self.agent.writer = self.writer if write else self.known
        self.agent.progress.proposed()
        trace = self.agent.solve(task)
        self.learned += [attempt.program.name for attempt in trace.attempts if attempt.admitted]
        return trace

    def within_budget(self) -> bool:
        """Return whether world steps are left."""
        return self.agent.max_steps is None or self.steps < self.agent.max_steps
