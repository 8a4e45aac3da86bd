"""Primitives that find, reach and gather."""

from __future__ import annotations

from environments.crafter.body import Body, Refused
from environments.crafter.exploring import explore
from environments.crafter.rules import PLANTS, Collecting
from environments.crafter.tending import look_after, tend
from environments.crafter.walking import aim
from skilllib.records.world import Missing

LONGEST_TRY = 60
"""World steps spent on one thing that comes by chance."""
APPROACHES = 8
"""How often a target is walked to again when something got in the way."""


def explore_until(body: Body, target: str, max_steps: int = 300) -> int:
    """Explore until a target that can be reached is known; return how many of it are known."""
    body.heed_needs()
    if not explore(body, target, until=max_steps):
        missing = Missing(fact=f"known.{target}", at_least=1, have=len(body.memory.find(target)), near=target)
        raise Refused(f"no {target} within reach was found in {body.steps} steps; explore further", missing, retry=True)
    return len(body.memory.find(target))


def go_to(body: Body, target: str) -> None:
    """Walk beside the nearest known target."""
    known(body, target)
    if not body.go_beside(target):
        raise Refused(f"no known way leads to {target}", Missing(near=target), retry=True)


def known(body: Body, target: str) -> None:
    """Refuse if no target is known."""
    if lack := unknown(body, target):
        raise Refused(f"no {target} is known; find one first", *lack)


def unknown(body: Body, target: str) -> list[Missing]:
    """Return what is missing if no target is known."""
    if body.memory.find(target):
        return []
    return [Missing(fact=f"known.{target}", at_least=1, have=0, near=target)]


def collect(body: Body, target: str) -> int:
    """Walk to the nearest known target and gather from it once; return how much is held now."""
    if target in PLANTS:
        return _eat_plant(body)
    rule = body.rules.collect[target]
    _require(body, target, rule)
    item = next(iter(rule.receive))
    gathered = body.world.achievements[f"collect_{item}"]
    for _ in range(APPROACHES):
        if target in body.rules.walkable:
            _try_underfoot(body, target, f"collect_{item}", gathered)
        else:
            _approach(body, target)
            body.do("do")
        if body.world.achievements[f"collect_{item}"] > gathered:
            _fill_up(body, target, item)
            return body.inventory[item]
    raise Refused(f"{target} gave nothing this time; try again", retry=True)


def _fill_up(body: Body, target: str, item: str) -> None:
    """Go on with what fills a vital until it is full, as long as nothing comes near."""
    while item in body.rules.vitals and body.inventory[item] < body.rules.maximum[item] and body.beside() is None:
        if body.memory.name(body.front) != target or body.front in body.memory.creatures:
            return
        body.do("do")


def _require(body: Body, target: str, rule: Collecting) -> None:
    held, most = body.inventory, body.rules.maximum
    lacks = [
        Missing(fact=f"inventory.{tool}", at_least=amount, have=held[tool])
        for tool, amount in rule.require.items()
        if held[tool] < amount
    ]
    lacks += [
        Missing(fact=f"inventory.{item}", at_most=most[item] - amount, have=held[item])
        for item, amount in rule.receive.items()
        if item in body.rules.items and held[item] + amount > most[item]
    ]
    lacks += unknown(body, target)
    if lacks:
        raise Refused(f"cannot gather from {target}: needs {'; '.join(lack.words() for lack in lacks)}", *lacks)


def _approach(body: Body, target: str) -> None:
    """Walk beside the nearest target and face it."""
    if not body.go_beside(target):
        raise Refused(f"no known way leads to {target}", Missing(near=target), retry=True)
    spared = body.memory.fences()
    around = body.memory.around(body.memory.position)
    cell = next((cell for cell in around if body.memory.name(cell) == target and cell not in spared), None)
    if cell is not None:
        body.face(cell)


def _try_underfoot(body: Body, target: str, achievement: str, gathered: int) -> None:
    """Keep trying on ground that can be walked on, which has to be faced rather than entered."""

    def fits(front: int) -> bool:
        return body.memory.name(front) == target and front not in body.memory.creatures

    until = body.steps + LONGEST_TRY
    while body.steps < until and body.world.achievements[achievement] == gathered:
        body.defend()
        if fits(body.front):
            body.do("do")
            continue
        moves = aim(body.memory, body.rules, body.world.facing, fits, within=6)
        if moves is not None:
            body.take(moves)
            continue
        before = body.steps
        if not body.go_beside(target) or body.steps == before:  # there, and still it cannot be faced: walled in, say
            raise Refused(f"no known way leads to {target}", Missing(near=target), retry=True)


def _eat_plant(body: Body) -> int:
    known(body, "plant")
    if not body.memory.find("ripe_plant"):
        look_after(body)  # it may have ripened since it was last seen
    if not body.memory.find("ripe_plant"):
        lacks = Missing(fact="known.ripe_plant", at_least=1, have=0), *unknown(body, "plant")
        raise Refused("the plant is not ripe yet; let time pass near it, then call again", *lacks, retry=True)
    eaten = body.world.achievements["eat_plant"]
    for _ in range(APPROACHES):
        _approach(body, "ripe_plant")
        if body.memory.name(body.front) == "ripe_plant":
            body.do("do")
        if body.world.achievements["eat_plant"] > eaten:
            tend(body)
            return body.inventory["food"]
    raise Refused("the plant could not be eaten this time; try again", retry=True)
