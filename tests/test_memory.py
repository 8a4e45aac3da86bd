"""Memory adds up what was seen of single calls."""

from __future__ import annotations

from typing import Any

import strategies
from hypothesis import given
from hypothesis import strategies as st

from skilllib.memory import Memory, falls, gained, observed, rises, used
from skilllib.records.execution import Execution, SkillCall, Step
from skilllib.records.experience import CallExperience
from skilllib.records.world import Failure, Missing, Observation, Outcome

NOTHING = Observation(text="", facts={})


def step(primitive: str = "take", *, failure: Failure | None = None, steps: int = 1, arguments: Any = None, **changes: Any) -> Step:
    named = {fact.replace("__", "."): change for fact, change in changes.items()}
    return Step(primitive=primitive, arguments=arguments or {}, outcome=Outcome(failure=failure, steps=steps), changes=named)


def execution(*steps: Step, skill_calls: tuple[SkillCall, ...] = ()) -> Execution:
    return Execution(before=NOTHING, after=NOTHING, trajectory=steps, skill_calls=skill_calls)


def test_what_rises_falls_and_takes_another_word_is_told_apart() -> None:
    changed = {
        "n": (1, 2),
        "m": (2, 1),
        "lit": (False, True),
        "shut": (True, False),
        "at": ("mill", "coop"),
        "new": (None, 3),
        "gone": (3, None),
    }
    assert rises(changed) == {"n": 1, "lit": 1, "at=coop": 1, "new": 1}
    assert falls(changed) == {"m": 1, "shut": 1}


@given(st.dictionaries(strategies.paths, st.tuples(strategies.integers, strategies.integers)))
def test_a_number_rises_or_falls_or_stays(changed: Any) -> None:
    up, down = rises(changed), falls(changed)
    assert not up.keys() & down.keys()
    for fact, (old, new) in changed.items():
        assert (fact in up, fact in down) == (new > old, new < old)


def test_what_is_used_up_on_the_way_counts_even_if_it_is_there_again_at_the_end() -> None:
    steps = [step(rope=(3, 1)), step(rope=(1, 3)), step(rope=(3, 2))]
    assert used(steps) == {"rope": 3.0} and gained(steps) == {"rope": 2.0}


def test_a_failure_teaches_what_is_missing_and_no_effect() -> None:
    failure = Failure(message="no knot", missing=(Missing(fact="knot", at_least=1, have=0),))
    (seen,) = observed(execution(step(failure=failure, rope=(1, 0))))
    assert (seen.calls, seen.succeeded, seen.retried) == (1, 0, 0) and not seen.falls and not seen.uses
    assert seen.missing == (Missing(fact="knot", at_least=1),), "the value at the time is left out, so that equal lacks are equal"


def test_a_failure_that_passes_is_counted_as_such() -> None:
    (seen,) = observed(execution(step(failure=Failure(message="bad luck", retry=True)), step(failure=Failure(message="no"))))
    assert (seen.calls, seen.succeeded, seen.retried) == (2, 0, 1) and seen.messages == ("bad luck", "no")


def test_a_skill_is_seen_as_a_whole_and_only_if_it_returned() -> None:
    steps = (step(rope=(0, 1), steps=2), step("tie", rope=(1, 0), steps=3), step("tie"))
    call = SkillCall(name="bind", code_hash="a" * 64, depth=0, entered=0, left=2, changes={"knot": (0, 1)})
    raised = call.model_copy(update={"code_hash": "b" * 64, "left": None, "raised": True})
    seen = {one.name: one for one in observed(execution(*steps, skill_calls=(call, raised)))}
    whole, broken = seen[f"skill:{'a' * 64}"], seen[f"skill:{'b' * 64}"]
    assert whole.succeeded == 1 and whole.steps == 5 and whole.rises == {"knot": 1} and whole.uses == {"rope": 1.0}
    assert broken.calls == 1 and broken.succeeded == 0 and not broken.rises and broken.steps == 6


@given(st.lists(strategies.call_experiences(), max_size=5), st.integers(0, 5))
def test_recording_in_portions_is_recording_at_once(calls: list[CallExperience], cut: int) -> None:
    once, portions = Memory(), Memory()
    once.record(calls)
    portions.record(calls[:cut])
    portions.record(calls[cut:])
    assert once.calls() == portions.calls()


def test_the_most_reliable_primitive_comes_first_and_skills_are_none() -> None:
    memory = Memory()
    for name, calls, hits in (("luck", 4, 1), ("craft", 2, 2), (f"skill:{'a' * 64}", 1, 1)):
        memory.record([CallExperience(name=name, calls=calls, succeeded=calls, rises={"rope": hits}, uses={"straw": 1.0})])
    assert [call.name for call in memory.primitives_raising("rope")] == ["craft", "luck"]
    assert memory.primitives_raising("none") == []


def test_a_call_is_remembered_with_its_arguments() -> None:
    memory = Memory()
    memory.record(observed(execution(step(arguments={"what": "rope", "n": 1}))))
    assert memory.of("take", {"n": 1, "what": "rope"}) is not None
    assert memory.of("take", {"what": "rope"}) is None and memory.of("take", {"what": "lamp", "n": 1}) is None
