"""Taking cover: close a few cells off with stones that are held, so that nothing that walks can come near."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from environments.crafter.body import Body
from environments.crafter.walking import diggable, spread

NEARBY = 8
"""World steps within which a place to hide is looked for."""
HEALED = 7
"""Health at which a hurt player comes out again."""
ENOUGH = 2
"""Food and drink with which a hurt player can afford to rest."""
LONGEST_REST = 200
"""World steps after which a hurt player comes out in any case."""
FAR = 30
"""The same for rock to dig into, when there is nothing closer."""
LIQUID = ("water", "lava")
"""Nothing walks on these, but arrows fly over them."""
SPRING = 15
"""World steps it is worth that one can drink in a shelter."""
THIRST = 8
"""Drink under which a resting player drinks, if it can."""
DAWN = 0.5
"""Daylight at which a player comes out again after a night."""
DAY = 0.97
"""Daylight at which it comes out even if zombies are in sight."""
STARVED = 3
"""Health down to which a player stays in at night without food or drink."""
RETRY = 12
"""World steps after which a place to hide is looked for again when there was none."""
PATIENCE = 60
"""World steps after which building is given up."""


class Shelter(NamedTuple):
    """Cells to stay in, and the gaps that have to be closed: (cell inside, cell outside)."""

    effort: int
    inside: tuple[int, ...]
    gaps: tuple[tuple[int, int], ...]


def take_cover(body: Body) -> Shelter | None:
    """Close the player in, if the stones held suffice; return where, or None if something can still come near."""
    until = body.steps + PATIENCE
    while body.steps < until:
        body.defend()
        plan = _best(body)
        if plan is None:
            return None
        if not plan.gaps and body.memory.position in plan.inside:
            return plan
        if not _build(body, plan):
            body.do("noop")
    return None


def _best(body: Body) -> Shelter | None:
    """Return the shelter that costs the fewest world steps, or None if the stones do not suffice for any."""
    memory = body.memory
    reached = spread(body.prices(), memory.position, memory.height, within=FAR)
    stones = body.inventory["stone"]
    plans, best = [], FAR
    for corner, cost in reached.cost.items():
        if cost > FAR or cost > best + SPRING:
            break  # cells are listed in the order of their cost, give or take a step
        if cost > NEARBY and memory.name(corner) in body.rules.walkable and not _springs(body, (corner,)):
            continue  # far off only rock or water are worth the way
        for inside in _shapes(body, corner):
            gaps = _gaps(body, inside)
            digs = sum(memory.name(cell) not in body.rules.walkable for cell in inside)
            if gaps is not None and len(gaps) <= stones + sum(memory.name(cell) == "stone" for cell in inside):
                worth = SPRING if _springs(body, inside) else 0
                plans.append(Shelter(cost + 3 * len(gaps) + 2 * digs - worth, inside, tuple(gaps)))
                best = min(best, plans[-1].effort)
    return min(plans, default=None)


def _springs(body: Body, inside: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return where one can drink without leaving a shelter: (cell inside, water)."""
    return [(cell, near) for cell in inside for near in body.memory.around(cell) if body.memory.name(near) == "water"]


def _shapes(body: Body, corner: int) -> Iterator[tuple[int, ...]]:
    """Return the cells that could be closed off around one: itself, pairs and squares, free or diggable."""
    memory, height = body.memory, body.memory.height
    usable = (*body.rules.walkable, *diggable(body.rules, body.inventory))
    fences = {cell for plant in memory.find("plant") for cell in memory.around(plant)}
    for inside in (
        (corner,),
        *((corner, near) for near in memory.around(corner)),
        *((corner, corner + x, corner + y, corner + x + y) for x in (-height, height) for y in (-1, 1)),
    ):
        if all(memory.name(cell) in usable and cell not in memory.creatures and cell not in fences for cell in inside):
            yield inside


def _gaps(body: Body, inside: tuple[int, ...]) -> list[tuple[int, int]] | None:
    """Return the gaps of a shape, or None if one could not be closed from within.

    A free cell can only be faced by a step towards it, so that the cell behind the player has to be inside too.
    """
    gaps = []
    for cell in inside:
        for outside in body.memory.around(cell):
            if outside in inside or not _open(body, cell, outside):
                continue
            ahead = cell == body.memory.position and outside == body.front
            turns = body.memory.name(outside) == "water"  # one can turn towards it without entering it
            if not ahead and not turns and cell - (outside - cell) not in inside:
                return None
            gaps.append((cell, outside))
    return gaps


def _open(body: Body, cell: int, outside: int) -> bool:
    """Return whether something can come in: a creature, or over water or lava an arrow from a cave within range."""
    name = body.memory.name(outside)
    if name not in LIQUID:
        return name in (*body.rules.walkable, "unknown")
    return body.memory.shot_at(cell, outside)


def _build(body: Body, plan: Shelter) -> bool:
    """Go inside and close one gap; return False if that did not work."""
    memory = body.memory
    if memory.position not in plan.inside:
        way = spread(body.prices(), memory.position, memory.height, plan.inside)
        body.follow(way.path(way.goal) if way.goal is not None else ())
        return memory.position in plan.inside
    for cell in plan.inside:
        if memory.name(cell) not in body.rules.walkable:
            return cell in memory.around(memory.position) and body.enter(cell)
    for cell, outside in plan.gaps:
        if _face_from(body, cell, outside, plan.inside):
            body.do("place_stone")
            return True
    return False


def _face_from(body: Body, cell: int, outside: int, inside: tuple[int, ...]) -> bool:
    """Step within the shelter until the player stands on a cell and faces a gap."""
    memory = body.memory
    if memory.position == cell and body.front == outside:
        return True
    if memory.name(outside) == "water":
        if _go_within(body, inside, cell):
            body.face(outside)
        return memory.position == cell and body.front == outside
    behind = cell - (outside - cell)
    if not all(_go_within(body, inside, goal) for goal in (behind, cell)):
        return False
    return memory.position == cell and body.front == outside


def _go_within(body: Body, inside: tuple[int, ...], goal: int) -> bool:
    """Go to a cell of a shelter without leaving it."""
    if goal not in inside:
        return False
    way = spread(_only(inside, body.memory.map.size), body.memory.position, body.memory.height, (goal,))
    body.follow(way.path(goal) if way.goal is not None else ())
    return body.memory.position == goal


def _only(inside: tuple[int, ...], size: int) -> bytes:
    prices = bytearray(size)
    for cell in inside:
        prices[cell] = 1
    return bytes(prices)


def recover(body: Body) -> None:
    """The second reflex: when hurt, or at night on open ground, take cover and rest until the worst is over."""
    shelter = take_cover(body) if _can_rest(body) else None
    if shelter is None:
        body.alert.rest_again = body.world.time + RETRY
        return
    body.alert.rested = True
    until, night = body.steps + LONGEST_REST, body.world.daylight < DAWN
    while body.steps < until and _can_rest(body):
        if body.inventory["health"] >= HEALED and not (night and _dangerous(body)):
            break
        shelter = _rest(body, shelter) or shelter
    while body.world.sleeping:
        body.do("noop")


def _dangerous(body: Body) -> bool:
    """Return whether it is night, or zombies of the night still stand around."""
    return body.world.daylight < DAWN or (body.world.daylight < DAY and "zombie" in body.memory.creatures.values())


def _rest(body: Body, shelter: Shelter) -> Shelter | None:
    """Spend a step in cover, drinking where that is possible; return the shelter if another had to be found."""
    before = body.inventory["health"]
    if body.inventory["drink"] < THIRST and not body.world.sleeping and _drink(body, shelter):
        return None
    body.do("sleep")
    return take_cover(body) if body.inventory["health"] < before else None


def _drink(body: Body, shelter: Shelter) -> bool:
    for cell, water in _springs(body, shelter.inside):
        if _go_within(body, shelter.inside, cell):
            body.face(water)
            body.do("do")
            return True
    return False


def _can_rest(body: Body) -> bool:
    """Return whether resting is better than going on: at night it is even with an empty stomach, unless that kills."""
    if _dangerous(body) and body.inventory["health"] > STARVED:
        return True
    return min(body.inventory["food"], body.inventory["drink"]) >= ENOUGH
