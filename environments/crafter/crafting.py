"""Primitives that place and make."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from environments.crafter.body import Body, Refused
from environments.crafter.tending import open_sides, tend
from environments.crafter.walking import aim
from skilllib.records.world import Missing

TRIES = 6
"""How often a place is looked for again when a creature got in the way."""
NEARBY = 12
"""Moves within which a place is looked for."""


def place(body: Body, item: str) -> int:
    """Put an item on a free cell close by; return how often that was done in this episode."""
    rule = body.rules.place[item]
    refuse(f"place {item}", _too_few(body, rule.uses))

    def fits(front: int) -> bool:
        return body.memory.name(front) in rule.where and front not in body.memory.creatures

    placed = body.world.achievements[f"place_{item}"]
    for _ in range(TRIES):
        body.defend()
        moves = _moves(body, item, fits)
        if moves is None:
            raise Refused(f"no free place for {item} close by", Missing(near=rule.where[0]))
        if not body.take(moves) or not fits(body.front):
            continue
        body.do(f"place_{item}")
        if body.world.achievements[f"place_{item}"] > placed:
            tend(body)
            return placed + 1
    raise Refused(f"something kept getting in the way of {item}; try again", retry=True)


def _moves(body: Body, item: str, fits: Callable[[int], bool]) -> list[str] | None:
    """Return moves to face a fitting cell, the best that is close by.

    A plant is best where few sides are open; anything else where what making things needs near stays near.
    """
    near = [station for station in body.rules.stations if body.memory.near(station)]

    def stays(cell: int) -> bool:
        return all(body.memory.near(station, cell) for station in near)

    def shielded(most: int) -> Callable[[int], bool]:
        return lambda front: fits(front) and len(open_sides(body, front)) <= most

    wishes = [(shielded(most), bool) for most in (1, 2)] if item == "plant" else [(fits, stays)]
    for wish, stands in (*wishes, (fits, bool)):
        moves = aim(body.memory, body.rules, body.world.facing, wish, within=NEARBY, stands=stands)
        if moves is not None:
            return moves
    return None


def make(body: Body, item: str) -> int:
    """Make an item; return how many are held now."""
    rule = body.rules.make[item]
    body.defend()
    lacks = [
        Missing(fact=f"near.{station}", equals=True, have=False, near=station)
        for station in rule.nearby
        if not body.memory.near(station)
    ]
    refuse(f"make {item}", lacks + _too_few(body, rule.uses))
    made = body.world.achievements[f"make_{item}"]
    body.do(f"make_{item}")
    if body.world.achievements[f"make_{item}"] == made:
        raise Refused(f"{item} could not be made this time; try again", retry=True)
    return body.inventory[item]


def _too_few(body: Body, uses: Mapping[str, int]) -> list[Missing]:
    return [
        Missing(fact=f"inventory.{name}", at_least=amount, have=body.inventory[name])
        for name, amount in uses.items()
        if body.inventory[name] < amount
    ]


def refuse(what: str, lacks: list[Missing]) -> None:
    """Refuse with everything that is missing, if anything is."""
    if lacks:
        raise Refused(f"cannot {what}: needs {'; '.join(lack.words() for lack in lacks)}", *lacks)
