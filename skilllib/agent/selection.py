"""Choice among candidates by execution: each is run from the present state, and the world is put back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from skilllib.life import Life
from skilllib.memory import observed
from skilllib.protocols import Draft, Environment, Links, Sandbox, Snapshotting, Verifier
from skilllib.records.base import Scalar
from skilllib.records.execution import Execution, Limits
from skilllib.records.experience import Experience
from skilllib.records.task import Task
from skilllib.workers import Job, Workers

Rank = tuple[bool, float, bool, int]
"""Lower is better: unsolved, minus the share of the check that holds, failed, world steps."""


class Choice(NamedTuple):
    """The best of several drafts, and what choosing it took."""

    draft: Draft
    world_steps: int = 0
    experience: Experience = Experience()
    """What the others showed about single calls."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Runs the candidates of a round from one state and chooses the best.

    What solved the task comes first, then what met more of its check, then what did not fail, then what took fewer world
    steps; among equals the order in which they were written decides. The state is put back by a snapshot where the world
    has them, else made again from its seed by the calls of the episode so far, in a worker. Where neither can be, the
    first candidate is taken. The one that is chosen is run again in the real world, so what is kept of it is real.
    """

    sandbox: Sandbox
    verifier: Verifier
    limits: Limits
    workers: Workers | None = None
    """For worlds with seeds and without snapshots."""

    def choose(self, task: Task, draft: Draft, *, links: Links, life: Life) -> Choice:
        """Return the best of a draft and its alternatives."""
        drafts = _distinct([replace(draft, alternatives=()), *draft.alternatives])
        if len(drafts) == 1 or (executions := self._rehearsed(task, drafts, links, life)) is None:
            return Choice(drafts[0])
        ranks = [self._rank(task, one, execution) for one, execution in zip(drafts, executions, strict=True)]
        best = min(range(len(drafts)), key=lambda i: (ranks[i], i))
        others = [call for i, execution in enumerate(executions) if i != best for call in observed(execution)]
        return Choice(drafts[best], sum(execution.world_steps for execution in executions), Experience().plus(others))

    def _rehearsed(self, task: Task, drafts: Sequence[Draft], links: Links, life: Life) -> list[Execution] | None:
        """Run the drafts, each from the present state; None where there is no way back to it."""
        world, seed = life.environment, life.world_seed
        jobs = [self._job(task, draft, links, life, seed or 0) for draft in drafts]
        if world.spec.snapshots and isinstance(world, Snapshotting):
            return [self._here(job, world, life.environment) for job in jobs]
        return self.workers.run(jobs) if self.workers is not None and seed is not None else None

    def _here(self, job: Job, world: Snapshotting, environment: Environment) -> Execution:
        token = world.snapshot()
        try:
            return self.sandbox.run(
                job.program,
                arguments=job.arguments,
                closure=job.closure,
                calls=job.calls,
                environment=environment,
                limits=job.limits,
            )
        finally:
            world.restore(token)

    def _job(self, task: Task, draft: Draft, links: Links, life: Life, seed: int) -> Job:
        closure, calls = links.of(draft)
        return Job(
            program=draft.program,
            arguments=fitting(draft, task),
            closure=closure,
            calls=calls,
            seed=seed,
            limits=self.limits,
            prefix=tuple(life.calls),
        )

    def _rank(self, task: Task, draft: Draft, execution: Execution) -> Rank:
        arguments = {**task.arguments(), **fitting(draft, task)}
        check = task.parsed_check()  # where there is none, an opinion on every candidate would cost more than it tells
        solved = check is not None and self.verifier.verify(task, execution.model_copy(update={"arguments": arguments})).solved
        met = check.met(execution.before.facts, execution.after.facts, arguments) if check else 0.0
        failed = execution.error is not None or execution.stopped is not None or not execution.trajectory
        return not solved, -met, failed, execution.world_steps


def fitting(draft: Draft, task: Task) -> dict[str, Scalar]:
    """Return the arguments with which a draft is run at a task."""
    names = {parameter.name for parameter in draft.program.parameters}
    return {name: value for name, value in {**draft.arguments, **task.arguments()}.items() if name in names}


def _distinct(drafts: Sequence[Draft]) -> list[Draft]:
    seen: dict[tuple[str, str], Draft] = {}
    for draft in drafts:
        seen.setdefault((draft.program.source, repr(sorted(draft.arguments.items()))), draft)
    return list(seen.values())
