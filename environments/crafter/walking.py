"""Ways over remembered cells: the cheapest way to a cell, and the shortest way to face one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

from environments.crafter.memory import Memory
from environments.crafter.rules import DIRECTIONS, Rules

AVOID = 2
"""The price of grass at dusk: zombies appear on it."""
WALK, DIG, BRIDGE = 1, 2, 3
"""World steps it takes to enter a free cell, one that is dug away first, and water that is filled and dug first."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How far cells are from where a search began, and by which cell each was reached."""

    cost: dict[int, int]
    came: dict[int, int]
    goal: int | None

    def path(self, cell: int) -> list[int]:
        """Return the cells from the first step up to a reached cell."""
        cells: list[int] = []
        while cell in self.came:
            cells.append(cell)
            cell = self.came[cell]
        return cells[::-1]


def diggable(rules: Rules, inventory: dict[str, int]) -> list[str]:
    """Return the materials that need a tool to be dug, are diggable with the tools held and leave walkable ground."""
    return [
        name
        for name, rule in rules.collect.items()
        if rule.require
        and rule.leaves in rules.walkable
        and all(inventory[tool] >= amount for tool, amount in rule.require.items())
    ]


def costs(memory: Memory, rules: Rules, inventory: dict[str, int], *, dusk: bool = False) -> bytes:
    """Return the price of entering each cell in world steps, 0 where one cannot; unknown cells and lava are never entered."""
    table = bytearray(256)
    for name in rules.walkable:
        table[memory.numbers[name]] = WALK
    if dusk:
        table[memory.numbers["grass"]] = AVOID
    dug = diggable(rules, inventory)
    for name in dug:
        table[memory.numbers[name]] = DIG
    if "stone" in dug and inventory["stone"] and "water" in rules.place["stone"].where:
        table[memory.numbers["water"]] = BRIDGE
    prices = bytearray(memory.map.tobytes().translate(bytes(table)))
    for cell in memory.creatures:
        prices[cell] = 0
    return bytes(prices)


def spread(prices: bytes, start: int, height: int, goals: Container[int] = (), *, within: int = 1_000_000) -> Spread:
    """Search outwards from a cell, cheapest first, until a goal, the end of what can be reached or a cost.

    Prices are at most 3, so four buckets take the place of a heap.
    """
    cost, came = {start: 0}, dict[int, int]()
    layers: list[list[int]] = [[start], [], [], []]
    total = idle = 0
    while idle < 4 and total <= within:
        layer, layers[total & 3] = layers[total & 3], []
        idle = 0 if layer else idle + 1
        for cell in layer:
            if cost[cell] != total:
                continue
            if cell in goals:
                return Spread(cost, came, cell)
            for near in (cell - height, cell + height, cell - 1, cell + 1):
                price = prices[near]
                if price and total + price < cost.get(near, 1_000_000):
                    cost[near], came[near] = total + price, cell
                    layers[total + price & 3].append(near)
        total += 1
    return Spread(cost, came, None)


def aim(
    memory: Memory,
    rules: Rules,
    facing: tuple[int, int],
    fits: Callable[[int], bool],
    *,
    within: int,
    stands: Callable[[int], bool] = bool,
) -> list[str] | None:
    """Return the shortest list of moves after which the player faces a cell that fits, or None.

    One cannot turn towards a free cell without stepping onto it, so the search runs over cells and directions.

    Args:
        memory: What was seen.
        rules: Crafter's rules.
        facing: Where the player looks now.
        fits: Says whether a cell is one to face.
        within: Give up after this many moves.
        stands: Says whether a cell is one to stand on at the end; by default all are.
    """
    walkable = {memory.numbers[name] for name in rules.walkable}
    first = (memory.position, memory.shift(facing))
    came: dict[tuple[int, int], tuple[tuple[int, int], str] | None] = {first: None}
    queue = deque([(first, 0)])
    while queue:
        state, depth = queue.popleft()
        if fits(sum(state)) and stands(state[0]):
            return _moves(came, state)
        for name, then in _turns(memory, walkable, state[0]) if depth < within else ():
            if then not in came:
                came[then] = (state, name)
                queue.append((then, depth + 1))
    return None


def _turns(memory: Memory, walkable: Container[int], cell: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Return the moves from a cell, each with the cell and the direction after it."""
    for name, direction in DIRECTIONS.items():
        step = memory.shift(direction)
        ahead = cell + step
        if memory.name(ahead) not in ("lava", "void", "unknown"):
            free = memory.map.item(ahead) in walkable and ahead not in memory.creatures
            yield name, (ahead if free else cell, step)


def _moves(came: dict[tuple[int, int], tuple[tuple[int, int], str] | None], state: tuple[int, int]) -> list[str]:
    moves: list[str] = []
    while (link := came[state]) is not None:
        state, name = link
        moves.append(name)
    return moves[::-1]
