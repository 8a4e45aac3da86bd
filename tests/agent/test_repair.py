"""A skill is mended where it broke: a new version through the ordinary door, not a wrapper around the old one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from agents import bakery_agent

from skilllib.agent import Agent
from skilllib.agent.selection import Selection
from skilllib.cli.replay import Replay
from skilllib.curriculum.repairing import RepairingCurriculum
from skilllib.protocols import Draft
from skilllib.records.blame import blamed
from skilllib.records.execution import Trace
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import Observation
from skilllib.sandbox import MontySandbox
from skilllib.testing import ScriptedWriter, make_bakery
from skilllib.verifier.check import CheckVerifier
from skilllib.workers import Workers
from skilllib.writer.routing import RoutingWriter

MILLED = "after.tally.milled_flour > before.tally.milled_flour"
FLOUR = Task(id="flour", environment="bakery", goal="mill flour", check=MILLED)
HOME = Task(id="home", environment="bakery", goal="flour at home", check=f"{MILLED} and after.at == 'home'")


def mill(*lines: str) -> str:
    return "def mill() -> None:\n    'Mill flour.'\n" + "".join(f"    {line}\n" for line in (*lines, "walk('mill')", "grind()"))


FETCH = ("    walk('field')", "    while facts()['stock']['wheat'] < 2:", "        gather('wheat')")
BRITTLE = mill("if facts()['stock']['wheat'] == 0:", *FETCH)
"""It never met a single ear of wheat in hand, since every proof begins with empty hands."""
MENDED = mill("if facts()['stock']['wheat'] < 2:", *FETCH)
MENDED_HERE = mill("if facts()['stock']['wheat'] == 0 or facts()['at'] == 'mill':", *FETCH)
"""It does it where the failed program left the world, not where the skill was called."""
CALLER = "def bring() -> None:\n    'Bring flour.'\n    walk('field')\n    gather('wheat')\n    mill()\n    walk('home')\n"
AROUND = CALLER.replace("    gather('wheat')\n", "    gather('wheat')\n    gather('wheat')\n").replace("bring", "bring_two")


class Listed:
    """Sets tasks in order; each until it was recorded."""

    def __init__(self, *tasks: Task) -> None:
        self.tasks, self.traces = tasks, list[Trace]()

    def propose(self, observation: Observation) -> Task | None:
        done = {trace.task.id for trace in self.traces}
        return next((task for task in self.tasks if task.id not in done), None)

    def record(self, trace: Trace) -> None:
        self.traces.append(trace)


class Watched(RepairingCurriculum):
    """Makes sure at every step that one which is told everything again would go on alike."""

    def record(self, trace: Trace) -> None:
        super().record(trace)
        inner = self.inner
        assert isinstance(inner, Listed)
        again = RepairingCurriculum(Listed(*inner.tasks), spec=self._spec, skills=self._skills)
        for one in inner.traces:
            again.record(one)
        assert again._pending == self._pending


@contextmanager
def mending(folder: Path, *programs: str | Draft, tasks: tuple[Task, ...] = (FLOUR, HOME), attempts: int = 2) -> Iterator[Agent]:
    writer = ScriptedWriter(*programs)
    with bakery_agent(folder / "library", writer=writer, attempts_per_task=attempts, max_attempts=20) as agent:
        spec = agent.life.environment.spec
        curriculum = Watched(Listed(*tasks), spec=spec, skills=agent.library)
        agent.curriculum = curriculum
        agent.writer = RoutingWriter(spec, memory=agent.memory, skills=agent.library, then=writer, mendable=curriculum.mendable)
        agent.prover = replace(agent.prover, skills=agent.library)  # type: ignore[type-var]
        yield agent


def told(agent: Agent) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """What was tried for each task: (program, route, solved)."""
    curriculum = agent.curriculum
    assert isinstance(curriculum, RepairingCurriculum) and isinstance(curriculum.inner, Listed)
    return [
        (trace.task.id.partition("@")[0], [(one.program.name, one.route, one.solved) for one in trace.attempts])
        for trace in curriculum.inner.traces
    ]


def versions(agent: Agent, name: str = "mill") -> list[Skill]:
    return [skill for skill in agent.library.skills() if skill.name == name]


def test_a_broken_skill_is_mended_and_then_the_task_is_done(tmp_path: Path) -> None:
    with mending(tmp_path, BRITTLE, CALLER, MENDED, CALLER) as agent:
        agent.learn()
        assert told(agent) == [
            ("flour", [("mill", "write", True)]),
            ("home", [("bring", "write", False)]),
            ("repair:mill", [("mill", "repair", True)]),
            ("home", [("bring", "write", True)]),
        ]
        old, new = versions(agent)
        assert (old.status, new.status) == ("retired", "active") and new.program and new.program.source == MENDED
        assert new.contract.provides == old.contract.provides, "it promises what the old one promised"
        (bring,) = versions(agent, "bring")
        assert bring.calls[0].code_hash == new.code_hash, "what is written afterwards rests on the new version"
        (edit,) = [entry for entry in agent.library.ledger() if entry.change.kind == "edit"]
        assert edit.change.base == old.code_hash and edit.decision.outcome == "promote"


def test_the_failing_case_is_kept_and_can_be_replayed(tmp_path: Path) -> None:
    with mending(tmp_path, BRITTLE, CALLER, MENDED, CALLER) as agent:
        agent.learn()
        old, new = versions(agent)
        (case,) = [test for test in agent.library.tests(new.code_hash) if test.prefix]
        assert [name for name, _ in case.prefix][-2:] == ["walk", "gather"], "it starts where the skill was entered"
        worlds = {test.seed for test in agent.library.tests(old.code_hash)}
        assert worlds < {test.seed for test in agent.library.tests(new.code_hash)}, "every earlier test was passed"
        with Replay(agent.library, workers=lambda name, options: Workers(world=make_bakery, sandbox=MontySandbox)) as replay:
            result = replay.run(new)
        assert result.passed == len(result.tests) > len(worlds), "the command `verify` starts in the middle as well"
        world = make_bakery()
        world.reset(case.seed)
        for name, arguments in case.prefix:
            assert world.call(name, arguments).failure is None
        assert world.observe().facts["stock"]["wheat"] == 1 and world.observe().facts["at"] == "field"


def test_a_repair_that_does_not_pass_the_failing_case_is_refused(tmp_path: Path) -> None:
    with mending(tmp_path, BRITTLE, CALLER, MENDED_HERE, tasks=(FLOUR, HOME), attempts=1) as agent:
        agent.max_attempts = 3
        agent.learn()
        assert told(agent)[2] == ("repair:mill", [("mill", "repair", False)])
        assert [skill.status for skill in versions(agent)] == ["active", "trial"]
        decision = agent.library.ledger()[-1].decision
        assert decision.outcome == "reject" and "kept_test_fails" in decision.codes and "kept tests fail" in decision.reason


def test_a_repair_that_makes_an_earlier_kept_test_fail_is_refused(tmp_path: Path) -> None:
    with mending(tmp_path, BRITTLE, CALLER, attempts=1) as agent:
        agent.max_attempts = 2
        agent.learn()
        (skill,) = versions(agent)
        place = _start(agent.library.tests(skill.code_hash)[0].seed)
        worse = MENDED.replace(
            "    if facts",
            f"    if facts()['at'] == '{place}' and facts()['stock']['wheat'] == 0:\n        return\n    if facts",
            1,
        )
        agent.writer = RoutingWriter(
            agent.life.environment.spec, memory=agent.memory, skills=agent.library, then=ScriptedWriter(worse)
        )
        agent.max_attempts = 3
        agent.learn()
        assert told(agent)[2] == ("repair:mill", [("mill", "repair", False)])
        entry = agent.library.ledger()[-1]
        assert entry.change.kind == "edit" and "kept_test_fails" in entry.decision.codes, entry.decision.reason
        assert versions(agent)[0].status == "active", "the old version stays"


def _start(seed: int | None) -> str:
    return str(make_bakery().reset(seed).facts["at"])


PLAIN = "def bring() -> None:\n    'Bring flour.'\n    mill()\n    if facts()['at'] == 'mill':\n        walk('home')\n"
"""It works with the brittle skill, and relies on being at the mill afterwards."""
FAR = CALLER.replace("bring", "bring_far").replace("walk('home')", "walk('forest')")
FOREST = Task(id="forest", environment="bakery", goal="flour in the forest", check=f"{MILLED} and after.at == 'forest'")


def test_callers_of_a_mended_skill_follow_it(tmp_path: Path) -> None:
    with mending(tmp_path, BRITTLE, PLAIN, FAR, MENDED, FAR, tasks=(FLOUR, HOME, FOREST)) as agent:
        agent.learn()
        assert [task for task, _ in told(agent)] == ["flour", "home", "forest", "repair:mill", "forest"]
        library, (first, second) = agent.library, versions(agent, "bring")
        assert (first.status, second.status) == ("retired", "active") and second.program == first.program
        assert second.calls[0].code_hash == library.get("mill").code_hash != first.calls[0].code_hash
        assert second.provenance.relinked_from == first.code_hash and library.problems() == []
        (mended,) = [trace.attempts[-1] for _, trace in library.traces() if trace.task.repairs]
        assert mended.proof is not None and [caller.name for caller in mended.proof.callers] == ["bring"]
        own = sum(trial.world_steps for trial in mended.proof.trials)
        assert mended.proof.world_steps > own and agent.progress.steps_proving >= mended.proof.world_steps


def test_a_repair_that_breaks_a_caller_is_refused_and_not_proved_a_second_time(tmp_path: Path) -> None:
    away = f"{MENDED}    walk('field')\n"
    with mending(tmp_path, BRITTLE, PLAIN, FAR, away, FAR, away, tasks=(FLOUR, HOME, FOREST), attempts=1) as agent:
        agent.max_attempts = 6
        agent.learn()
        repairs = [trace.attempts[-1] for _, trace in agent.library.traces() if trace.task.repairs]
        assert [one.solved for one in repairs] == [False, False] and versions(agent)[0].status == "active"
        (entry,) = [entry for entry in agent.library.ledger() if entry.change.kind == "edit"]
        assert entry.decision.outcome == "reject" and "caller_fails" in entry.decision.codes and "'bring'" in entry.decision.reason
        first, again = (one.proof for one in repairs)
        assert first is not None and first.trials and first.rejected_in is None
        assert again is not None and again.rejected_in == entry.number and again.world_steps == 0
        assert "rejected before" in again.reason and agent.library.problems() == []


def test_a_skill_that_cannot_be_mended_is_written_around_in_the_end(tmp_path: Path) -> None:
    with mending(tmp_path, BRITTLE, CALLER, MENDED_HERE, CALLER, MENDED_HERE, AROUND, attempts=1) as agent:
        agent.max_attempts = 6
        agent.learn()
        assert [task for task, _ in told(agent)] == ["flour", "home", "repair:mill", "home", "repair:mill", "home"]
        assert told(agent)[-1] == ("home", [("bring_two", "write", True)])


def test_a_task_is_set_aside_at_once_and_not_tried_again_in_vain(tmp_path: Path) -> None:
    with mending(tmp_path, BRITTLE, CALLER, MENDED, CALLER, attempts=8) as agent:
        agent.learn()
        assert [len(attempts) for _, attempts in told(agent)] == [1, 1, 1, 1]


def test_a_repair_under_another_signature_is_not_even_run(tmp_path: Path) -> None:
    other = MENDED.replace("def mill()", "def mill(amount: int = 1)")
    with mending(tmp_path, BRITTLE, CALLER, other, CALLER, attempts=1) as agent:
        agent.max_attempts = 3
        agent.learn()
        assert told(agent)[2] == ("repair:mill", [])


def test_of_several_repairs_the_one_that_works_replaces_the_skill(tmp_path: Path) -> None:
    stale, good = Program.parse(mill("grind()")), Program.parse(MENDED)
    both = Draft(program=stale, alternatives=(Draft(program=good),))
    with mending(tmp_path, BRITTLE, CALLER, both, CALLER) as agent:
        agent.selection = Selection(sandbox=agent.sandbox, verifier=CheckVerifier(), limits=agent.limits)
        agent.learn()
        assert told(agent)[2] == ("repair:mill", [("mill", "repair", True)])
        assert [skill.status for skill in versions(agent)] == ["retired", "active"]


def test_a_guess_at_new_arguments_that_fails_is_not_the_skills_fault(tmp_path: Path) -> None:
    harvest = "def harvest(amount: int = 1) -> None:\n    'Harvest wheat.'\n    walk('field')\n" + (
        "    while facts()['stock']['wheat'] < amount:\n        gather('wheat')\n"
    )
    few = Task(id="few", environment="bakery", goal="wheat", check="after.stock.wheat >= amount", parameters={"amount": (2, 1, 3)})
    many = Task(id="many", environment="bakery", goal="a field of wheat", check="after.stock.wheat >= 50")
    with mending(tmp_path, harvest, tasks=(few, many)) as agent:
        agent.learn()
        assert told(agent) == [("few", [("harvest", "write", True)]), ("many", [("harvest", "adapt", False)])]
        (skill,) = versions(agent, "harvest")
        assert agent.library.statistics(skill.code_hash).failed == 0


def test_the_failure_counts_where_it_broke_and_not_in_its_caller(tmp_path: Path) -> None:
    outer = "def outer() -> None:\n    'Call it.'\n    mill()\n"
    nested = "def nested() -> None:\n    'Bring flour.'\n    walk('field')\n    gather('wheat')\n    outer()\n    walk('home')\n"
    rested = Task(id="outer", environment="bakery", goal="outer", check=f"{MILLED} and after.at == 'mill'")
    with mending(tmp_path, BRITTLE, outer, nested, MENDED, nested, tasks=(FLOUR, rested, HOME), attempts=1) as agent:
        spec, library = agent.life.environment.spec, agent.library
        agent.writer = _Unrouted(agent.writer)
        agent.max_attempts = 3
        agent.learn()
        counted = {skill.name: library.statistics(skill.code_hash) for skill in library.skills("active")}
        assert (counted["mill"].failed, counted["outer"].failed) == (1, 0) and spec.name == "bakery"
        curriculum = agent.curriculum
        assert isinstance(curriculum, RepairingCurriculum)
        repair = curriculum.propose(agent.life.wake())
        assert repair is not None and repair.id.startswith("repair:mill@"), "the inner one is mended"


class _Unrouted:
    """Leaves the routes out, so that the scripted programs are taken."""

    def __init__(self, routed: object) -> None:
        self._then = routed._then  # type: ignore[attr-defined]

    def write(self, task, *, skills, trace):  # type: ignore[no-untyped-def]
        return self._then.write(task, skills=skills, trace=trace)


@pytest.mark.parametrize(
    "caller",
    [
        CALLER.replace("mill()", "grind()"),
        CALLER.replace("    mill()", "    while True:\n        walk('mill')\n        walk('field')"),
    ],
    ids=["the program itself", "the end of the episode"],
)
def test_where_no_skill_is_to_blame_nothing_is_mended(tmp_path: Path, caller: str) -> None:
    with mending(tmp_path, BRITTLE, caller, attempts=1) as agent:
        agent.learn()
        assert [task for task, _ in told(agent)] == ["flour", "home"]


def test_chance_is_nobodys_fault(tmp_path: Path) -> None:
    unlucky = "def egg() -> None:\n    'Look for an egg.'\n    walk('coop')\n    gather('egg')\n"
    caller = "def eggs() -> None:\n    'Look for eggs.'\n    while True:\n        egg()\n"
    found = Task(id="egg", environment="bakery", goal="egg", check="after.tally.found_egg > before.tally.found_egg")
    many = Task(id="eggs", environment="bakery", goal="eggs", check="after.stock.egg >= 19")
    with mending(tmp_path, unlucky, caller, tasks=(found, many), attempts=1) as agent:
        agent.prover = replace(agent.prover, test=replace(agent.prover.test, threshold=0.05))  # type: ignore[attr-defined, type-var]
        agent.writer = _Unrouted(agent.writer)
        agent.learn()
        curriculum = agent.curriculum
        assert isinstance(curriculum, RepairingCurriculum) and isinstance(curriculum.inner, Listed)
        last = curriculum.inner.traces[-1].attempts[-1]
        assert not last.solved and blamed(last) is None
