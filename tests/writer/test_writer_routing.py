"""Run, adapt, plan, and only then write: every route with its exact trace, on the toy world."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from agents import bakery_agent

from skilllib.agent import Agent
from skilllib.protocols import Draft
from skilllib.records.execution import Trace
from skilllib.records.experience import CallExperience
from skilllib.records.program import Program
from skilllib.records.task import Task
from skilllib.records.world import Missing
from skilllib.testing import HashingEmbedder, ScriptedWriter
from skilllib.writer.chain import planned
from skilllib.writer.mending import MendingWriter
from skilllib.writer.providers import known_skills
from skilllib.writer.routing import RoutingWriter

HARVEST = "def harvest(amount: int = 1) -> None:\n    'Harvest wheat.'\n    walk('field')\n" + (
    "    while facts()['stock']['wheat'] < amount:\n        gather('wheat')\n"
)
MILL = "def mill() -> None:\n    'Mill flour.'\n    harvest(facts()['stock']['wheat'] + 2)\n    walk('mill')\n    grind()\n"
FETCH = "def fetch(crop: Literal['wheat', 'egg', 'firewood'], amount: int = 1) -> None:\n    'Fetch a crop.'\n" + (
    "    walk({'wheat': 'field', 'egg': 'coop', 'firewood': 'forest'}[crop])\n"
    "    for _ in range(30):\n        if facts()['stock'][crop] >= amount:\n            return\n"
    "        try:\n            gather(crop)\n        except RuntimeError:\n            pass\n"
)


def program(source: str) -> Program:
    return Program.parse(source)


def task(name: str, check: str, **parameters: tuple[int, ...]) -> Task:
    return Task(id=name, environment="bakery", goal=name, check=check, parameters=parameters)


WHEAT = task("wheat", "after.stock.wheat >= amount", amount=(2, 1, 3))
FLOUR = task("flour", "after.stock.flour >= 1")
WHEAT_LACK = Missing(fact="stock.wheat", at_least=3)


@contextmanager
def routed(folder: Path, *programs: str | Draft) -> Iterator[tuple[Agent, ScriptedWriter]]:
    """An agent that asks its library first, and then takes what it was given."""
    written = ScriptedWriter(*programs)
    with bakery_agent(folder / "library", writer=written) as agent:
        spec = agent.life.environment.spec
        agent.writer = RoutingWriter(spec, memory=agent.memory, skills=agent.library, then=written)
        agent.attempts_per_task = 6
        yield agent, written


def solved(agent: Agent, one: Task) -> Trace:
    agent.life.leave()
    agent.progress.proposed()
    return agent.solve(one)


def routes(trace: Trace) -> list[str]:
    return [attempt.route for attempt in trace.attempts]


def test_what_no_skill_does_is_written(tmp_path: Path) -> None:
    with routed(tmp_path, HARVEST) as (agent, written):
        trace = solved(agent, WHEAT)
    assert trace.solved and routes(trace) == ["write"] and len(written.tasks) == 1
    assert trace.attempts[-1].admitted


def test_what_a_skill_was_shown_to_do_is_run_and_nothing_is_written(tmp_path: Path) -> None:
    with routed(tmp_path, HARVEST) as (agent, written):
        solved(agent, WHEAT)
        trace = solved(agent, WHEAT)
        skills = agent.library.skills()
    assert trace.solved and routes(trace) == ["run"] and len(written.tasks) == 1, "the writer was not asked again"
    assert trace.attempts[0].reuses == skills[0].version_hash and len(skills) == 1 and trace.attempts[0].proof is None


def test_another_amount_is_an_argument(tmp_path: Path) -> None:
    with routed(tmp_path, HARVEST) as (agent, written):
        solved(agent, WHEAT)
        trace = solved(agent, task("much wheat", "after.stock.wheat > 6"))
    assert trace.solved and routes(trace) == ["adapt"] and len(written.tasks) == 1
    assert trace.attempts[0].execution.arguments == {"amount": 7}


def test_another_word_of_a_closed_set_is_an_argument(tmp_path: Path) -> None:
    with routed(tmp_path, Draft(program=program(FETCH), arguments={"crop": "wheat"})) as (agent, written):
        solved(agent, WHEAT)
        trace = solved(agent, task("kindling", "after.stock.firewood >= 2"))
    assert trace.solved and routes(trace) == ["adapt"] and len(written.tasks) == 1
    assert trace.attempts[0].execution.arguments == {"crop": "firewood", "amount": 2}


def test_a_chain_of_skills_is_planned_proved_and_kept_without_a_writer(tmp_path: Path) -> None:
    with routed(tmp_path, HARVEST, MILL) as (agent, written):
        solved(agent, WHEAT), solved(agent, FLOUR)
        both = task("both", "after.stock.wheat >= 2 and after.stock.flour >= 1")
        trace = solved(agent, both)
        active = {skill.name: skill for skill in agent.library.skills("active")}
        again = solved(agent, both)
    assert trace.solved and routes(trace) == ["plan"] and len(written.tasks) == 2
    assert trace.attempts[0].proof is not None and trace.attempts[0].proof.accepted and trace.attempts[0].admitted
    source = trace.attempts[0].program.source
    assert source.index("mill()") < source.index("harvest("), "what uses wheat up comes before the wheat that is to be left"
    assert {callee.name for callee in active["both"].calls} == {"harvest", "mill"}
    assert routes(again) == ["run"], "what was planned once is a skill"


def test_a_skill_that_does_it_once_is_planned_to_do_it_often(tmp_path: Path) -> None:
    with routed(tmp_path, HARVEST, MILL) as (agent, _):
        solved(agent, WHEAT), solved(agent, FLOUR)
        trace = solved(agent, task("sacks", "after.stock.flour >= sacks", sacks=(2, 1, 3)))
    assert (
        trace.solved and routes(trace) == ["plan"] and "while facts()['stock']['flour'] < sacks" in trace.attempts[0].program.source
    )


def test_a_chain_prepares_what_a_failed_run_said_was_lacking(tmp_path: Path) -> None:
    """The skill was proved where wheat is plenty; where there is none its failure names it, and another skill provides it."""
    with routed(tmp_path, HARVEST, MILL) as (agent, _):
        solved(agent, WHEAT), solved(agent, FLOUR)
        mill = next(skill for skill in agent.library.skills("active") if skill.name == "mill")
        lack = Missing(fact="stock.firewood", at_least=1)
        agent.memory.record([CallExperience(name=f"skill:{mill.code_hash}", calls=1, missing=(lack,))])
        agent.memory.record([CallExperience(name=f"skill:{mill.code_hash}", calls=1, missing=(WHEAT_LACK,))])
        known = known_skills(agent.library, agent.life.environment.spec)
        (draft,) = planned(FLOUR, known, spec=agent.life.environment.spec, memory=agent.memory)
    lines = [line.strip() for line in draft.program.source.splitlines()]
    assert "if facts()['stock']['wheat'] < 3:" in lines and lines[-1] == "mill()"
    assert lines[lines.index("if facts()['stock']['wheat'] < 3:") + 1] == "harvest(3)"
    assert "firewood" not in draft.program.source, "what no skill provides it may well do without"


def test_what_failed_for_good_is_not_tried_again(tmp_path: Path) -> None:
    impossible = task("impossible", "after.stock.wheat >= 50")
    nothing = "def wait() -> None:\n    'Walk about.'\n    walk('home')\n"
    with routed(tmp_path, HARVEST, nothing) as (agent, written):
        solved(agent, WHEAT)
        trace = solved(agent, impossible)
    assert routes(trace) == ["adapt", "write"] and not trace.solved
    assert len(written.tasks) == 3, "once for the wheat, twice for what cannot be"


@pytest.mark.parametrize("check", ["after.stock.wheat + after.stock.egg >= 4", "after.vigor < before.vigor", "after.at == 'moon'"])
def test_what_conditions_cannot_say_goes_to_the_writer(tmp_path: Path, check: str) -> None:
    with routed(tmp_path, HARVEST) as (agent, written):
        solved(agent, WHEAT)
        trace = solved(agent, task("odd", check))
    assert not trace.attempts and len(written.tasks) == 2


def test_rounds_count_what_was_written_and_not_what_was_run(tmp_path: Path) -> None:
    idle = "def wait() -> None:\n    'Walk about.'\n    walk('home')\n"
    with routed(tmp_path, HARVEST, idle, idle.replace("wait", "wait_two"), idle.replace("wait", "wait_three")) as (agent, written):
        solved(agent, WHEAT)
        spec, memory, skills = agent.life.environment.spec, agent.memory, agent.library
        then = MendingWriter(spec, memory=memory, skills=skills, embedder=HashingEmbedder(), then=written, rounds=2)
        agent.writer = RoutingWriter(spec, memory=memory, skills=skills, then=then)
        trace = solved(agent, task("impossible", "after.stock.wheat >= 50"))
    assert routes(trace) == ["adapt", "write", "write"]


def test_a_near_copy_of_a_skill_becomes_one_skill_with_it_instead_of_being_proved_in_vain(tmp_path: Path) -> None:
    wheat = "def get_wheat() -> None:\n    'Get wheat.'\n    walk('field')\n    gather('wheat')\n"
    wood = wheat.replace("wheat", "firewood").replace("field", "forest")
    with routed(tmp_path, wheat, wood) as (agent, _):
        solved(agent, task("wheat", "after.stock.wheat > before.stock.wheat"))
        trace = solved(agent, task("wood", "after.stock.firewood > before.stock.firewood"))
        (skill,) = agent.library.skills("active")
        assert trace.solved and trace.attempts[-1].admitted == skill.version_hash
        assert {provision.check.split()[0] for provision in skill.contract.provides} == {
            "after.stock.wheat",
            "after.stock.firewood",
        }
        assert [old.name for old in agent.library.skills("retired")] == ["get_wheat"]
