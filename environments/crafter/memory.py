"""What the player saw: the cells of every window so far, and the creatures in the present one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from environments.crafter.rules import CREATURES, PLANTS, Rules
from environments.crafter.world import REACH, VOID, WINDOW, World

FORGET = {"cow": 300, "zombie": 50, "skeleton": 150}
"""World steps after which it is forgotten where a creature was last seen. Far from the player creatures stand still."""
OPEN_TO_ARROWS = ("grass", "sand", "path", "water", "lava")
RANGE = 8
"""Cells ahead that are looked at for where an arrow may come from."""
UNKNOWN = 0
"""Number of a cell that was never in the window."""


class Memory:
    """A map of remembered cells, with a margin so that a window at the world's edge fits in.

    A cell has a number, `x * height + y` in the map's own coordinates, so that searches work on flat bytes.

    Args:
        rules: Crafter's rules.
        world: The world; only its window is ever read.
    """

    def __init__(self, rules: Rules, world: World) -> None:
        width, height = world.area
        self.names = ("unknown", *rules.materials, *PLANTS)
        self.numbers = {name: number for number, name in enumerate(self.names)}
        self.map: npt.NDArray[np.uint8] = np.zeros((width + 2 * REACH[0], height + 2 * REACH[1]), np.uint8)
        self.height = height + 2 * REACH[1]
        self.start = world.position
        self.creatures: dict[int, str] = {}
        self.sighted: dict[int, tuple[str, int]] = {}
        self.position = 0
        self.see(world)

    def see(self, world: World) -> None:
        """Take in the present window."""
        cells, seen = world.window()
        x, y = world.position
        # In the map's coordinates, which are shifted by the margin, the window begins at (x, y).
        self.map[x : x + WINDOW[0], y : y + WINDOW[1]] = cells
        self.position = self._number(x, y)
        self.creatures = {}
        for body in seen:
            if body.name in self.numbers:
                self.map[body.x + REACH[0], body.y + REACH[1]] = self.numbers[body.name]
            else:
                self.creatures[self._number(body.x, body.y)] = body.name
        self._remember_creatures(world.time)

    def _remember_creatures(self, now: int) -> None:
        """Keep where creatures were last seen, until that place is seen again or too long ago."""
        self.sighted = {
            cell: (name, when) for cell, (name, when) in self.sighted.items() if now - when < FORGET[name] and not self.sees(cell)
        }
        self.sighted.update({cell: (name, now) for cell, name in self.creatures.items() if name in FORGET})

    def sees(self, cell: int) -> bool:
        """Return whether a cell is in the window."""
        dx, dy = self.offset(cell)
        return abs(dx) <= REACH[0] and abs(dy) <= REACH[1]

    def _number(self, x: int, y: int) -> int:
        return (x + REACH[0]) * self.height + y + REACH[1]

    def name(self, cell: int) -> str:
        """Return what is remembered at a cell: a material, a plant, `unknown`, or `void` outside the world."""
        number = int(self.map.item(cell)) if 0 <= cell < self.map.size else VOID
        return "void" if number == VOID else self.names[number]

    def offset(self, cell: int) -> tuple[int, int]:
        """Return a cell relative to the player, x to the right and y down."""
        x, y = divmod(cell, self.height)
        here_x, here_y = divmod(self.position, self.height)
        return x - here_x, y - here_y

    def distance(self, cell: int) -> int:
        """Return the number of moves to a cell if nothing stood in the way."""
        dx, dy = self.offset(cell)
        return abs(dx) + abs(dy)

    def shift(self, direction: tuple[int, int]) -> int:
        """Return by how much a move in a direction changes a cell's number."""
        return direction[0] * self.height + direction[1]

    def around(self, cell: int) -> tuple[int, int, int, int]:
        """Return the four cells beside a cell."""
        return cell - self.height, cell + self.height, cell - 1, cell + 1

    def find(self, target: str) -> list[int]:
        """Return all cells where a material or plant is known or a creature was last seen, nearest first."""
        if target in CREATURES:
            cells = [cell for cell, (name, _) in self.sighted.items() if name == target]
        else:
            spared = {self.position} | (self.fences() if target == "stone" else set())
            wanted = PLANTS if target == "plant" else (target,)
            cells = [
                cell for name in wanted for cell in np.flatnonzero(self.map == self.numbers[name]).tolist() if cell not in spared
            ]
        return sorted(cells, key=lambda cell: (self.distance(cell), cell))

    def fences(self) -> set[int]:
        """Return the stones around plants, which are neither gathered nor dug through."""
        return {cell for plant in self.find("plant") for cell in self.around(plant) if self.name(cell) == "stone"}

    def count(self, reached: Iterable[int]) -> dict[str, int]:
        """Return how much of each material, plant and creature is known beside cells that can be reached."""
        beside = np.zeros(self.map.size, bool)
        cells = np.fromiter(reached, np.int64)
        for shift in self.around(0):
            beside[cells + shift] = True
        beside[[self.position, *self.fences()]] = False
        found = np.bincount(self.map.ravel()[beside], minlength=len(self.names))
        known = {name: int(found[number]) for number, name in enumerate(self.names) if number != UNKNOWN}
        known["plant"] += known["ripe_plant"]
        sighted = [name for cell, (name, _) in self.sighted.items() if beside[cell]]
        return known | {name: sighted.count(name) for name in CREATURES}

    def shot_at(self, cell: int, beside: int) -> bool:
        """Return whether an arrow could come to a cell over the one beside it: from a cave within range, over open ground."""
        for ahead in range(RANGE):
            name = self.name(beside + ahead * (beside - cell))
            if name == "path":
                return True
            if name not in OPEN_TO_ARROWS:
                return False
        return False

    def in_sight(self, material: str) -> int:
        """Return how many cells of a material the window shows."""
        x, y = divmod(self.position, self.height)
        window = self.map[x - REACH[0] : x + REACH[0] + 1, y - REACH[1] : y + REACH[1] + 1]
        return int((window == self.numbers[material]).sum())

    def near(self, material: str, cell: int | None = None) -> bool:
        """Return whether crafter counts a material as near: in the 3x3 cells around the player, or around a cell.

        At the world's left and top edge crafter's own slice is empty, so nothing is near there.
        """
        x, y = divmod(self.position if cell is None else cell, self.height)
        if VOID in (self.map[x - 1, y], self.map[x, y - 1]):
            return False
        return bool((self.map[x - 1 : x + 2, y - 1 : y + 2] == self.numbers[material]).any())
