"""Where to look next: the edge of what is known, weighed by what could be seen there and by how far it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from environments.crafter.body import Body
from environments.crafter.memory import UNKNOWN, Memory
from environments.crafter.walking import spread
from environments.crafter.world import REACH, VOID

ROCK = ("stone", "path", "coal", "iron", "diamond", "lava")
MEADOW = ("grass", "tree")
SHORE = ("grass", "sand", "water")
GROUND = {
    **dict.fromkeys((*ROCK, "skeleton"), ROCK),
    **dict.fromkeys(("grass", "tree", "cow", "zombie"), MEADOW),
    **dict.fromkeys(("water", "sand"), SHORE),
}
"""Around what a target is looked for; everything else is looked for on meadows."""
STALE = 6
"""World steps after which the plan is made again."""


def explore(body: Body, target: str, *, until: int) -> bool:
    """Walk over unexplored ground until a target that can be reached is known; return whether one is.

    Args:
        body: The player.
        target: A material, plant or creature.
        until: Stop when the primitive has used this many world steps.
    """
    while True:
        cells = body.memory.find(target)
        if cells and body.reaches(cells):
            return True
        if body.steps >= until:
            return False
        body.defend()
        way = _next_way(body, target)
        if way is None:
            body.do("noop")
            return False
        known = len(cells)
        for cell in way[:STALE]:
            body.follow([cell])
            if body.memory.position != cell or len(body.memory.find(target)) != known:
                break


def _next_way(body: Body, target: str) -> list[int] | None:
    memory = body.memory
    reached = spread(body.prices(), memory.position, memory.height)
    cells = np.fromiter(reached.cost.keys(), np.int64)
    distances = np.fromiter(reached.cost.values(), np.float64)
    worth = _worth(memory, target).ravel()[cells] / (distances + 4.0)
    worth[0] = 0.0  # where the player stands there is nothing new to see
    best = int(worth.argmax())
    return reached.path(int(cells[best])) if worth[best] > 0 else None


def _worth(memory: Memory, target: str) -> npt.NDArray[np.float64]:
    """Return for each cell how many unknown cells its window would show, weighed by the ground around it."""
    unknown = _in_window(memory.map == UNKNOWN)
    ground = _in_window(np.isin(memory.map, [memory.numbers[name] for name in GROUND.get(target, MEADOW)]))
    known = _in_window((memory.map != UNKNOWN) & (memory.map != VOID))
    return unknown * (0.25 + ground / np.maximum(known, 1))


def _in_window(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return for each cell how many cells of a mask lie in the window around it."""
    width, height = 2 * REACH[0] + 1, 2 * REACH[1] + 1
    padded = np.pad(mask.astype(np.float64), ((REACH[0] + 1, REACH[0]), (REACH[1] + 1, REACH[1])))
    total = padded.cumsum(0).cumsum(1)
    right, left = total[width:], total[:-width]
    sums: npt.NDArray[np.float64] = right[:, height:] - left[:, height:] - right[:, :-height] + left[:, :-height]
    return sums
