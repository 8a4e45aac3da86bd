"""A world in which a task was done already cannot show what a program does that tests for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from agents import bakery_agent

from skilllib.agent import Agent
from skilllib.records.execution import Attempt
from skilllib.records.task import Task
from skilllib.testing import ScriptedWriter

FIELD = Task(id="field", environment="bakery", goal="walk to the field", check="after.at == 'field'")
WHEAT = Task(
    id="wheat", environment="bakery", goal="gather wheat", check="after.tally.harvested_wheat > before.tally.harvested_wheat"
)
GO = "def go() -> None:\n    'Go to the field.'\n    walk('field')\n"
HERE = "def take() -> None:\n    'Gather wheat.'\n    gather('wheat')\n"
TESTED = (
    "def pick() -> None:\n    'Gather wheat.'\n"
    "    if facts()['tally']['harvested_wheat'] < 1:\n        {}\n        gather('wheat')\n"
)
ANYWHERE = TESTED.format("walk('field')")
NEVER = TESTED.format("walk('home')")
IDLE = "def rest_not() -> None:\n    'Do nothing.'\n    facts()\n"


def attempts(agent: Agent) -> list[Attempt]:
    return list(agent.solve(WHEAT).attempts)


def test_a_program_that_tests_for_what_was_reached_is_run_in_another_world(tmp_path: Path) -> None:
    with bakery_agent(tmp_path / "library", writer=ScriptedWriter(GO, HERE, ANYWHERE)) as agent:
        agent.progress.proposed()
        agent.solve(FIELD)
        agent.progress.proposed()
        here, anywhere = attempts(agent)
        assert here.verdict.solved and not here.solved, "it works where the agent stood, and in no fresh world"
        assert anywhere.solved and anywhere.episode == here.episode + 1
        assert [step.primitive for step in anywhere.execution.trajectory] == ["walk", "gather"]


@pytest.mark.parametrize("program", [NEVER, IDLE])
def test_what_fails_there_too_fails(tmp_path: Path, program: str) -> None:
    with bakery_agent(tmp_path / "library", writer=ScriptedWriter(GO, HERE, program)) as agent:
        agent.progress.proposed()
        agent.solve(FIELD)
        agent.progress.proposed()
        here, last = attempts(agent)
        assert not last.verdict.solved and last.episode == here.episode + 1
        assert last.execution.before.facts["tally"]["harvested_wheat"] == 0  # type: ignore[index,call-overload]


def test_a_world_in_which_nothing_was_reached_is_not_left(tmp_path: Path) -> None:
    with bakery_agent(tmp_path / "library", writer=ScriptedWriter(IDLE, ANYWHERE)) as agent:
        agent.progress.proposed()
        idle, last = attempts(agent)
        assert not idle.verdict.solved and last.solved and last.episode == idle.episode == 0
