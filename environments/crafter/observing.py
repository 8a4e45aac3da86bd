"""What the player shows to others: facts for code and words for a model."""

from __future__ import annotations

from environments.crafter.body import NAMES, Body
from environments.crafter.world import REACH
from skilllib.records.base import Json
from skilllib.records.world import Observation

DULL = ("grass", "sand", "path", "unknown", "void")
"""Not worth a word each time they are seen."""


def facts(body: Body) -> dict[str, Json]:
    """Return the facts, as the specification declares them."""
    world, rules, memory = body.world, body.rules, body.memory
    held = world.inventory
    return {
        "inventory": {name: held[name] for name in rules.items},
        "vitals": {name: held[name] for name in rules.vitals},
        "achievements": dict(world.achievements),
        "near": {name: memory.near(name) for name in rules.stations},
        "known": body.known(),
        "position": {"x": world.position[0] - memory.start[0], "y": world.position[1] - memory.start[1]},
        "facing": NAMES[world.facing],
        "sleeping": world.sleeping,
        "dark": body.dark,
        "step": world.time,
    }


def visible(body: Body) -> list[tuple[str, int, int]]:
    """Return every remarkable thing in the window with its place relative to the player, nearest first."""
    memory = body.memory
    found = []
    for dx in range(-REACH[0], REACH[0] + 1):
        for dy in range(-REACH[1], REACH[1] + 1):
            cell = memory.position + memory.shift((dx, dy))
            name = memory.creatures.get(cell) or memory.name(cell)
            if name not in DULL and cell != memory.position:
                found.append((name, dx, dy))
    return sorted(found, key=lambda thing: (abs(thing[1]) + abs(thing[2]), thing))


def words(body: Body) -> str:
    """Return what is seen and held, in a few short lines."""
    nearest: dict[str, str] = {}
    for name, dx, dy in visible(body):
        nearest.setdefault(name, f"{name} {place(dx, dy)}")
    front = body.memory.creatures.get(body.front) or body.memory.name(body.front)
    held = body.inventory
    lines = [
        f"You see: {', '.join(nearest.values()) or 'nothing remarkable'}.",
        f"You face {front} ({NAMES[body.world.facing]}).",
        f"You hold: {', '.join(f'{held[name]} {name}' for name in body.rules.items if held[name]) or 'nothing'}.",
        f"Condition: {', '.join(f'{name} {held[name]}' for name in body.rules.vitals)}.",
    ]
    near = [name for name in body.rules.stations if body.memory.near(name)]
    lines += [f"Near: {', '.join(near)}."] if near else []
    lines += ["It is dark."] if body.dark else []
    lines += ["You are asleep."] if body.world.sleeping else []
    return "\n".join(lines)


def place(dx: int, dy: int) -> str:
    """Return a relative place in words, such as `3 right 1 up`."""
    parts = [f"{abs(dx)} {'right' if dx > 0 else 'left'}"] if dx else []
    parts += [f"{abs(dy)} {'down' if dy > 0 else 'up'}"] if dy else []
    return " ".join(parts)


def observation(body: Body) -> Observation:
    """Return the present observation."""
    return Observation(text=words(body), facts=facts(body))
