"""Workers run programs on fresh worlds; results do not depend on how many work."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from skilllib.errors import SandboxUnavailable
from skilllib.records.execution import Execution, Limits
from skilllib.records.program import Program
from skilllib.sandbox import MontySandbox
from skilllib.testing import Bakery, make_bakery
from skilllib.workers import Job, Workers, void

PROGRAM = Program.parse(
    "def find(tries: int = 3) -> None:\n    'Find.'\n    walk('coop')\n    for _ in range(tries):\n        gather('egg')\n"
)


def job(seed: int, tries: int = 3) -> Job:
    return Job(program=PROGRAM, arguments={"tries": tries}, closure=(), calls={}, seed=seed, limits=Limits())


def seen(executions: list[Execution]) -> list[Execution]:
    return [execution.model_copy(update={"seconds": 0.0}) for execution in executions]


def test_executions_come_in_the_order_of_the_jobs_and_do_not_depend_on_how_many_work() -> None:
    jobs = [job(seed, tries=1 + seed % 3) for seed in range(6)]
    with (
        Workers(world=make_bakery, sandbox=MontySandbox) as one,
        Workers(world=make_bakery, sandbox=MontySandbox, processes=2) as two,
    ):
        alone, together = seen(one.run(jobs)), seen(two.run(jobs))
        again = seen(two.run(list(reversed(jobs))))
    assert alone == together == list(reversed(again))
    assert len({tuple(step.outcome.failure is None for step in execution.trajectory) for execution in alone}) > 1


def test_every_job_begins_in_a_fresh_world() -> None:
    with Workers(world=make_bakery, sandbox=MontySandbox) as workers:
        first, second = seen(workers.run([job(5), job(5)]))
    assert first == second and first.before.facts["stock"]["egg"] == 0


class _Dying(Bakery):
    def reset(self, seed: int | None = None) -> None:  # type: ignore[override]
        os._exit(3)


def test_a_worker_that_dies_again_and_again_is_our_failure_and_says_what_to_do() -> None:
    with (
        Workers(world=_Dying, sandbox=MontySandbox, processes=2) as workers,
        pytest.raises(SandboxUnavailable, match="--jobs 1"),
    ):
        workers.run([job(1), job(2)])


def test_closing_twice_is_harmless_and_lets_go_of_the_world() -> None:
    closed: list[bool] = []

    class Watched(Bakery):
        def close(self) -> None:
            closed.append(True)
            super().close()

    workers = Workers(world=Watched, sandbox=MontySandbox)
    workers.run([job(1)])
    workers.close()
    workers.close()
    assert closed == [True]


def test_a_prefix_leads_into_the_middle_of_an_episode_and_is_no_part_of_the_execution() -> None:
    prefix = (("walk", {"to": "field"}), ("gather", {"crop": "wheat"}))
    with Workers(world=make_bakery, sandbox=MontySandbox) as workers:
        (execution,) = workers.run([replace(job(5), prefix=prefix)])
        (whole,) = workers.run([job(5)])
    assert execution.before.facts["stock"]["wheat"] == 1 and execution.before.facts["at"] == "field"
    assert execution.trajectory[0].primitive == "walk" and execution.world_steps == whole.world_steps
    assert not void(execution)


def test_a_prefix_that_ends_the_episode_makes_the_case_void() -> None:
    prefix = tuple(("walk", {"to": place}) for place in ("field", "home") * 40)
    with Workers(world=make_bakery, sandbox=MontySandbox) as workers:
        (execution,) = workers.run([replace(job(5), prefix=prefix)])
    assert void(execution) and execution.stopped == "terminated" and execution.before == execution.after
