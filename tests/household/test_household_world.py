"""The household keeps the contract, is deterministic, and its failures name what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.household import HouseholdEnvironment, make
from environments.household.rules import BEGINNINGS, DOORS, FAMILIES, PLACES, STATION, THINGS
from skilllib.errors import EnvironmentFault, ResetNeeded
from skilllib.records.world import Failure
from skilllib.registry import make_environment
from skilllib.testing.contract import check_environment


@pytest.fixture
def house() -> Iterator[HouseholdEnvironment]:
    made = make()
    made.reset(0)
    yield made
    made.close()


def failure(house: HouseholdEnvironment, name: str, argument: str) -> Failure:
    before = house.observe()
    found = do(house, name, argument)
    assert found is not None and house.observe() == before, "a call that fails changes nothing"
    return found


def do(house: HouseholdEnvironment, name: str, argument: str) -> Failure | None:
    primitive = house.spec.primitive(name)
    assert primitive is not None
    return house.call(name, {primitive.parameters[0].name: argument}).failure


def facts(house: HouseholdEnvironment) -> Any:
    return house.observe().facts


@pytest.mark.parametrize("seed", range(3))
def test_it_keeps_the_contract(seed: int) -> None:
    check_environment(make, seed=seed, calls=80)


def test_it_is_registered() -> None:
    assert make_environment("household", length=5).spec.max_steps == 5


def test_where_an_episode_begins_follows_from_the_seed(house: HouseholdEnvironment) -> None:
    begun = {facts(house)["at"] for seed in range(20) if house.reset(seed)}
    assert begun == set(BEGINNINGS)


def test_a_thing_is_taken_treated_and_put_down(house: HouseholdEnvironment) -> None:
    for name, argument in (("take", "cup"), ("go", "sink"), ("clean", "cup"), ("go", "oven"), ("unlock", "oven"), ("bake", "cup")):
        assert do(house, name, argument) is None
    assert do(house, "put", "cup") is None
    assert facts(house)["things"]["cup"] == {"at": "oven", "done": "clean bake"} and facts(house)["hand"] == "nothing"
    assert do(house, "go", "sink") is None and do(house, "take", "cup") is None
    assert facts(house)["things"]["cup"]["at"] == "sink", "it was fetched"


def test_failures_name_what_is_missing(house: HouseholdEnvironment) -> None:
    (empty,) = failure(house, "clean", "cup").missing
    assert (empty.fact, empty.equals) == ("hand", "cup")
    do(house, "take", "cup")
    (elsewhere,) = failure(house, "clean", "cup").missing
    assert (elsewhere.fact, elsewhere.equals, elsewhere.near) == ("at", "sink", "sink")
    do(house, "go", "drawer")
    (locked,) = failure(house, "put", "cup").missing
    assert (locked.fact, locked.equals) == ("unlocked.drawer", True)


def test_what_is_unlocked_cannot_be_unlocked(house: HouseholdEnvironment) -> None:
    do(house, "go", "oven")
    do(house, "unlock", "oven")
    assert "is unlocked" in failure(house, "unlock", "oven").message


def test_an_episode_ends_after_its_calls() -> None:
    short = make(length=2)
    short.reset(0)
    assert not short.call("go", {"to": "sink"}).truncated and short.call("go", {"to": "tub"}).truncated
    with pytest.raises(ResetNeeded, match="is over"):
        short.call("go", {"to": "sink"})


def test_impossible_options_and_calls_are_refused(house: HouseholdEnvironment) -> None:
    with pytest.raises(EnvironmentFault, match="positive `length`"):
        make(length=0)
    with pytest.raises(EnvironmentFault, match="no primitive 'fly'"):
        house.call("fly", {})


def test_words_mean_one_thing() -> None:
    verbs = [verb for family in FAMILIES.values() for verb in family.values()]
    said = [*PLACES, *THINGS, *verbs, "go", "take", "put", "unlock", "done"]
    assert len(said) == len(set(said)) and set(verbs) == set(STATION) and set(DOORS) <= set(PLACES)


@given(
    st.lists(st.tuples(st.sampled_from(["go", "take", "put", "unlock", "clean"]), st.sampled_from([*PLACES, *THINGS]))),
    st.integers(),
)
def test_whatever_is_called_the_hand_holds_one_thing_that_is_here(calls: list[tuple[str, str]], seed: int) -> None:
    house = make(length=1000)
    house.reset(seed)
    for name, argument in calls:
        primitive = house.spec.primitive(name)
        if primitive is not None and argument in (primitive.parameters[0].choices or ()):
            do(house, name, argument)
        seen = facts(house)
        assert seen["hand"] == "nothing" or seen["things"][seen["hand"]]["at"] == seen["at"]
