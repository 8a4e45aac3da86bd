"""The player's body: takes legal actions, remembers what it sees, strikes back and walks."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass

from environments.crafter.memory import Memory
from environments.crafter.needs import NEEDS
from environments.crafter.rules import CREATURES, DIRECTIONS, HOSTILE, PLANTS, SERVES, Rules
from environments.crafter.walking import aim, costs, spread
from environments.crafter.world import World
from skilllib.records.world import Failure, Missing

LONGEST_WALK = 400
"""World steps after which a walk is given up."""
LONGEST_FIGHT = 40
"""World steps a creature beside the player is fought before the player goes on."""
DARK = 0.3
"""Daylight under which it counts as dark."""
DUSK = 0.25
"""Daylight under which open grass is too dangerous to walk on."""
OPEN = 16
"""Cells of grass in sight that make open ground; zombies appear nowhere else."""
HURT = 4
"""Health at which the player takes cover before going on."""
DIRE = 1
"""Level of a need at which a long primitive stops; callers look after needs that merely press."""
NAMES = {direction: name for name, direction in DIRECTIONS.items()}


@dataclass(slots=True)
class Alert:
    """What the reflexes keep in mind between calls."""

    rest_again: int = 0
    """Step of the episode before which no place to hide is looked for again."""
    rested: bool = False
    """Whether the player rested in cover since a need last stopped it."""
    shot: bool = False
    """Whether something out of reach did harm in the last step."""


class Refused(Exception):
    """A primitive cannot do its work; becomes the outcome's failure."""

    def __init__(self, message: str, *missing: Missing, retry: bool = False) -> None:
        super().__init__(message)
        self.failure = Failure(message=message, missing=missing, retry=retry)


class Ended(Exception):
    """The episode ended during a primitive."""


class Body:
    """What every primitive moves.

    Args:
        world: A world whose episode began.
        rules: Crafter's rules.
        memory: What was seen in this episode.
        recover: What to do when badly hurt.
        alert: What the reflexes kept in mind, when an episode is taken up again.
    """

    def __init__(
        self, world: World, rules: Rules, memory: Memory, *, recover: Callable[[Body], None], alert: Alert | None = None
    ) -> None:
        self.world = world
        self.rules = rules
        self.memory = memory
        self.steps = 0
        self._recover = recover
        self._recovering = False
        self.alert = alert or Alert()
        self.errand = ""
        self.watched: Mapping[str, int] | None = None

    @property
    def inventory(self) -> dict[str, int]:
        """Items and vitals held now."""
        return self.world.inventory

    @property
    def front(self) -> int:
        """The cell the player faces."""
        return self.memory.position + self.memory.shift(self.world.facing)

    @property
    def dark(self) -> bool:
        """Whether it is dark."""
        return self.world.daylight < DARK

    @property
    def exposed(self) -> bool:
        """Whether it is getting dark on open ground."""
        return self.world.daylight < DUSK and self.memory.in_sight("grass") >= OPEN

    def do(self, action: str) -> None:
        """Take one action.

        Raises:
            Ended: The episode ended with it.
            Refused: A vital need began to press and this primitive watches for that.
        """
        before = self.inventory["health"]
        self.world.step(action)
        self.steps += 1
        self.memory.see(self.world)
        self.alert.shot = self.inventory["health"] < before - 1 and self.beside() is None
        if self.world.over:
            raise Ended
        if self.watched is not None:
            self._heed(self.watched)

    def heed_needs(self) -> None:
        """Watch from now on for needs that become dire, unless what is looked for serves one."""
        self.watched = None if self.errand in SERVES else dict(self.inventory)

    def _heed(self, before: Mapping[str, int]) -> None:
        for need in NEEDS:
            have = self.inventory[need]
            if have < before[need]:
                self.watched = dict(self.inventory)
                if have <= DIRE:
                    self.stop(need)

    def stop(self, need: str) -> None:
        """Stop the primitive because of a need."""
        have = self.inventory[need]
        missing = Missing(fact=f"vitals.{need}", at_least=NEEDS[need], have=have)
        raise Refused(f"stopped because {need} is down to {have}; see to it, then call again", missing, retry=True)

    def move(self, direction: tuple[int, int]) -> bool:
        """Step in a direction, or turn if the cell is taken; return whether the player moved. Never into lava."""
        here = self.memory.position
        if self.memory.name(here + self.memory.shift(direction)) == "lava":
            raise Refused("there is lava; stepping into it is death")
        self.do(f"move_{NAMES[direction]}")
        return self.memory.position != here

    def face(self, cell: int) -> None:
        """Turn towards a cell beside the player that cannot be entered."""
        if self.front != cell:
            self.move(self.memory.offset(cell))

    def strike(self, cell: int) -> None:
        """Face a creature beside the player and strike it once, if it is still there."""
        self.face(cell)
        if self.front in self.memory.creatures:
            self.do("do")

    def beside(self, creatures: Container[str | None] = HOSTILE) -> int | None:
        """Return a cell beside the player that holds one of these creatures, or None."""
        for cell in self.memory.around(self.memory.position):
            if self.memory.creatures.get(cell) in creatures:
                return cell
        return None

    def defend(self) -> None:
        """The reflexes: fight what is hostile and adjacent before anything else, and take cover when badly hurt."""
        until = self.steps + LONGEST_FIGHT
        while (cell := self.beside()) is not None and self.steps < until:
            self.strike(cell)
        if self.alert.shot:
            self._dodge()
        if (self.exposed or self.inventory["health"] <= HURT) and not self._recovering and self.world.time >= self.alert.rest_again:
            self._recovering = True
            try:
                self._recover(self)
            finally:
                self._recovering = False
            self._look_after_needs()

    def _dodge(self) -> None:
        """Leave the line of a shot: step to the free cell from which the fewest cells of cave are in line."""
        self.alert.shot = False
        free = [
            cell
            for cell in self.memory.around(self.memory.position)
            if self.memory.name(cell) in self.rules.walkable and cell not in self.memory.creatures
        ]
        if free:
            self.move(self.memory.offset(min(free, key=lambda cell: (self._in_line(cell), cell))))

    def _in_line(self, cell: int) -> int:
        """Return from how many sides an arrow could come to a cell."""
        return sum(self.memory.shot_at(cell, cell + self.memory.shift(side)) for side in DIRECTIONS.values())

    def _look_after_needs(self) -> None:
        """After a night in cover a need that presses comes before what was being done."""
        for need, level in NEEDS.items():
            if self.inventory[need] < level - 1 and self.errand not in SERVES and self.alert.rested:
                self.alert.rested = False
                self.stop(need)

    def prices(self, *, fences: bool = False) -> bytes:
        """Return what entering each remembered cell costs now; the stones around a plant are dug for its sake only."""
        prices = costs(self.memory, self.rules, self.inventory, dusk=self.world.daylight < DUSK)
        if fences or self.errand in PLANTS:
            return prices
        fenced = bytearray(prices)
        for cell in self.memory.fences():
            fenced[cell] = 0
        return bytes(fenced)

    def reaches(self, cells: Iterable[int]) -> bool:
        """Return whether there is a known way to a cell beside one of these."""
        return self.way_beside(cells) is not None

    def known(self) -> dict[str, int]:
        """Return how much of everything is known that can be reached."""
        return self.memory.count(spread(self.prices(fences=True), self.memory.position, self.memory.height).cost)

    def way_beside(self, cells: Iterable[int]) -> list[int] | None:
        """Return the cheapest way to a cell beside one of these, or None; empty if the player is there."""
        goals = {near for cell in cells for near in self.memory.around(cell)}
        if not goals:
            return None
        found = spread(self.prices(), self.memory.position, self.memory.height, goals)
        return None if found.goal is None else found.path(found.goal)

    def go_beside(self, target: str) -> bool:
        """Walk to a cell beside the nearest known target; return False if there is no way."""
        until = self.steps + LONGEST_WALK
        while self.steps < until:
            self.defend()
            way = self.way_beside(self.memory.find(target))
            if way is None:
                return False
            if not way:
                return True
            self.follow(way if target not in CREATURES else way[:1])
        return False

    def follow(self, way: Iterable[int]) -> None:
        """Go along cells until the last one or until something gets in the way."""
        for cell in way:
            self.defend()
            if self.memory.distance(cell) != 1 or not self.enter(cell):
                return

    def enter(self, cell: int) -> bool:
        """Step onto a cell beside the player, filling or digging it first where that is needed."""
        if cell in self.memory.creatures:
            self.do("noop")  # a cow in the way; the next plan goes round it
            return False
        direction = self.memory.offset(cell)
        if self.memory.name(cell) == "water":
            self.face(cell)
            self.do("place_stone")
        if self.memory.name(cell) not in self.rules.walkable:
            self.face(cell)
            self.do("do")
        return self.memory.name(cell) in self.rules.walkable and self.move(direction)

    def turn_to(self, cell: int) -> bool:
        """Face an adjacent cell whatever it is; return False if that did not work."""
        moves = aim(self.memory, self.rules, self.world.facing, lambda front: front == cell, within=8)
        return moves is not None and self.take(moves) and self.front == cell

    def take(self, moves: Iterable[str]) -> bool:
        """Take planned moves; return False if a creature made the plan stale."""
        for name in moves:
            if self.beside() is not None:
                self.defend()
                return False
            self.move(DIRECTIONS[name])
        return True
