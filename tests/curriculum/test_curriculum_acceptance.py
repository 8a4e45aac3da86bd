"""A proposed check must be able to tell success from doing nothing, before it costs anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proposing import SPEC, experience, start

from skilllib.curriculum.acceptance import Acceptance
from skilllib.curriculum.proposal import mended, proposals
from skilllib.errors import InvalidCheck
from skilllib.memory import Memory
from skilllib.records.world import EnvironmentSpec

FACTS = start(seed=0).facts


def problem(check: str, *, memory: Memory | None = None, starts: tuple = (), **changed: object) -> str | None:
    return Acceptance(spec=SPEC, memory=memory or Memory(), starts=starts).problem(check, start(**changed).facts)


@pytest.mark.parametrize(
    "check",
    [
        "after.stock.egg >= 1",
        "after.stock.egg > before.stock.egg",
        "after.oven.lit and after.stock.dough >= 1",
        "after.tally.baked_bread >= before.tally.baked_bread + 2",
        "after.at == 'mill' and after.stock.wheat == 2",
        "len(after.at) > 5 and after.stock.egg > 0",
        "after.vigor > before.vigor or after.stock.egg >= 1",
    ],
)
def test_a_check_that_only_work_can_make_true_is_accepted(check: str) -> None:
    assert problem(check, at="home") is None


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("after.stock.egg >=", "not an expression"),
        ("__import__('os').system('true')", "not allowed"),
        ("eggs >= 1", "neither `before`, `after`"),
        ("1 >= 0", "reads no fact"),
        ("after.stock.gold >= 1", "no fact 'stock.gold'"),
        ("after.egg >= 1", "there is stock.egg"),
        ("after.stok.flour >= 1", "there is stock.flour"),
        ("after.stock >= 1", "no fact 'stock'"),
        ("before.stock.egg == 0 and before.stock.wheat >= 1", "nothing about `after`"),
        ("after.stock.egg >= 0", "true already"),
        ("not after.oven.lit", "true already"),
        ("after.at == 'home'", "true already"),
        ("after.stock.egg >= 21", "never more than 20"),
        ("after.stock.egg < 0", "never less than 0"),
        ("after.stock.egg == 40", "never 40"),
        ("after.stock.egg == 'many'", "of type integer"),
        ("after.at == 'moon'", "is one of"),
        ("after.at >= 1", "not a number"),
        ("after.oven.lit == 'yes'", "of type boolean"),
        ("after.stock.egg >= 3 and after.stock.egg <= 2", "exclude each other"),
        ("after.stock.egg == 3 and after.stock.egg == 4", "exclude each other"),
        ("after.vigor > before.vigor", "maximum 20 already"),
        ("after.vigor < before.vigor", "never ask for less"),
        ("after.vigor <= 3", "never ask for less"),
    ],
)
def test_a_check_that_decides_nothing_is_refused_with_the_reason(check: str, words: str) -> None:
    assert words in (problem(check, at="home") or "")


def test_what_was_true_when_an_episode_began_is_refused_although_it_is_not_true_now() -> None:
    check = "after.at == 'home'"
    assert problem(check, at="mill") is None
    assert "beginning of an episode" in (problem(check, at="mill", starts=(start(at="home").facts,)) or "")


def test_a_vital_fact_that_fell_may_be_raised_although_episodes_begin_with_it_full() -> None:
    assert problem("after.vigor > before.vigor", vigor=5, starts=(start().facts,)) is None


def test_what_most_calls_change_takes_no_skill() -> None:
    memory = experience(walk={"vigor": (9, 8), "stock.egg": (0, 0)}, grind={"tally.rested": (0, 1)}, bake={"tally.rested": (0, 1)})
    assert "whatever is done" in (problem("after.tally.rested > before.tally.rested", memory=memory) or "")
    assert problem("after.tally.rested > before.tally.rested and after.stock.egg >= 1", memory=memory) is None
    assert problem("after.tally.found_egg > before.tally.found_egg", memory=memory) is None


def test_too_little_experience_says_nothing_of_what_happens_by_itself() -> None:
    assert problem("after.tally.rested > before.tally.rested", memory=experience(walk={"tally.rested": (0, 1)})) is None


def test_a_fact_below_an_open_object_and_one_of_several_types_are_known() -> None:
    facts = {"properties": {"seen": {"type": "object"}, "rank": {"type": ["integer", "null"]}}}
    acceptance = Acceptance(spec=EnvironmentSpec(name="x", primitives=(), facts=facts), memory=Memory())
    assert acceptance.problem("after.seen.fox >= 1", {"seen": {}}) is None
    assert acceptance.problem("after.rank == 'first'", {"rank": None}) is None


@given(st.text(alphabet="abefrtosckgx._ ()[]'\"0123456789<>=!+-*andnotorif\\\n", max_size=80))
def test_whatever_a_model_writes_is_refused_or_can_be_checked(text: str) -> None:
    for one in proposals(f"goal | {text}"):
        try:
            check = mended(one.check, SPEC)
        except InvalidCheck:
            continue
        if problem(check) is None:
            assert "after" in check


@pytest.mark.parametrize(
    "check", ["not " * 400 + "after.vigor", "(" * 300 + "1" + ")" * 300, "after.vigor >= 1 and " * 90 + "True"]
)
def test_a_monstrous_check_is_refused_and_not_walked(check: str) -> None:
    with pytest.raises(InvalidCheck):
        mended(check, SPEC)
