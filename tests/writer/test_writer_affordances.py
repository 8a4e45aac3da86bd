"""Calls that may be of use are named, the likeliest first, with what was seen of them; those that lack it themselves are not."""

from __future__ import annotations

from typing import Any

from modelled import GOOD, SEEN, SPEC, TASK, Shelf, block, failed

from skilllib.memory import Memory, observed
from skilllib.models.scripted import ScriptedModel
from skilllib.records.execution import Attempt, Execution, ProgramError, Step, Trace
from skilllib.records.facts import Changes
from skilllib.records.task import Task
from skilllib.records.world import Failure, Missing, Outcome
from skilllib.testing import HashingEmbedder
from skilllib.writer.affordances import FOR_GOAL, FOR_LACK, Affordances
from skilllib.writer.model import ModelWriter
from skilllib.writer.plan import ground_calls


def seen(call: str, argument: str | None = None, **outcome: Any) -> Step:
    """A call, and what came of it."""
    (primitive,) = (primitive for primitive in SPEC.primitives if primitive.name == call)
    arguments = {primitive.parameters[0].name: argument} if argument else {}
    changes: Changes = outcome.pop("changes", {})
    failure = Failure(**outcome) if outcome else None
    return Step(primitive=call, arguments=arguments, outcome=Outcome(failure=failure), changes=changes)


def lines(task: Task = TASK, *steps: Step, lacked: tuple[Missing, ...] = ()) -> list[str]:
    """What is named for a task, after some calls were seen and a program failed because something was lacking."""
    memory = Memory()
    memory.record(observed(Execution(before=SEEN, after=SEEN, trajectory=steps)))
    return Affordances(SPEC, embedder=HashingEmbedder(), memory=memory).lines(task, Trace(task=task, attempts=after(lacked)))


def after(lacked: tuple[Missing, ...]) -> tuple[Attempt, ...]:
    error = ProgramError(kind="primitive", message="no", failure=Failure(message="no", missing=lacked))
    return (failed(GOOD, execution=Execution(before=SEEN, after=SEEN, error=error)),) if lacked else ()


def calls(named: list[str]) -> list[str]:
    return [line.partition(":")[0] for line in named]


def asks(check: str, goal: str = "so be it", **fields: Any) -> Task:
    return Task(id="t", environment="bakery", goal=goal, check=check, **fields)


def test_a_call_that_bears_the_words_of_the_goal_comes_first_and_only_so_many_are_named() -> None:
    named = lines(TASK.model_copy(update={"goal": "gather wheat"}))
    assert named[0] == "gather('wheat'): not tried yet" and len(named) == FOR_GOAL < len(ground_calls(SPEC))


def test_what_was_seen_to_bring_it_about_goes_before_words() -> None:
    ground = seen("grind", changes={"stock.wheat": (2, 0), "stock.flour": (0, 1), "tally.milled_flour": (0, 1)})
    named = lines(asks("after.stock.flour >= 1", "gather the flour"), ground, ground)
    assert named[0] == "grind(): worked 2 of 2 times; raised stock.flour, tally.milled_flour"
    assert calls(lines(asks("after.stock.flour >= 1", "gather the flour")))[0] != "grind()"


def test_the_more_reliable_of_two_calls_goes_before_the_other() -> None:
    often, seldom = seen("grind", changes={"vigor": (1, 2)}), seen("knead", changes={"vigor": (1, 2)})
    steps = [often, often, seldom, seen("knead")]
    assert calls(lines(asks("after.vigor > before.vigor"), *steps))[:2] == ["grind()", "knead()"]


def test_a_place_that_was_reached_is_known_by_its_word() -> None:
    ride = seen("bake", changes={"at": ("home", "mill")})
    assert calls(lines(asks("after.at == 'mill'", "be there"), ride))[0] == "bake()"
    lacked = Missing(fact="at", equals="mill")
    assert "bake()" in calls(lines(asks("after.stock.egg >= 1", "find an egg"), ride, lacked=(lacked,)))


def test_what_the_last_program_lacked_is_seen_to_after_the_goal() -> None:
    lacked = Missing(fact="at", equals="forest", near="forest")
    named = calls(lines(TASK.model_copy(update={"goal": "gather firewood"}), lacked=(lacked,)))
    assert named[0] == "gather('firewood')" and "walk('forest')" in named
    assert len(named) <= FOR_GOAL + FOR_LACK and len(set(named)) == len(named)


def test_only_the_last_program_counts() -> None:
    memory, wheat = Memory(), after((Missing(fact="at", equals="kitchen", near="kitchen"),))
    affordances = Affordances(SPEC, embedder=HashingEmbedder(), memory=memory)
    named = [affordances.lines(TASK, Trace(task=TASK, attempts=attempts)) for attempts in ((*wheat, failed(GOOD)), (failed(GOOD),))]
    assert named[0] == named[1]


def test_a_call_that_lacks_the_very_thing_is_not_named_for_it() -> None:
    lit = seen("bake", message="the oven is cold", missing=(Missing(fact="oven.lit", equals=True, have=False),))
    assert "bake()" in calls(lines(asks("after.at == 'home'", "bake in the oven"), lit))
    named = calls(lines(asks("after.at == 'home'", "go"), lit, lacked=(Missing(fact="oven.lit", equals=True),)))
    assert "light()" in named and "bake()" not in named


def test_a_call_that_lacks_some_amount_is_not_named_for_another_amount() -> None:
    ground = seen("grind", message="too little", missing=(Missing(fact="stock.wheat", at_least=2, have=0),))
    for check in ("after.stock.wheat >= 1", "after.stock.wheat >= before.stock.wheat + 5"):
        assert "grind()" not in calls(lines(asks(check, "grind wheat in the mill"), ground))
    assert "grind()" in calls(lines(asks("after.stock.flour >= 1", "grind wheat in the mill"), ground))


def test_a_call_that_must_begin_in_one_place_may_end_in_another() -> None:
    ride = seen("rest", message="only at home", missing=(Missing(fact="at", equals="home"),))
    done = seen("rest", changes={"at": ("home", "mill")})
    assert "rest()" in calls(lines(asks("after.vigor >= 1", "live"), ride, done, lacked=(Missing(fact="at", equals="mill"),)))


def test_failures_are_told_with_what_was_lacking_or_else_in_words_of_one_line() -> None:
    lacks = seen("grind", message="no wheat", missing=(Missing(fact="stock.wheat", at_least=2, have=0), Missing(near="mill")))
    unlucky = seen("gather", "egg", message="the nests\nare " + "very " * 100 + "empty")
    named = lines(asks("after.stock.flour >= 1", "gather an egg and grind"), lacks, lacks, unlucky, seen("gather", "egg"))
    told = dict(line.split(": ", 1) for line in named)
    assert told["grind()"] == "worked 0 of 2 times; lacked stock.wheat at least 2, or mill near"
    assert told["gather('egg')"].startswith("worked 1 of 2 times; failed with: the nests are very very ")
    assert len(told["gather('egg')"]) < 200


def test_a_task_without_a_check_is_served_by_its_words() -> None:
    assert calls(lines(Task(id="t", environment="bakery", goal="light the oven")))[0] == "light()"


def test_the_writer_shows_them() -> None:
    memory, model = Memory(), ScriptedModel([block(GOOD)])
    memory.record(observed(Execution(before=SEEN, after=SEEN, trajectory=(seen("grind"),))))
    writer = ModelWriter(
        SPEC, model=model, skills=Shelf(), affordances=Affordances(SPEC, embedder=HashingEmbedder(), memory=memory)
    )
    try:
        writer.write(TASK.model_copy(update={"goal": "grind"}), skills=(), trace=Trace(task=TASK))
    finally:
        writer.close()
    assert "<calls>\ngrind(): worked 1 of 1 times\n" in model.requests[0].messages[-1].content
