"""What a program lacked is obtained, or the line that failed is left out, before anybody is asked to write another program."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from agents import bakery_agent
from modelled import GOOD, SEEN, TASK, Shelf, failed

from skilllib.agent import Agent
from skilllib.memory import Memory
from skilllib.records.execution import Attempt, Execution, ProgramError, Trace
from skilllib.records.task import Task
from skilllib.records.world import Failure, Missing
from skilllib.testing import HashingEmbedder, ScriptedWriter, make_bakery
from skilllib.writer.mending import MENDS, MendingWriter
from skilllib.writer.routing import RoutingWriter
from skilllib.writer.salvage import statement

MILLED = "after.tally.milled_flour > before.tally.milled_flour"
FLOUR = Task(id="flour", environment="bakery", goal="mill flour", check=MILLED)
WHEAT = Task(
    id="wheat", environment="bakery", goal="harvest wheat", check="after.tally.harvested_wheat > before.tally.harvested_wheat"
)


def program(name: str, *lines: str) -> str:
    return "\n".join([f"def {name}() -> None:", f"    'Do {name}.'", *(f"    {line}" for line in lines), ""])


@contextmanager
def mending(folder: Path, *programs: str, rounds: int | None = None, routed: bool = True) -> Iterator[tuple[Agent, ScriptedWriter]]:
    written = ScriptedWriter(*programs)
    with bakery_agent(folder / "library", writer=written, attempts_per_task=20) as agent:
        spec, memory, skills = agent.life.environment.spec, agent.memory, agent.library
        writer = MendingWriter(spec, memory=memory, skills=skills, embedder=HashingEmbedder(), then=written, rounds=rounds)
        agent.writer = RoutingWriter(spec, memory=memory, skills=skills, then=writer) if routed else writer
        yield agent, written


def solved(agent: Agent, task: Task) -> Trace:
    agent.progress.proposed()
    return agent.solve(task)


def called(trace: Trace) -> list[str]:
    return [step.primitive for step in trace.attempts[-1].execution.trajectory]


def test_what_a_line_lacked_is_obtained_before_it_without_asking_again(tmp_path: Path) -> None:
    with mending(tmp_path, program("mill", "walk('mill')", "grind()")) as (agent, written):
        trace = solved(agent, FLOUR)
        assert trace.solved and len(written.tasks) == 1, "one program was written, the rest was mended"
        assert {attempt.route for attempt in trace.attempts[1:]} == {"adapt"}
        assert "gather" in trace.attempts[-1].program.source and called(trace)[-1] == "grind"
        (skill,) = agent.library.skills("active")
        assert skill.name == "mill"


def test_a_learned_skill_that_provides_it_is_called(tmp_path: Path) -> None:
    harvest = "def get_wheat(amount: int) -> None:\n    'Get wheat.'\n    walk('field')\n"
    harvest += "    while facts()['stock']['wheat'] < amount:\n        gather('wheat')\n"
    get = Task(id="get", environment="bakery", goal="get wheat", check="after.stock.wheat >= amount", parameters={"amount": (1, 3)})
    with mending(tmp_path, harvest, program("mill", "walk('mill')", "grind()")) as (agent, written):
        assert solved(agent, get).solved
        trace = solved(agent, FLOUR)
        assert trace.solved and len(written.tasks) == 2
        (mill,) = [skill for skill in agent.library.skills("active") if skill.name == "mill"]
        assert [callee.name for callee in mill.calls] == ["get_wheat"]


def test_a_line_that_cannot_be_helped_is_left_out(tmp_path: Path) -> None:
    source = program("pick", "walk('field')", "bake()", "gather('wheat')")
    with mending(tmp_path, source, routed=False) as (agent, written):
        trace = solved(agent, WHEAT)
        assert trace.solved and len(written.tasks) == 1
        assert "bake" not in trace.attempts[-1].program.source


def test_a_program_that_works_here_only_is_mended_by_what_it_lacked_in_other_worlds(tmp_path: Path) -> None:
    go = program("go", "walk('home')", "walk('field')")
    with mending(tmp_path, go, program("take", "gather('wheat')")) as (agent, written):
        solved(agent, Task(id="field", environment="bakery", goal="go to the field", check="after.at == 'field'"))
        trace = solved(agent, WHEAT)
        first = trace.attempts[0]
        assert first.verdict.solved and not first.solved, "the agent stood in the field"
        assert trace.solved and len(written.tasks) == 2
        assert "go()" in trace.attempts[-1].program.source or "walk('field')" in trace.attempts[-1].program.source


def test_a_program_that_generalises_a_skill_is_not_mended(tmp_path: Path) -> None:
    with mending(tmp_path, program("go", "walk('field')"), program("take", "gather('wheat')")) as (agent, _):
        solved(agent, Task(id="field", environment="bakery", goal="go to the field", check="after.at == 'field'"))
        trace = solved(agent, WHEAT)
    assert [attempt.program.name for attempt in trace.attempts] == ["walk_or_gather_to"], "its arguments would be lost"


def test_mending_comes_to_an_end(tmp_path: Path) -> None:
    hopeless = program("hope", "grind()", "knead()", "bake()", "light()", "rest()")
    task = Task(id="moon", environment="bakery", goal="see the moon", check="after.stock.bread >= 20")
    with mending(tmp_path, hopeless, hopeless.replace("hope", "wish"), rounds=2) as (agent, _):
        trace = solved(agent, task)
        routes = [attempt.route for attempt in trace.attempts]
    assert not trace.solved and routes.count("write") <= 2 and routes.count("adapt") <= 2 * MENDS


def test_nothing_is_tried_twice(tmp_path: Path) -> None:
    with mending(tmp_path, program("mill", "grind()", "walk('mill')"), program("grind_it", "grind()")) as (agent, _):
        trace = solved(agent, FLOUR)
    sources = [attempt.program.source for attempt in trace.attempts if not attempt.verdict.solved]
    failed_for_good = [s for s, a in zip(sources, trace.attempts, strict=False) if a.execution.missing()]
    assert len(set(failed_for_good)) == len(failed_for_good)


def lacking(source: str, fact: str, *, have: int = 0) -> Attempt:
    failure = Failure(message="no", missing=(Missing(fact=fact, at_least=2, have=have),))
    error = ProgramError(kind="primitive", message="no", failure=failure)
    return failed(source, execution=Execution(before=SEEN, after=SEEN, error=error))


@pytest.mark.parametrize(("second", "asked"), [("stock.egg", 0), ("stock.wheat", 1)])
def test_a_task_for_which_two_programs_lacked_the_same_is_set_aside(second: str, asked: int) -> None:
    then = ScriptedWriter(GOOD)
    writer = MendingWriter(make_bakery().spec, memory=Memory(), skills=Shelf(), embedder=HashingEmbedder(), then=then)
    attempts = (lacking(program("one", "bake()"), "stock.egg"), lacking(program("two", "bake()"), second, have=1))
    writer.write(TASK, skills=(), trace=Trace(task=TASK, attempts=attempts))
    assert len(then.tasks) == asked


def test_what_was_put_in_and_failed_itself_is_no_base_to_build_on(tmp_path: Path) -> None:
    """Eggs come by chance, and the oven has to be lit: wrong guesses on the way must not pile up in the program."""
    task = Task(id="fire", environment="bakery", goal="light the oven", check="after.tally.lit_oven > before.tally.lit_oven")
    with mending(tmp_path, program("fire_up", "light()")) as (agent, written):
        trace = solved(agent, task)
        sources = [attempt.program.source for attempt in trace.attempts]
        for attempt, after in itertools.pairwise(trace.attempts):
            error = attempt.execution.error
            if error is not None and error.line is not None and (line := statement(attempt.program, error.line)) != "light()":
                assert after.program.source.count(str(line)) <= attempt.program.source.count(str(line)), "it was not wrapped up"
        assert trace.solved and len(written.tasks) == 1, sources
