"""The toy world keeps the contract that it is used to test, and gives nothing away."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from skilllib.errors import EnvironmentFault, ResetNeeded
from skilllib.records.need import Need
from skilllib.records.world import Outcome
from skilllib.testing import Bakery, check_environment, make_bakery
from skilllib.testing.bakery import CROPS, GOODS, PLACES, TALLIES

MORNING = (
    "walk field, gather wheat, gather wheat, walk mill, grind, walk coop, gather egg, walk forest, gather firewood, "
    "gather firewood, walk kitchen, knead, light, bake"
)


def do(bakery: Bakery, *calls: str) -> Outcome:
    """Make calls written in words; return the last outcome."""
    outcome = None
    for call in calls:
        name, *rest = call.split()
        outcome = bakery.call(name, {{"walk": "to", "gather": "crop"}[name]: rest[0]} if rest else {})
    assert outcome is not None
    return outcome


def facts(bakery: Bakery) -> dict[str, Any]:
    return bakery.observe().facts


@pytest.fixture
def bakery() -> Bakery:
    bakery = make_bakery(egg_chance=1.0)
    bakery.reset(0)
    return bakery


@pytest.mark.parametrize("seed", range(5))
def test_it_keeps_the_contract_of_environments(seed: int) -> None:
    check_environment(make_bakery, seed=seed, calls=80)


def test_it_can_be_made_in_another_process() -> None:
    assert isinstance(pickle.loads(pickle.dumps(make_bakery))(), Bakery)


def test_bread_takes_a_morning_and_every_milestone_but_rest(bakery: Bakery) -> None:
    outcomes = [do(bakery, call) for call in MORNING.split(", ")]
    assert not any(outcome.failure for outcome in outcomes)
    assert facts(bakery)["stock"] == dict.fromkeys(GOODS, 0) | {"bread": 1}
    assert {name for name, count in facts(bakery)["tally"].items() if count} == set(TALLIES) - {"rested"}


@pytest.mark.parametrize("left_out", list(dict.fromkeys(MORNING.split(", "))))
def test_no_errand_of_the_morning_can_be_left_out(bakery: Bakery, left_out: str) -> None:
    for call in MORNING.split(", "):
        if call != left_out:
            do(bakery, call)
    assert facts(bakery)["stock"]["bread"] == 0


@pytest.mark.parametrize(("crop", "place"), CROPS.items())
def test_a_call_in_the_wrong_place_names_the_right_one(bakery: Bakery, crop: str, place: str) -> None:
    do(bakery, "walk home")
    failure = do(bakery, f"gather {crop}").failure
    assert failure is not None and [Need.of(missing) for missing in failure.missing] == [
        Need(fact="at", kind="equals", value=place, near=place)
    ]


def test_a_call_names_everything_that_is_lacking_and_uses_up_nothing(bakery: Bakery) -> None:
    do(bakery, "walk coop", "gather egg", "walk kitchen")
    before = facts(bakery)
    failure = do(bakery, "knead").failure
    assert failure is not None and [(lack.fact, lack.at_least, lack.have) for lack in failure.missing] == [("stock.flour", 1, 0)]
    assert facts(bakery) == before


def test_eggs_come_by_chance_and_the_failure_says_that_it_passes() -> None:
    bakery, found = make_bakery(egg_chance=0.5), []
    for seed in range(40):
        bakery.reset(seed)
        outcome = do(bakery, "walk coop", "gather egg")
        found.append(outcome.failure is None)
        assert outcome.failure is None or (outcome.failure.retry and not outcome.failure.missing and outcome.steps == 1)
    assert 10 < sum(found) < 30


def test_a_fire_burns_out(bakery: Bakery) -> None:
    do(bakery, "walk forest", "gather firewood", "gather firewood", "walk kitchen", "light")
    assert facts(bakery)["oven"]["lit"]
    do(bakery, *["walk forest", "walk kitchen"] * 10)
    assert not facts(bakery)["oven"]["lit"]


def test_whoever_never_rests_collapses(bakery: Bakery) -> None:
    for _ in range(60):
        outcome = do(bakery, "walk field" if facts(bakery)["at"] != "field" else "walk mill")
        if outcome.terminated:
            break
    assert outcome.terminated and not outcome.truncated and facts(bakery)["vigor"] == 0
    with pytest.raises(ResetNeeded):
        do(bakery, "rest")


def test_one_rests_at_home_when_tired(bakery: Bakery) -> None:
    failure = do(bakery, "walk home", "rest").failure
    assert failure is not None and Need.of(failure.missing[0]).kind == "at_most"
    do(bakery, *["walk field", "walk home"] * 6)
    assert do(bakery, "rest").failure is None and facts(bakery)["vigor"] == 20


def test_a_day_ends() -> None:
    bakery = make_bakery(length=3)
    bakery.reset(1)
    outcomes = [do(bakery, f"walk {place}") for place in [place for place in PLACES if place != facts(bakery)["at"]][:2]]
    assert outcomes[-1].truncated and not outcomes[-1].terminated


def test_days_begin_in_different_places() -> None:
    bakery = make_bakery()
    assert {bakery.reset(seed).facts["at"] for seed in range(60)} == set(PLACES)


def test_observations_share_nothing_with_the_world(bakery: Bakery) -> None:
    seen = bakery.observe()
    seen.facts["stock"]["bread"] = 9
    assert facts(bakery)["stock"]["bread"] == 0


def test_the_documentation_of_the_primitives_gives_no_recipe_away() -> None:
    for primitive in make_bakery().spec.primitives:
        words = set(f"{primitive.doc} {primitive.fails}".lower().replace(".", "").split())
        assert not words & {*GOODS, *PLACES} - {"mill"}, primitive.name


@pytest.mark.parametrize("options", [{"length": 0}, {"egg_chance": 0.0}, {"egg_chance": 1.5}])
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(EnvironmentFault):
        make_bakery(**options)
