"""Guarding a plant: what walks beside it destroys it, so the cells around it are closed with stones that are held."""

from __future__ import annotations

from environments.crafter.body import Body
from environments.crafter.walking import aim

CLOSE = 5
"""Distance at which a plant is looked after."""
AROUND = 12
"""Moves after which a side of a plant has to be faced."""
TRIES = 8
"""How often it is tried when a creature got in the way."""


def tend(body: Body) -> None:
    """Close the open sides of a plant close by, as far as the stones held go."""
    tries = TRIES
    while body.inventory["stone"] and tries and (gaps := _gaps(body)):
        tries -= 1
        plans = [(cell, aim(body.memory, body.rules, body.world.facing, cell.__eq__, within=AROUND)) for cell in gaps]
        moves, cell = min(((moves, cell) for cell, moves in plans if moves is not None), key=_length, default=(None, 0))
        if moves is None:
            return
        if body.take(moves) and body.front == cell and cell not in body.memory.creatures:
            body.do("place_stone")


def _length(plan: tuple[list[str], int]) -> tuple[int, int]:
    return len(plan[0]), plan[1]


def _gaps(body: Body) -> list[int]:
    """Return the open sides of the nearest plant, if it is close by."""
    nearest = [plant for plant in body.memory.find("plant")[:1] if body.memory.distance(plant) <= CLOSE]
    return [cell for plant in nearest for cell in open_sides(body, plant)]


def open_sides(body: Body, plant: int) -> list[int]:
    """Return the cells beside a plant from which it could be trampled."""
    return [cell for cell in body.memory.around(plant) if body.memory.name(cell) in body.rules.walkable]


def look_after(body: Body) -> None:
    """Walk to where the nearest plant can be seen, and close its open sides."""
    for _ in range(TRIES):
        plants = body.memory.find("plant")
        if not plants or body.memory.distance(plants[0]) <= CLOSE - 2:
            break
        way = body.way_beside(plants)
        if not way:
            break
        body.follow(way[:-1])  # the last cell may be its fence
        if len(way) == 1:
            break
    tend(body)
