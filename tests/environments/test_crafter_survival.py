"""What the player's reflexes do, and that finding, reaching and gathering fit together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from environments.crafter import CrafterEnvironment, make
from environments.crafter.rules import rules
from skilllib.records.world import (
    Failure,
)

SEED = 3


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


def test_a_walled_in_player_does_not_try_forever_to_gather_underfoot(world: CrafterEnvironment) -> None:
    grid, (x, y) = world._world._env._world, world._world.position
    for cell in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
        grid[cell] = "tree"
    grid[x, y] = "grass"
    world._body.memory.see(world._world)  # type: ignore[union-attr]
    assert world.observe().facts["known"]["grass"] == 0
    assert failure(world, "collect", target="grass").retry
    assert world.call("collect", {"target": "grass"}).steps < 100


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("target", ["water", "tree", "grass", "stone", "coal", "iron"])
def test_what_is_known_can_be_reached(seed: int, target: str) -> None:
    world = make()
    world.reset(seed)
    for _ in range(3):
        if world.observe().facts["known"][target] >= 1:
            assert world.call("go_to", {"target": target}).failure is None
            return
        world._world.inventory.update(health=9, food=9, drink=9, energy=9)
        outcome = world.call("explore_until", {"target": target})
        assert outcome.steps > 0
        assert not outcome.terminated
        assert (outcome.failure is None) == (world.observe().facts["known"][target] >= 1)


def test_what_cannot_be_reached_is_not_known(world: CrafterEnvironment) -> None:
    grid, (x, y) = world._world._env._world, world._world.position
    grid[x + 3, y] = "diamond"
    for cell in ((x + 2, y), (x + 4, y), (x + 3, y + 1), (x + 3, y - 1)):
        grid[cell] = "stone"
    world._body.memory.see(world._world)  # type: ignore[union-attr]
    assert world.observe().facts["known"]["diamond"] == 0
    world._world.inventory["wood_pickaxe"] = 1  # with which one digs there
    assert world.observe().facts["known"]["diamond"] == 1


def test_it_is_remembered_where_a_creature_was_seen(world: CrafterEnvironment) -> None:
    from crafter import objects

    grid, (x, y) = world._world._env._world, world._world.position
    cow = objects.Cow(grid, (x + 4, y)) if grid[x + 4, y][1] is None else grid[x + 4, y][1]
    grid.add(cow) if cow not in grid.objects else None
    memory = world._body.memory  # type: ignore[union-attr]
    memory.see(world._world)
    cell = memory.position + memory.shift((4, 0))
    grid.remove(cow)
    assert memory.sighted[cell][0] == "cow"
    memory.see(world._world)
    assert cell not in memory.sighted


def test_water_is_drunk_until_one_is_full(world: CrafterEnvironment) -> None:
    grid, (x, y) = world._world._env._world, world._world.position
    grid[x + 1, y] = "water"
    world._world.inventory["drink"] = 3
    world._body.memory.see(world._world)  # type: ignore[union-attr]
    assert world.call("collect", {"target": "water"}).value == 9


def test_a_plant_is_fenced_with_stones_that_are_held_and_the_fence_is_spared(world: CrafterEnvironment) -> None:
    world._world.inventory.update(sapling=1, stone=9, wood_pickaxe=1)
    assert world.call("place", {"item": "plant"}).failure is None
    memory = world._body.memory  # type: ignore[union-attr]
    (plant,) = memory.find("plant")
    assert not {memory.name(cell) for cell in memory.around(plant)} & set(rules().walkable)
    assert not memory.fences() & set(memory.find("stone"))
    assert world.observe().facts["known"]["plant"] == 1


def test_a_furnace_is_placed_so_that_the_table_stays_near(world: CrafterEnvironment) -> None:
    world._world.inventory.update(wood=9, stone=9)
    assert world.call("place", {"item": "table"}).failure is None
    assert world.call("place", {"item": "furnace"}).failure is None
    assert world.observe().facts["near"] == {"table": True, "furnace": True}


def test_nobody_sleeps_in_the_open_dark_without_cover(world: CrafterEnvironment) -> None:
    grid, (x, y) = world._world._env._world, world._world.position
    grid._mat_map[x - 9 : x + 10, y - 9 : y + 10] = grid._mat_ids["grass"]
    world._world.inventory["energy"] = 3
    grid.daylight = 0.0
    world._body.memory.see(world._world)  # type: ignore[union-attr]
    assert "inventory.stone" in lacks(failure(world, "sleep"))
