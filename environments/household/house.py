"""One episode: where things stand, what was done to them, and what each call does."""

from __future__ import annotations

import random

from environments.household.rules import BEGINNINGS, DOORS, NOTHING, STATION, THINGS
from skilllib.records.base import Json
from skilllib.records.world import Failure, Missing


class Refused(Exception):
    """A call cannot do its work; becomes the outcome's failure."""

    def __init__(self, message: str, *missing: Missing) -> None:
        super().__init__(message)
        self.failure = Failure(message=message, missing=missing)


class House:
    """The state of the house.

    Args:
        seed: Decides where the episode begins.
    """

    def __init__(self, seed: int) -> None:
        self.at = random.Random(seed).choice(BEGINNINGS)
        self.hand = NOTHING
        self.where = dict.fromkeys(THINGS, self.at)
        self.done: dict[str, list[str]] = {thing: [] for thing in THINGS}
        self.unlocked = dict.fromkeys(DOORS, False)
        self.count = dict.fromkeys(("take", "put", "unlock", *STATION), 0)
        self.calls = 0

    def facts(self) -> dict[str, Json]:
        """Return the facts as JSON, sharing nothing with the house."""
        return {
            "at": self.at,
            "hand": self.hand,
            "unlocked": dict(self.unlocked),
            "things": {thing: {"at": self.where[thing], "done": " ".join(self.done[thing])} for thing in THINGS},
            "count": dict(self.count),
        }

    def words(self) -> str:
        """Return what there is in words."""
        here = ", ".join(thing for thing in THINGS if self.where[thing] == self.at and thing != self.hand) or NOTHING
        locked = " It is locked." if self._locked() else ""
        return f"You are at the {self.at}.{locked} You hold {self.hand}. Here: {here}."

    def do(self, primitive: str, argument: str) -> None:
        """Do the work of a call.

        Raises:
            Refused: Something is lacking; nothing has changed.
        """
        work = {"go": self._go, "take": self._take, "put": self._put, "unlock": self._unlock}.get(primitive)
        if work is None:
            self._treat(primitive, argument)
        else:
            work(argument)
        if primitive in self.count:
            self.count[primitive] += 1

    def _go(self, place: str) -> None:
        self.at = place
        self._carry()

    def _take(self, thing: str) -> None:
        self.hand = thing
        self._carry()

    def _put(self, thing: str) -> None:
        self._must_hold(thing)
        self._must_be_unlocked()
        self.hand = NOTHING

    def _unlock(self, door: str) -> None:
        self._must_be_at(door)
        if self.unlocked[door]:
            raise Refused(f"the {door} is unlocked")
        self.unlocked[door] = True

    def _treat(self, verb: str, thing: str) -> None:
        self._must_hold(thing)
        self._must_be_at(STATION[verb])
        self._must_be_unlocked()
        self.done[thing].append(verb)

    def _carry(self) -> None:
        if self.hand != NOTHING:
            self.where[self.hand] = self.at

    def _locked(self) -> bool:
        return not self.unlocked.get(self.at, True)

    def _must_be_at(self, place: str) -> None:
        if self.at != place:
            raise Refused(f"that is done at the {place} only", Missing(fact="at", equals=place, have=self.at, near=place))

    def _must_hold(self, thing: str) -> None:
        if self.hand != thing:
            raise Refused(f"you do not hold the {thing}", Missing(fact="hand", equals=thing, have=self.hand))

    def _must_be_unlocked(self) -> None:
        if self._locked():
            raise Refused(f"the {self.at} is locked", Missing(fact=f"unlocked.{self.at}", equals=True, have=False))
