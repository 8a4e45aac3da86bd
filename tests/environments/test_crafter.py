"""Crafter keeps the contract, is fair, is deterministic, and its failures name what is missing."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from environments.crafter import CrafterEnvironment, make
from environments.crafter.rules import rules
from skilllib.errors import EnvironmentFault, ResetNeeded
from skilllib.records.facts import lookup
from skilllib.records.world import (
    EnvironmentSpec,
    Failure,
    Milestone,
    Missing,
    Observation,
    Outcome,
    Parameter,
    Primitive,
    VitalNeed,
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
    assert world.reset() != world.reset()


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
@pytest.mark.parametrize("target", ["water", "tree", "grass", "stone", "iron", "diamond"])
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


# The contract has to notice an environment that breaks it: one small broken world per rule.


class Toy:
    """A sound environment: a counter that ends at five."""

    def __init__(self) -> None:
        self.spec = EnvironmentSpec(
            name="toy",
            primitives=(Primitive(name="step", doc="Count on.", parameters=(Parameter(name="by", type="integer", minimum=1),)),),
            facts={"type": "object", "properties": {"count": {"type": "integer", "minimum": 0}}},
            milestones=(Milestone(name="counted", check="after.count > before.count"),),
            seeds=True,
            snapshots=True,
        )
        self.count: Any = None

    def reset(self, seed: int | None = None) -> Observation:
        self.count = 0
        return self.observe()

    def call(self, primitive: str, arguments: Any) -> Outcome:
        if self.count is None or self.count >= 5:
            raise ResetNeeded("reset first")
        self.count += 1
        return Outcome(terminated=self.count >= 5)

    def observe(self) -> Observation:
        return Observation(text=str(self.count), facts={"count": self.count})

    def snapshot(self) -> object:
        return self.count

    def restore(self, token: object) -> None:
        self.count = token

    def close(self) -> None:
        pass


class Endless(Toy):
    def call(self, primitive: str, arguments: Any) -> Outcome:
        self.count = (self.count or 0) + 1
        return Outcome(terminated=self.count >= 5)


class Undeclared(Toy):
    def observe(self) -> Observation:
        return Observation(text="", facts={"count": self.count, "extra": 1})


class Absent(Toy):
    def observe(self) -> Observation:
        return Observation(text="", facts={})


class Mistyped(Toy):
    def observe(self) -> Observation:
        return Observation(text="", facts={"count": "many"})


class Negative(Toy):
    def observe(self) -> Observation:
        return Observation(text="", facts={"count": -1})


class Infinite(Toy):
    def observe(self) -> Observation:
        return Observation(text="", facts={"count": float("inf")})


class Restless(Toy):
    def observe(self) -> Observation:
        self.count += 1
        return super().observe()


class Unseeded(Toy):
    def reset(self, seed: int | None = None) -> Observation:
        self.count = random.choice((0, 1, 2))
        return self.observe()

    def observe(self) -> Observation:
        return Observation(text=str(id(object()) if self.count is None else random.random()), facts={"count": self.count})


class Forgetful(Toy):
    def restore(self, token: object) -> None:
        self.count = 3


class Vague(Toy):
    def call(self, primitive: str, arguments: Any) -> Outcome:
        done = super().call(primitive, arguments)
        return done.model_copy(update={"failure": Failure(message="no", missing=(Missing(fact="luck", at_least=1),))})


class Fragile(Toy):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


def declared(**changes: Any) -> Callable[[], Toy]:
    def made() -> Toy:
        toy = Toy()
        toy.spec = toy.spec.model_copy(update=changes)
        return toy

    return made


def test_a_sound_environment_passes() -> None:
    check_environment(Toy)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (Endless, "accepted before reset"),
        (Endless, "accepted after the end"),
        (Undeclared, "'extra' is observed but not declared"),
        (Absent, "'count' is not observed"),
        (Mistyped, "no integer"),
        (Negative, "below its minimum"),
        (Infinite, "not finite JSON"),
        (Restless, "observe|middle of an episode"),
        (Unseeded, "two different trajectories"),
        (Forgetful, "restore"),
        (Vague, "'luck', which is not declared"),
        (Fragile, "close"),
        (declared(primitives=()), "no primitives"),
        (declared(primitives=(Primitive(name="facts", doc="x"),)), "cannot be called 'facts'"),
        (declared(primitives=(Primitive(name="go", doc="x", parameters=(Parameter(name="to", choices=()),)),)), "no choices"),
        (declared(milestones=(Milestone(name="m", check="after.gold > 1"),)), "'gold', which is no declared fact"),
        (declared(milestones=(Milestone(name="m", check="import os"),)), "invalid"),
        (declared(vital_needs=(VitalNeed(fact="air", presses_below=3),)), "vital need 'air'"),
        (declared(renders=True), "promises pictures"),
        (declared(admissible_actions=True), "promises admissible actions"),
    ],
)
def test_a_broken_environment_is_found_out(broken: Callable[[], Any], complaint: str) -> None:
    with pytest.raises(EnvironmentFault, match=complaint):
        check_environment(broken)
