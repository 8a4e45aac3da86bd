"""Crafter keeps the contract, is fair, is deterministic, and its failures name what is missing."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from environments.crafter import CrafterEnvironment, make
from environments.crafter.rules import rules
from skilllib.errors import ResetNeeded
from skilllib.records.facts import lookup
from skilllib.records.world import (
    Failure,
)
from skilllib.testing.contract import check_environment

SEED = 3
PLAYED = """
from environments.crafter import make
from skilllib.records.base import content_hash
world = make()
seen = [world.reset(3).model_dump()]
for name, arguments in [("explore_until", {"target": "stone"}), ("wait", {"steps": 200}), ("explore_until", {"target": "diamond"})]:
    outcome = world.call(name, arguments)
    seen += [outcome.model_dump(), world.observe().model_dump()]
    if outcome.terminated:
        break
print(content_hash(seen))
"""


@pytest.fixture
def world() -> Iterator[CrafterEnvironment]:
    world = make()
    world.reset(SEED)
    yield world
    world.close()


def failure(world: CrafterEnvironment, name: str, **arguments: Any) -> Failure:
    outcome = world.call(name, arguments)
    assert outcome.failure is not None
    return outcome.failure


def lacks(found: Failure) -> set[str | None]:
    return {missing.fact for missing in found.missing}


def test_it_keeps_the_contract() -> None:
    check_environment(make, seed=SEED)


def test_it_keeps_the_contract_up_to_the_end_of_time() -> None:
    check_environment(lambda: make(length=30), seed=SEED)


def test_one_seed_is_one_world_in_processes_with_different_hash_seeds() -> None:
    hashes = set()
    for hash_seed in ("1", "2"):
        environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", PLAYED], env=environ, capture_output=True, text=True, check=True)
        hashes.add(done.stdout)
    assert len(hashes) == 1


def test_a_reset_without_a_seed_draws_a_fresh_world() -> None:
    world = make()
    # What is seen at first is the same in some worlds, such as nothing but grass, and not in eight of them.
    assert len({repr(world.reset()) for _ in range(8)}) > 1


def test_a_cached_world_is_the_world_that_was_generated() -> None:
    world = make()
    first = world.reset(SEED)
    world.call("wait", {"steps": 30})
    assert world.reset(SEED) == first


def test_what_lies_outside_the_window_changes_nothing(world: CrafterEnvironment) -> None:
    before = world.observe()
    grid, (x, y) = world._world._env._world, world._world.position
    hidden = np.ones(grid._mat_map.shape, bool)
    hidden[x - 4 : x + 5, y - 3 : y + 4] = False
    grid._mat_map[hidden] = grid._mat_ids["diamond"]
    world._body.memory.see(world._world)  # type: ignore[union-attr]
    assert world.observe() == before
    grid[x + 4, y + 3] = "diamond"  # the last visible corner, to show that the test can see
    world._body.memory.see(world._world)  # type: ignore[union-attr]
    assert world.observe().facts["known"]["diamond"] == 1


def test_at_the_edge_of_the_world_nothing_lies_beyond(world: CrafterEnvironment) -> None:
    engine, player = world._world._env._world, world._world._env._player
    engine[1, 0] = engine[0, 0] = "grass"
    if engine[0, 0][1] is None:
        engine.move(player, (0, 0))
    engine[1, 1] = "table"
    world._body.memory.see(world._world)  # type: ignore[union-attr]
    assert world.observe().facts["near"]["table"] is False  # crafter's own slice is empty at the edge, and we say so


@pytest.mark.parametrize(
    ("name", "arguments", "missing"),
    [
        ("go_to", {"target": "diamond"}, {"known.diamond"}),
        ("collect", {"target": "diamond"}, {"known.diamond", "inventory.iron_pickaxe"}),
        ("collect", {"target": "plant"}, {"known.plant"}),
        ("place", {"item": "table"}, {"inventory.wood"}),
        ("place", {"item": "plant"}, {"inventory.sapling"}),
        (
            "make",
            {"item": "iron_pickaxe"},
            {"near.table", "near.furnace", "inventory.wood", "inventory.coal", "inventory.iron"},
        ),
        ("attack", {"creature": "skeleton"}, {"known.skeleton"}),
        ("sleep", {}, {"vitals.energy"}),
    ],
)
def test_a_failure_names_everything_that_is_missing(
    world: CrafterEnvironment, name: str, arguments: dict[str, Any], missing: set[str]
) -> None:
    found = failure(world, name, **arguments)
    assert lacks(found) == missing
    facts = world.observe().facts
    for lack in found.missing:
        assert lack.fact is not None
        assert lookup(facts, lack.fact) == lack.have


def test_a_call_that_lacks_something_takes_no_time(world: CrafterEnvironment) -> None:
    before = world.observe()
    assert world.call("make", {"item": "wood_pickaxe"}).steps == 0
    assert world.observe() == before


def test_amounts_come_from_the_rules(world: CrafterEnvironment) -> None:
    (lack,) = failure(world, "place", item="table").missing
    assert lack.at_least == rules().place["table"].uses["wood"]


def test_one_gathers_wood_and_makes_a_tool_with_it(world: CrafterEnvironment) -> None:
    assert world.call("explore_until", {"target": "tree"}).failure is None
    for held in (1, 2, 3):
        assert world.call("collect", {"target": "tree"}).value == held
    assert world.call("place", {"item": "table"}).failure is None
    assert world.call("make", {"item": "wood_pickaxe"}).value == 1
    facts = world.observe().facts
    assert facts["achievements"]["make_wood_pickaxe"] == 1
    assert facts["inventory"]["wood"] == 0


def test_no_more_is_gathered_than_can_be_carried(world: CrafterEnvironment) -> None:
    world._world.inventory["wood"] = 9
    (lack,) = failure(world, "collect", target="tree").missing
    assert (lack.fact, lack.at_most) == ("inventory.wood", 8)


def test_nobody_steps_into_lava(world: CrafterEnvironment) -> None:
    x, y = world._world.position
    world._world._env._world[x + 1, y] = "lava"
    world._body.memory.see(world._world)  # type: ignore[union-attr]
    assert "lava" in failure(world, "move", direction="right").message
    assert world.observe().facts["vitals"]["health"] == 9


def test_a_plant_that_is_not_ripe_asks_for_patience(world: CrafterEnvironment) -> None:
    world._world.inventory["sapling"] = 1
    assert world.call("place", {"item": "plant"}).failure is None
    found = failure(world, "collect", target="plant")
    assert found.retry
    assert lacks(found) == {"known.ripe_plant"}


def test_death_ends_the_episode_within_a_call(world: CrafterEnvironment) -> None:
    world._world._env._player.health = 0
    outcome = world.call("wait", {"steps": 50})
    assert outcome.terminated
    assert not outcome.truncated
    assert outcome.steps == 1
    with pytest.raises(ResetNeeded, match="reset"):
        world.call("wait", {"steps": 1})


def test_waiting_stops_when_a_need_becomes_dire(world: CrafterEnvironment) -> None:
    world._world.inventory["drink"] = 2
    found = failure(world, "wait", steps=100)
    assert found.retry
    assert lacks(found) == {"vitals.drink"}


def test_with_stones_one_sleeps_closed_in(world: CrafterEnvironment) -> None:
    world._world.inventory.update(stone=9, energy=5)
    world.call("sleep", {})
    assert world.observe().facts["achievements"]["place_stone"] > 0


def test_a_snapshot_also_keeps_what_was_seen(world: CrafterEnvironment) -> None:
    world.call("explore_until", {"target": "stone"})
    token, seen = world.snapshot(), world.observe()
    world.call("explore_until", {"target": "iron"})
    world.restore(token)
    assert world.observe() == seen


def test_it_can_be_made_in_another_process() -> None:
    assert pickle.loads(pickle.dumps(make)) is make


def test_the_docs_of_primitives_give_no_recipe_away() -> None:
    for primitive in make().spec.primitives:
        words = f"{primitive.doc} {primitive.returns} {primitive.fails}".split()
        assert not {"wood", "pickaxe", "stone", "coal", "iron", "diamond", "sapling", "grass"} & set(words)
