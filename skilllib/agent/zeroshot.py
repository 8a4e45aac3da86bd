"""Tries tasks with a library that is only read: nothing is proved, counted or kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from skilllib.life import Life
from skilllib.memory import Memory, observed
from skilllib.models.account import Account
from skilllib.models.spans import span
from skilllib.protocols import Critic, Draft, Links, Retriever, Sandbox, Verifier, Writer
from skilllib.records.base import Scalar
from skilllib.records.execution import Attempt, Limits, Trace
from skilllib.records.experience import Experience
from skilllib.records.skill import Skill
from skilllib.records.task import Task


class NoWriter:
    """Has nothing to write: the library has to suffice."""

    def write(self, task: Task, *, skills: Sequence[Skill], trace: Trace) -> Draft | None:
        """Return None."""
        return None


@dataclass(kw_only=True)
class ZeroShot:
    """Runs, adapts and chains active skills for a task, and has code written where they do not suffice.

    What failed calls lacked is remembered until it is dropped; the library stays as it is.
    """

    life: Life
    known: Writer
    """Drafts what active skills can do by themselves."""
    writer: Writer
    """Drafts what they can do, and new code after that."""
    sandbox: Sandbox
    verifier: Verifier
    critic: Critic
    links: Links
    retriever: Retriever
    memory: Memory
    limits: Limits
    account: Account = field(default_factory=Account)
    attempts_per_task: int = 4
    skills_per_task: int = 5
    max_steps: int | None = None
    """World steps after which nothing more is tried."""
    steps: int = 0
    """World steps so far."""
    learned: Sequence[str] = ()
    """Nothing, ever."""
    _attempts: int = field(init=False, default=0)

    @property
    def writes(self) -> bool:
        """Whether new code can be written."""
        return self.writer is not self.known

    def pursue(self, task: Task, *, write: bool) -> Trace:
        """Try a task until it is solved, nothing is left to try, the episode ends, or a budget is spent."""
        with span("task", id=task.id, goal=task.goal):
            trace = self._tried(task, self.writer if write else self.known)
        return trace.model_copy(update={"model_calls": self.account.take()})

    def _tried(self, task: Task, writer: Writer) -> Trace:
        trace = Trace(task=task)
        skills = [hit.skill for hit in self.retriever.retrieve(task.goal, k=self.skills_per_task)]
        while not (trace.solved or ended(trace) or len(trace.attempts) >= self.attempts_per_task) and self.within_budget():
            with span("attempt", number=self._attempts + 1):
                draft = writer.write(task, skills=skills, trace=trace)
                if draft is None:
                    break
                trace = trace.plus(self._attempt(task, draft, skills))
        return trace

    def within_budget(self) -> bool:
        """Return whether world steps are left."""
        return self.max_steps is None or self.steps < self.max_steps

    def _attempt(self, task: Task, draft: Draft, skills: Sequence[Skill]) -> Attempt:
        linked = self.links.of(draft)
        names = {parameter.name for parameter in draft.program.parameters}
        given: dict[str, Scalar] = {**draft.arguments, **task.arguments()}
        left = self.limits.world_steps if self.max_steps is None else min(self.limits.world_steps, self.max_steps - self.steps)
        execution = self.sandbox.run(
            draft.program,
            arguments={name: value for name, value in given.items() if name in names},
            closure=linked.closure,
            calls=linked.calls,
            environment=self.life.environment,
            limits=self.limits.model_copy(update={"world_steps": left}),
        )
        self.life.took(execution)
        self.steps += execution.world_steps
        self._attempts += 1
        verdict = self.verifier.verify(task, execution.model_copy(update={"arguments": {**given, **execution.arguments}}))
        experience = observed(execution)
        self.memory.record(experience)
        return Attempt(
            number=self._attempts,
            program=draft.program,
            rationale=draft.rationale,
            route=draft.route,
            reuses=draft.reuses.version_hash if draft.reuses else None,
            execution=execution,
            verdict=verdict,
            advice=self.critic.advise(task, execution, verdict),
            seed=self.life.world_seed,
            retrieved=tuple(skill.name for skill in skills),
            experience=Experience(calls=experience),
            model_calls=self.account.take(),
        )


def ended(trace: Trace) -> str | None:
    """Return how an attempt of a trace ended the episode, or None if it goes on."""
    stops = [attempt.execution.stopped for attempt in trace.attempts]
    return next((stop for stop in stops if stop in ("terminated", "truncated")), None)
