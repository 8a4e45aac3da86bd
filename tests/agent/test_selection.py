"""Candidates are chosen by what they do, from one and the same state, and the world does not notice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from agents import bakery_agent

from skilllib.agent import Agent
from skilllib.agent.selection import Selection
from skilllib.protocols import Draft
from skilllib.records.execution import Attempt, Limits
from skilllib.records.program import Program
from skilllib.records.task import Task
from skilllib.records.world import Observation
from skilllib.sandbox import MontySandbox
from skilllib.testing import ScriptedWriter, make_bakery
from skilllib.verifier.check import CheckVerifier
from skilllib.workers import Workers

TASK = Task(id="t", environment="bakery", goal="wheat and wood", check="after.stock.wheat >= 1 and after.stock.firewood >= 1")


def program(name: str, *lines: str) -> Draft:
    body = "".join(f"    {line}\n" for line in lines)
    return Draft(program=Program.parse(f"def {name}() -> None:\n    'Do it.'\n{body}"))


FAILS = program("fails", "grind()")
IDLES = program("idles", "pass")
HALF = program("half", "walk('field')", "gather('wheat')")
HALF_FAILS = program("half_fails", "walk('field')", "gather('wheat')", "grind()")
WHOLE = program("whole", "walk('field')", "gather('wheat')", "walk('forest')", "gather('firewood')")
LONG = program("long", "walk('home')", "walk('field')", "gather('wheat')", "walk('forest')", "gather('firewood')")
EGGS = program(
    "eggs", "walk('coop')", "for _ in range(5):", "    try:", "        gather('egg')", "    except RuntimeError:", "        pass"
)


class WithoutSnapshots:
    """The bakery as a world whose state cannot be kept."""

    def __init__(self, *, seeds: bool = True) -> None:
        self._bakery = make_bakery()
        self.spec = self._bakery.spec.model_copy(update={"snapshots": False, "seeds": seeds})

    def reset(self, seed: int | None = None) -> Observation:
        return self._bakery.reset(7 if seed is None else seed)

    def __getattr__(self, name: str) -> Any:
        if name in ("snapshot", "restore"):
            raise AttributeError(name)
        return getattr(self._bakery, name)


@contextmanager
def choosing(folder: Path, *drafts: Draft, world: Any = None) -> Iterator[Agent]:
    first, *others = drafts
    offered = Draft(program=first.program, alternatives=tuple(others))
    writer = ScriptedWriter(offered, offered, offered)
    with (
        bakery_agent(folder / "library", writer=writer) as agent,
        MontySandbox() as sandbox,
        Workers(world=world or make_bakery, sandbox=MontySandbox) as workers,
    ):
        agent.life.environment = world() if world else agent.life.environment
        agent.selection = Selection(sandbox=sandbox, verifier=CheckVerifier(), limits=Limits(), workers=workers)
        yield agent


def attempted(agent: Agent, task: Task = TASK) -> Attempt:
    agent.progress.proposed()
    agent.attempts_per_task = 1
    return agent.solve(task).attempts[0]


@pytest.mark.parametrize(
    ("drafts", "best"),
    [
        ((FAILS, HALF, WHOLE), "whole"),
        ((HALF, HALF_FAILS), "half"),
        ((HALF_FAILS, HALF), "half"),
        ((FAILS, HALF_FAILS), "half_fails"),
        ((IDLES, FAILS, program("walks", "walk('mill')", "walk('home')")), "walks"),
        ((LONG, WHOLE), "whole"),
        ((WHOLE, program("same", "walk('field')", "gather('wheat')", "walk('forest')", "gather('firewood')")), "whole"),
    ],
    ids=["solved", "unfailing", "unfailing, whatever the order", "nearer", "acting", "cheaper", "first among equals"],
)
@pytest.mark.parametrize("world", [None, WithoutSnapshots], ids=["snapshots", "seeds"])
def test_the_best_candidate_is_run(tmp_path: Path, drafts: tuple[Draft, ...], best: str, world: Any) -> None:
    with choosing(tmp_path, *drafts, world=world) as agent:
        attempt = attempted(agent)
    assert attempt.program.name == best


@pytest.mark.parametrize("world", [None, WithoutSnapshots], ids=["snapshots", "seeds"])
def test_what_choosing_costs_is_counted_and_what_is_kept_is_real(tmp_path: Path, world: Any) -> None:
    with choosing(tmp_path, HALF, WHOLE, world=world) as agent:
        attempt = attempted(agent)
        after, calls = agent.life.wake(), list(agent.life.calls)
        half = sum({"walk": 2, "gather": 1}[name] for name, _ in calls[:2])
        assert attempt.steps_choosing == half + attempt.execution.world_steps
        assert (
            agent.progress.environment_steps
            == attempt.steps_choosing + attempt.execution.world_steps + agent.progress.steps_proving
        )
    assert [name for name, _ in calls] == ["walk", "gather", "walk", "gather"] and after == attempt.execution.after
    assert {call.name for call in attempt.experience.calls} == {"walk", "gather"}


def test_both_ways_back_lead_to_the_same_state_in_the_middle_of_an_episode(tmp_path: Path) -> None:
    found = []
    for name, world in (("snapshots", None), ("seeds", WithoutSnapshots)):
        with choosing(tmp_path / name, EGGS, HALF, world=world) as agent:
            once = attempted(agent, Task(id="e", environment="bakery", goal="eggs", check="after.stock.egg >= 20"))
            again = attempted(agent, Task(id="f", environment="bakery", goal="more", check="after.stock.egg >= 20"))
        found.append([(one.program.name, one.steps_choosing, one.execution.after) for one in (once, again)])
    assert found[0] == found[1] and found[0][0][0] == "half"


def test_without_a_way_back_the_first_candidate_is_taken(tmp_path: Path) -> None:
    with choosing(tmp_path, HALF, WHOLE, world=lambda: WithoutSnapshots(seeds=False)) as agent:
        attempt = attempted(agent)
    assert attempt.program.name == "half" and attempt.steps_choosing == 0


def test_a_single_candidate_is_run_once(tmp_path: Path) -> None:
    with choosing(tmp_path, WHOLE, WHOLE) as agent:
        assert attempted(agent).steps_choosing == 0, "the same program twice is one candidate"


def test_what_the_others_lacked_is_experience_too(tmp_path: Path) -> None:
    with choosing(tmp_path, FAILS, WHOLE) as agent:
        attempt = attempted(agent)
    (grind,) = (call for call in attempt.experience.calls if call.name == "grind")
    assert grind.missing and attempt.program.name == "whole"


def test_a_candidate_that_ends_the_episode_does_not_end_the_life(tmp_path: Path) -> None:
    deadly = program("deadly", "while True:", "    walk('home')", "    walk('field')")
    with choosing(tmp_path, deadly, WHOLE) as agent:
        attempt = attempted(agent)
        agent.life.wake()
        assert attempt.program.name == "whole" and agent.life.episode == 0
