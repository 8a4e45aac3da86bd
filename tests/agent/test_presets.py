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
from skilllib.curriculum.questions import Questions
from skilllib.curriculum.voyager import VoyagerCurriculum
from skilllib.embedders import HashingEmbedder
from skilllib.errors import ModelUseless
from skilllib.gate.opinion import OpinionGate
from skilllib.library import SkillLibrary
from skilllib.library.byname import linked_by_name
from skilllib.models.scripted import ScriptedModel
from skilllib.prompts.role import Role
from skilllib.protocols import Draft
from skilllib.records.execution import Execution, Trace, Verdict
from skilllib.records.model import Purpose
from skilllib.records.program import Program
from skilllib.records.task import Task
from skilllib.testing import ScriptedWriter, make_bakery
from skilllib.verifier.belief import Belief
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.finalstate import ErrorsFail
from skilllib.verifier.opinion import OpinionVerifier
from skilllib.writer.voyager import CodeDescriber

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
        assert solve(agent, 1).attempts[0].admitted is None
        last = agent.library.ledger()[-1].decision
        assert (last.outcome, last.codes) == ("need_more", ("overtaken",)) and "opinion" in last.reason
        assert not agent.library.skills("active")


def test_a_proof_that_is_only_belief_says_so() -> None:
    execution = Execution(before={"text": "", "facts": {"a": 0}}, after={"text": "", "facts": {"a": 1}})  # type: ignore[arg-type]
    proven = Belief().prove(Draft(program=Program.parse(FETCH)), task(1), execution=execution, closure=(), calls={}, seed=0)
    assert proven.proof.by == "opinion" and proven.proof.trials[0].changes == {"a": (0, 1)} and proven.proof.lower_bound == 0


# ---- what is asked of a model


def role(model: ScriptedModel, purpose: Purpose) -> Role:
    return Role(model=model, purpose=purpose)


def curriculum(*lines: str, prompt_tokens: int = 3000) -> tuple[VoyagerCurriculum, ScriptedModel]:
    model = ScriptedModel({"propose": list(lines), "answer": lambda request: "Walk there and gather it."})
    questions = Questions(role=role(model, "answer"), when="always")
    asked = Role(model=model, purpose="propose", prompt_tokens=prompt_tokens)
    return VoyagerCurriculum(spec=make_bakery().spec, role=asked, questions=questions), model


def test_the_first_task_that_is_proposed_is_taken_with_a_question_about_it() -> None:
    made, model = curriculum("eat a cake | after.cake >= 1\ngather wheat | stock.wheat >= 2\nbake bread | after.stock.bread >= 1")
    task = made.propose(make_bakery().reset(0))
    assert task is not None and (task.goal, task.check, task.parameters) == ("gather wheat", "after.stock.wheat >= 2", {})
    assert task.context == "How to gather wheat?\nWalk there and gather it." and task.lasting
    assert [request.purpose for request in model.requests] == ["propose", "answer"]


def test_a_task_whose_check_is_never_sound_is_set_without_one_and_left_to_opinion() -> None:
    made, model = curriculum(*["bake a cake | after.cake >= 1"] * 5)
    task = made.propose(make_bakery().reset(0))
    assert task is not None and (task.goal, task.check) == ("bake a cake", None)
    assert sum(request.purpose == "propose" for request in model.requests) == 5


def test_replies_without_a_task_end_the_run_with_an_account() -> None:
    made, _ = curriculum(*["I would rather not."] * 5)
    with pytest.raises(ModelUseless, match="no task in 5 replies"):
        made.propose(make_bakery().reset(0))


def test_all_solved_and_failed_tasks_are_listed_until_the_prompt_is_full(tmp_path: Path) -> None:
    with voyager(tmp_path / "library", FETCH, 'def bad() -> None:\n    """Fail."""\n    bake()\n') as agent:
        traces = [solve(agent, 1), solve(agent, 2)]
    for tokens, listed in ((3000, 41), (1400, 40)):
        made, model = curriculum(*["gather wheat | stock.wheat >= 2"] * 5, prompt_tokens=tokens)
        for n in range(41):
            for trace, outcome in zip(traces, ("solved", "failed"), strict=True):
                named = trace.task.model_copy(update={"id": f"{outcome} {n}", "goal": f"{outcome} task number {n}"})
                made.record(trace.model_copy(update={"task": named}))
        made.propose(make_bakery().reset(0))
        text = model.requests[0].messages[-1].content
        shown = [sum(f"{outcome} task number {n}\n" in text for n in range(41)) for outcome in ("solved", "failed")]
        assert (shown == [41, 41]) == (listed == 41) and "solved task number 40\n" in text, "the oldest go first"
        assert "cold" not in text.rpartition("<failed>")[2].partition("</failed>")[0], "no reasons"


def test_a_description_comes_from_the_code_alone_and_is_taken_as_it_is(tmp_path: Path) -> None:
    model = ScriptedModel({"describe": ["Fetches gold from the moon.\n\nAnd more.", ""]})
    proof = (
        Belief()
        .prove(
            Draft(program=Program.parse(FETCH)),
            task(1),
            execution=Execution(before={"text": "", "facts": {"a": 0}}, after={"text": "", "facts": {"a": 1}}),  # type: ignore[arg-type]
            closure=(),
            calls={},
            seed=0,
        )
        .proof
    )
    describer = CodeDescriber(role(model, "describe"))
    assert describer.describe(Program.parse(FETCH), proof) == "Fetches gold from the moon."
    assert describer.describe(Program.parse(FETCH), proof) == "Fetch firewood."
    assert (
        'gather("firewood")' in model.requests[0].messages[-1].content and "(not shown)" in model.requests[0].messages[-1].content
    )


def test_an_error_fails_without_a_question_and_the_rest_is_judged_by_the_final_state_alone(tmp_path: Path) -> None:
    model = ScriptedModel({"judge": ["yes\nThere is wood.", "no\nNo bread is there."]})
    judge = OpinionVerifier(verifier=CheckVerifier(), role=role(model, "judge"), always=True, final_state_only=True)
    bad = 'def bad() -> None:\n    """Fail."""\n    walk("home")\n    bake()\n'
    with voyager(tmp_path / "library", bad, FETCH, FETCH_TWICE) as agent:
        agent.verifier = ErrorsFail(judge)
        failed = solve(agent, 1)
        assert not failed.solved and not model.requests and failed.attempts[0].verdict.by == "opinion"
        assert solve(agent, 2).solved and "gather" not in model.requests[0].messages[-1].content
        unsolved = solve(agent, 3).attempts[0]
        assert (unsolved.verdict.solved, unsolved.advice) == (False, "No bread is there.")
