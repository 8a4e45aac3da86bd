"""What was found, called and solved is recorded, and activation precision and recall follow from the record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from shelf import YARD, put

from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary
from skilllib.library.activation import Occasion, Rates, activation
from skilllib.records.execution import SkillCall
from skilllib.records.query import Asked

some = st.sets(st.sampled_from("abcde"))
occasions = st.lists(st.builds(Occasion, some.map(sorted), some, st.booleans()), max_size=15)


@given(occasions)
def test_rates_equal_counting_by_hand(given_ones):
    found = activation(given_ones)
    pairs = [(name, one) for one in given_ones for name in "abcde"]
    for rates, wanted in [(found.overall, "abcde"), *((rates, name) for name, rates in found.skills.items())]:
        mine = [(name, one) for name, one in pairs if name in wanted]
        retrieved = sum(name in one.retrieved for name, one in mine)
        needed = sum(name in one.called and one.solved for name, one in mine)
        helped = sum(name in one.called and one.solved and name in one.retrieved for name, one in mine)
        assert rates == Rates(retrieved, needed, helped)
        assert rates.precision == (helped / retrieved if retrieved else None) and rates.recall == (
            helped / needed if needed else None
        )
    assert found.occasions == len(given_ones) and list(found.skills) == sorted(found.skills)
    assert set(found.skills) == {name for name, one in pairs if name in one.retrieved or (name in one.called and one.solved)}


def test_what_became_of_a_look_up_is_recorded_and_counted(library, place):
    put(library, *YARD[:4])
    hits = library.search("make rope", k=2)
    first, second = (hit.skill.name for hit in hits)
    library.record_use("make rope", hits, called=[first], solved=True)
    library.record_use("make rope", hits, called=["light_lamp"], solved=True)
    library.record_use("make rope", hits, called=[first, second], solved=False)
    library.record_use("nobody says", hits, called=[first])
    library.record_use("what is not there", [], solved=False)
    assert library.lookups() == (
        Asked(query="make rope", retrieved=(first, second), called=(first,), solved=True),
        Asked(query="make rope", retrieved=(first, second), called=("light_lamp",), solved=True),
        Asked(query="make rope", retrieved=(first, second), called=(first, second), solved=False),
        Asked(query="nobody says", retrieved=(first, second), called=(first,)),
        Asked(query="what is not there", solved=False),
    )
    found = library.activation()
    assert found.occasions == 4 and found.overall == Rates(6, 2, 1)
    assert (found.overall.precision, found.overall.recall) == (1 / 6, 1 / 2)
    assert found.skills == {first: Rates(3, 1, 1), second: Rates(3, 0, 0), "light_lamp": Rates(0, 1, 0)}
    assert found.skills["light_lamp"].precision is None and found.skills[second].recall is None
    with SkillLibrary.open(embedder=HashingEmbedder(), **place) as again:
        assert again.lookups() == library.lookups() and again.activation() == found
    assert library.problems() == []


def test_a_use_that_cannot_be_recorded_leaves_nothing(library):
    with pytest.raises(ValidationError):
        library.record_use(None, [])
    with pytest.raises(ValidationError):
        library.record_use("rope", [], called=[1])
    with pytest.raises(ValidationError):
        library.record_use("rope", [], solved="perhaps")
    assert library.lookups() == () and library.activation().overall == Rates()


def test_runs_count_what_was_offered_and_what_the_program_itself_called(library, make):
    rope, water = make.active(library, "make_rope"), make.active(library, "fetch_water")
    nested = SkillCall(name="twist", code_hash="a" * 64, depth=1, entered=1)
    calls = [SkillCall(name=one.name, code_hash=one.code_hash, depth=0, entered=0) for one in (rope, water)]
    trace = make.trace(make.program("climb"))
    (made,) = trace.attempts
    attempts = [
        ({"retrieved": ("make_rope", "sing")}, (calls[0], nested), True),
        ({"retrieved": ("sing",)}, calls, False),
        ({}, (calls[1],), True),
        ({"reuses": rope.version_hash, "program": rope.program, "retrieved": ("make_rope",)}, (calls[1],), True),
        ({}, (), True),
    ]
    library.begin_run("a", {})
    library.begin_trace("a/1", run="a", trace=trace.model_copy(update={"attempts": ()}))
    for number, (fields, called, solved) in enumerate(attempts, 1):
        execution = made.execution.model_copy(update={"skill_calls": tuple(called)})
        verdict = made.verdict.model_copy(update={"solved": solved})
        attempt = made.model_copy(update={"number": number, "execution": execution, "verdict": verdict, **fields})
        library.append_attempt("a/1", attempt)
    library.record_use("rope", [], called=["sing"], solved=True)
    found = library.activation()
    assert found.occasions == 5, "an attempt for which nothing was found or called is none"
    assert found.skills == {"fetch_water": Rates(0, 1, 0), "make_rope": Rates(2, 2, 2), "sing": Rates(2, 1, 0)}
    assert found.overall == Rates(4, 4, 2)
