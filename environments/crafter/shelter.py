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
PATIENCE = 60
"""World steps after which building is given up."""


class Shelter(NamedTuple):
    """Cells to stay in, and the gaps that have to be closed: (cell inside, cell outside)."""

    effort: int
    inside: tuple[int, ...]
    gaps: tuple[tuple[int, int], ...]


def take_cover(body: Body) -> bool:
    """Close the player in, if the stones held suffice; return whether nothing can come near."""
    until = body.steps + PATIENCE
    while body.steps < until:
        body.defend()
        plan = _best(body)
        if plan is None:
            return False
        if not plan.gaps and body.memory.position in plan.inside:
            return True
        if not _build(body, plan):
            body.do("noop")
    return False


def _best(body: Body) -> Shelter | None:
    """Return the shelter that costs the fewest world steps, or None if the stones do not suffice for any."""
    memory = body.memory
    reached = spread(body.prices(), memory.position, memory.height)
    stones = body.inventory["stone"]
    plans, best = [], FAR
    for corner, cost in reached.cost.items():
        if cost > FAR or cost > best:
            break  # cells are listed in the order of their cost, give or take a step
        if cost > NEARBY and memory.name(corner) in body.rules.walkable:
            continue  # far off only rock is worth the way
        for inside in _shapes(body, corner):
            gaps = _gaps(body, inside)
            if gaps is not None and len(gaps) <= stones:
                digs = sum(memory.name(cell) not in body.rules.walkable for cell in inside)
                plans.append(Shelter(cost + 3 * len(gaps) + 2 * digs, inside, tuple(gaps)))
                best = min(best, plans[-1].effort)
    return min(plans, default=None)


def _shapes(body: Body, corner: int) -> Iterator[tuple[int, ...]]:
    """Return the cells that could be closed off around one: itself, pairs and squares, free or diggable."""
    memory, height = body.memory, body.memory.height
    usable = (*body.rules.walkable, *diggable(body.rules, body.inventory))
    for inside in (
        (corner,),
        *((corner, near) for near in memory.around(corner)),
        *((corner, corner + x, corner + y, corner + x + y) for x in (-height, height) for y in (-1, 1)),
    ):
        if all(memory.name(cell) in usable and cell not in memory.creatures for cell in inside):
            yield inside


def _gaps(body: Body, inside: tuple[int, ...]) -> list[tuple[int, int]] | None:
    """Return the gaps of a shape, or None if one could not be closed from within.

    A free cell can only be faced by a step towards it, so that the cell behind the player has to be inside too.
    """
    gaps = []
    for cell in inside:
        for outside in body.memory.around(cell):
            if outside in inside or body.memory.name(outside) not in (*body.rules.walkable, "unknown"):
                continue
            ahead = cell == body.memory.position and outside == body.front
            if not ahead and cell - (outside - cell) not in inside:
                return None
            gaps.append((cell, outside))
    return gaps


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
    behind = cell - (outside - cell)
    for goal in (behind, cell):
        if goal not in inside:
            return False
        way = spread(_only(inside, len(memory.map.ravel())), memory.position, memory.height, (goal,))
        if way.goal is None:
            return False
        body.follow(way.path(goal))
    return memory.position == cell and body.front == outside


def _only(inside: tuple[int, ...], size: int) -> bytes:
    prices = bytearray(size)
    for cell in inside:
        prices[cell] = 1
    return bytes(prices)


def recover(body: Body) -> None:
    """The second reflex: when hurt, take cover and rest until the worst is over, if stones are held for it.

    It is not begun when food or drink run short, since nothing heals then, and it ends when they do.
    """
    if not _can_rest(body) or not take_cover(body):
        return
    until = body.steps + LONGEST_REST
    while body.inventory["health"] < HEALED and body.steps < until and _can_rest(body):
        body.do("sleep")
    while body.world.sleeping:
        body.do("noop")


def _can_rest(body: Body) -> bool:
    return min(body.inventory["food"], body.inventory["drink"]) >= ENOUGH
