"""The pieces of Voyager's way: names that are overwritten, an opinion for proof, and a library that says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from agents import bakery_agent

from skilllib.agent import Agent
from skilllib.agent.byname import NamedLinks
from skilllib.critic import VerdictCritic
from skilllib.embedders import HashingEmbedder
from skilllib.errors import NotVerified
from skilllib.gate.opinion import OpinionGate
from skilllib.library import SkillLibrary
from skilllib.library.byname import linked_by_name
from skilllib.protocols import Draft
from skilllib.records.execution import Execution, Trace, Verdict
from skilllib.records.program import Program
from skilllib.records.task import Task
from skilllib.testing import ScriptedWriter
from skilllib.verifier.belief import Belief

FETCH = 'def fetch() -> None:\n    """Fetch firewood."""\n    walk("forest")\n    gather("firewood")\n'
FETCH_TWICE = FETCH + '    gather("firewood")\n'
FETCH_WHEAT = 'def fetch() -> None:\n    """Fetch wheat."""\n    walk("field")\n    gather("wheat")\n'
HEAT = 'def heat() -> None:\n    """Heat the oven."""\n    fetch()\n    fetch()\n    walk("kitchen")\n    light()\n'
CHECK = "after.tally.baked_bread > before.tally.baked_bread"


class Credulous:
    """A verifier in whose opinion everything that did not end in an error is solved."""

    def verify(self, task: Task, execution: Execution) -> Verdict:
        solved = execution.error is None
        return Verdict(solved=solved, score=float(solved), reason="looks good" if solved else "it ended early", by="opinion")


def task(number: int) -> Task:
    return Task(id=f"task {number}", environment="bakery", goal="bake bread", check=CHECK)


@contextmanager
def voyager(folder: Path, *programs: str, **numbers: Any) -> Iterator[Agent]:
    """An agent of the preset's pieces, with programs that are written already."""
    SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="exact", policy="opinion").close()
    with bakery_agent(folder, writer=ScriptedWriter(*programs), attempts_per_task=1, **numbers) as agent:
        agent.verifier, agent.prover, agent.gate, agent.critic = Credulous(), Belief(), OpinionGate(), VerdictCritic()
        agent.links, agent.provable = NamedLinks(agent.library), frozenset({"opinion"})
        yield agent


def solve(agent: Agent, number: int) -> Trace:
    agent.progress.proposed()
    return agent.solve(task(number))


def test_one_opinion_makes_a_skill_and_its_check_is_kept_to_measure_false_accepts_afterwards(tmp_path: Path) -> None:
    with voyager(tmp_path / "library", FETCH) as agent:
        trace = solve(agent, 1)
        (skill,) = agent.library.skills("active")
        assert trace.solved and skill.name == "fetch" and trace.attempts[-1].admitted == skill.version_hash
        assert skill.contract.provides[0].check == CHECK, "it holds nothing of the kind, and that can be found out"
        stored = dict(agent.library.traces())["run/1"]
        assert stored.task.check == CHECK and stored.attempts[-1].verdict.by == "opinion"
        assert [entry.decision.codes for entry in agent.library.ledger()] == [("trial", "opinion"), ("opinion",)]
        assert agent.library.problems() == []


def test_callers_silently_follow_an_overwritten_name(tmp_path: Path) -> None:
    with voyager(tmp_path / "library", FETCH, HEAT, FETCH_WHEAT, 'def again() -> None:\n    "Heat again."\n    heat()\n') as agent:
        traces = [solve(agent, number) for number in (1, 2, 3, 4)]
        assert [trace.solved for trace in traces] == [True, True, True, False]
        calls = [(step.primitive, step.within) for step in traces[3].attempts[0].execution.trajectory]
        assert ("gather", ("heat", "fetch")) in calls
        assert traces[3].attempts[0].execution.after.facts["stock"]["wheat"] == 3, "the old caller runs the new skill"
        assert "too little" in traces[3].attempts[0].verdict.reason or traces[3].attempts[0].execution.error is not None
        heat = agent.library.get("heat")
        assert agent.library.version(heat.calls[0].code_hash).status == "retired", "what it was written against is remembered"
        assert [skill.name for skill in agent.library.skills("active")] == ["heat", "fetch"]
        assert agent.library.statistics(agent.library.get("fetch").code_hash).called == 2
        assert agent.library.problems() == []


def test_an_overwritten_callee_may_call_other_primitives_than_its_caller_declared(tmp_path: Path) -> None:
    wait = 'def fetch() -> None:\n    """Wait at home."""\n    walk("home")\n    grind()\n'
    with voyager(tmp_path / "library", FETCH, HEAT, wait, 'def again() -> None:\n    "Heat again."\n    heat()\n') as agent:
        agent.verifier = type("Anything", (), {"verify": lambda self, task, execution: yes()})()
        for number in (1, 2, 3):
            solve(agent, number)
        error = solve(agent, 4).attempts[0].execution.error
        assert error is not None and error.kind == "primitive", "the world refuses, not the sandbox"


def yes() -> Verdict:
    return Verdict(solved=True, score=1.0, reason="looks good", by="opinion")


def test_names_may_call_each_other_in_a_circle_and_recursion_ends_at_its_limit(tmp_path: Path) -> None:
    ping = 'def ping() -> None:\n    """Ping."""\n    walk("home")\n'
    pong = 'def pong() -> None:\n    """Pong."""\n    ping()\n    walk("mill")\n'
    circle = 'def ping() -> None:\n    """Ping anew."""\n    walk("field")\n    pong()\n'
    with voyager(tmp_path / "library", ping, pong, circle, 'def go() -> None:\n    "Go."\n    ping()\n') as agent:
        assert solve(agent, 1).solved and solve(agent, 2).solved and solve(agent, 3).solved
        error = solve(agent, 4).attempts[0].execution.error
        assert error is not None and error.kind in ("recursion", "runtime")
        assert agent.library.problems() == []


def test_a_name_that_is_not_active_stands_for_nothing() -> None:
    program = Program.parse(HEAT)
    assert linked_by_name(program.names, ()) == ((), {})


def test_an_error_is_answered_with_no_critique_and_a_judgement_with_its_own_words(tmp_path: Path) -> None:
    with voyager(tmp_path / "library", 'def bad() -> None:\n    """Fail."""\n    bake()\n', FETCH) as agent:
        failed = solve(agent, 1).attempts[0]
        assert failed.execution.error is not None and failed.advice is None and not agent.library.skills()
        verdict = Verdict(solved=False, score=0.0, reason="the oven is cold still", by="opinion")
        assert VerdictCritic().advise(task(1), solve(agent, 2).attempts[0].execution, verdict) == "the oven is cold still"


def test_the_pieces_do_not_fit_a_library_that_goes_by_evidence(tmp_path: Path) -> None:
    with bakery_agent(tmp_path / "library", writer=ScriptedWriter(FETCH), attempts_per_task=1) as agent:
        agent.verifier, agent.prover, agent.gate = Credulous(), Belief(), OpinionGate()
        agent.provable = frozenset({"opinion"})
        with pytest.raises(NotVerified, match="opinion"):
            solve(agent, 1)
        assert agent.library.skills() == () and agent.library.ledger() == ()


def test_a_proof_that_is_only_belief_says_so() -> None:
    execution = Execution(before={"text": "", "facts": {"a": 0}}, after={"text": "", "facts": {"a": 1}})  # type: ignore[arg-type]
    proven = Belief().prove(Draft(program=Program.parse(FETCH)), task(1), execution=execution, closure=(), calls={}, seed=0)
    assert proven.proof.by == "opinion" and proven.proof.trials[0].changes == {"a": (0, 1)} and proven.proof.lower_bound == 0
