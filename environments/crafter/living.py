"""Primitives that fight, rest and look, and the bare moves."""

from __future__ import annotations

from environments.crafter.body import Body, Refused
from environments.crafter.exploring import explore
from environments.crafter.gathering import known
from environments.crafter.observing import visible
from environments.crafter.rules import DIRECTIONS
from environments.crafter.shelter import take_cover
from environments.crafter.tending import tend
from skilllib.records.base import Json
from skilllib.records.world import Missing

LONGEST_CHASE = 200
"""World steps after which a creature is let go."""


def attack(body: Body, creature: str) -> None:
    """Chase the nearest creature that was seen and strike it until it is beaten."""
    known(body, creature)
    achievement = next(name for name in body.rules.achievements if name.endswith(f"_{creature}"))
    beaten = body.world.achievements[achievement]
    until = body.steps + LONGEST_CHASE
    while body.steps < until:
        near = body.beside((creature,))
        if near is not None:
            body.strike(near)
        else:
            _chase(body, creature, until)
        if body.world.achievements[achievement] > beaten:
            return
    raise Refused(f"the {creature} got away", Missing(near=creature), retry=True)


def _chase(body: Body, creature: str, until: int) -> None:
    """Take a step towards the nearest one that was seen; if none is left look around for another."""
    body.defend()
    way = body.way_beside(body.memory.find(creature))
    if way:
        body.follow(way[:1])
    elif way is not None:
        body.do("noop")
    elif not explore(body, creature, until=until):
        missing = Missing(fact=f"known.{creature}", at_least=1, have=0, near=creature)
        raise Refused(f"the {creature} is out of sight", missing, retry=True)


def sleep(body: Body) -> int:
    """Sleep until rested; return the energy then."""
    most = body.rules.maximum["energy"]
    if body.inventory["energy"] >= most:
        missing = Missing(fact="vitals.energy", at_most=most - 1, have=body.inventory["energy"])
        raise Refused("not tired yet; let time pass, then call again", missing, retry=True)
    if take_cover(body) is None and body.dark and body.exposed:
        held = body.inventory["stone"]
        missing = Missing(fact="inventory.stone", at_least=min(held + 2, body.rules.maximum["stone"]), have=held)
        raise Refused("too dangerous in the open at night; come with more to close yourself in", missing, retry=True)
    woken = body.world.achievements["wake_up"]
    body.do("sleep")
    while body.world.sleeping:
        body.do("sleep")
    if body.world.achievements["wake_up"] == woken:
        hungry = [Missing(fact=f"vitals.{need}", at_least=1, have=0) for need in ("food", "drink") if not body.inventory[need]]
        body.defend()
        raise Refused("woken by harm before being rested", *hungry, retry=True)
    return body.inventory["energy"]


def wait(body: Body, steps: int = 10) -> None:
    """Let time pass on the spot."""
    body.heed_needs()
    tend(body)
    while body.steps < steps:
        body.defend()
        if body.steps < steps:
            body.do("noop")


def look(body: Body) -> Json:
    """Return the places of everything remarkable in sight, by name."""
    seen: dict[str, list[list[int]]] = {}
    for name, dx, dy in visible(body):
        seen.setdefault(name, []).append([dx, dy])
    return seen


def move(body: Body, direction: str, steps: int = 1) -> int:
    """Step in a direction; return how many cells that led."""
    return sum(body.move(DIRECTIONS[direction]) for _ in range(steps))


def act(body: Body) -> str:
    """Use the hands on what is faced; return its name."""
    faced = body.memory.creatures.get(body.front) or body.memory.name(body.front)
    body.do("do")
    return faced
