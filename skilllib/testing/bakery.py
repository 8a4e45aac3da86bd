"""A toy world to try agents on: a bakery where bread takes a morning of errands.

It is small, fast and deterministic, and deliberately unlike a world of cells and pictures: places are words, one walks
between them by name, some things come only by chance, an oven burns out, and whoever never rests collapses.

    places     home, field, mill, coop, forest, kitchen
    wheat      gathered in the field
    egg        gathered at the coop, by chance
    firewood   gathered in the forest
    flour      ground at the mill from two wheat
    dough      kneaded in the kitchen from a flour and an egg
    fire       lit in the kitchen with two firewood; it burns out
    bread      baked in the kitchen from a dough while the oven is lit
    vigor      falls with time; comes back by resting at home; at zero the episode terminates
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping
from typing import Any

import numpy as np

from skilllib.errors import EnvironmentFault, ResetNeeded
from skilllib.records.base import Json, Scalar
from skilllib.records.world import (
    EnvironmentSpec,
    Failure,
    Milestone,
    Missing,
    Observation,
    Outcome,
    Parameter,
    Primitive,
    VitalNeed,
)

PLACES = ("home", "field", "mill", "coop", "forest", "kitchen")
CROPS = {"wheat": "field", "egg": "coop", "firewood": "forest"}
"""What can be gathered, and where."""
GOODS = ("wheat", "flour", "egg", "firewood", "dough", "bread")
TALLIES = (
    "harvested_wheat",
    "found_egg",
    "fetched_firewood",
    "milled_flour",
    "kneaded_dough",
    "lit_oven",
    "baked_bread",
    "rested",
)
MOST = 20
"""Of each good, and of vigor."""
TIRED = 12
"""Vigor up to which one can rest."""
STEPS = {"walk": 2, "gather": 1, "grind": 2, "knead": 2, "light": 1, "bake": 3, "rest": 6}
"""World steps of a call that did its work."""
STEPS_PER_VIGOR = 3
BURNS = 40
"""World steps for which a fire burns."""


def make_bakery(*, length: int = 400, egg_chance: float = 0.5) -> Bakery:
    """Make one instance.

    Args:
        length: World steps after which an episode is truncated.
        egg_chance: Probability that one look into the nests finds an egg.

    Raises:
        EnvironmentFault: An option is out of its range.
    """
    if length < 1 or not 0 < egg_chance <= 1:
        raise EnvironmentFault(f"give the bakery a positive length and a chance in (0, 1], not {length!r} and {egg_chance!r}")
    return Bakery(length=length, egg_chance=egg_chance)


class Bakery:
    """One owned instance of the bakery; see the module's docstring for its rules.

    Args:
        length: World steps after which an episode is truncated.
        egg_chance: Probability that one look into the nests finds an egg.
    """

    def __init__(self, *, length: int = 400, egg_chance: float = 0.5) -> None:
        self._spec = _specification(length)
        self._length, self._egg_chance = length, egg_chance
        self._day: _Day | None = None

    @property
    def spec(self) -> EnvironmentSpec:
        """What the bakery declares about itself."""
        return self._spec

    def reset(self, seed: int | None = None) -> Observation:
        """Begin a day at a place that follows from the seed, with empty hands and full vigor."""
        self._day = _Day(np.random.default_rng(secrets.randbelow(2**31) if seed is None else seed))
        return self.observe()

    def call(self, primitive: str, arguments: Mapping[str, Scalar]) -> Outcome:
        """Make one primitive call.

        Raises:
            ResetNeeded: Before the first reset, or after the end of the episode.
            EnvironmentFault: There is no such primitive.
        """
        day = self._begun()
        if self._over(day):
            raise ResetNeeded("the day is over; call reset() to begin another")
        if primitive not in STEPS:
            raise EnvironmentFault(f"the bakery has no primitive {primitive!r}; it has {', '.join(STEPS)}")
        before = day.steps
        value, failure = self._done(day, primitive, arguments)
        return Outcome(
            value=value,
            failure=failure,
            steps=day.steps - before,
            terminated=day.vigor <= 0,
            truncated=day.steps >= self._length and day.vigor > 0,
        )

    def observe(self) -> Observation:
        """Return what there is; no world step passes."""
        day = self._begun()
        held = ", ".join(f"{count} {good}" for good, count in day.stock.items() if count) or "nothing"
        fire = "lit" if day.lit else "cold"
        return Observation(
            text=f"You are at: {day.at}. You have {held}. The oven is {fire}. Vigor: {day.vigor}.", facts=day.facts()
        )

    def close(self) -> None:
        """Let go of the day; harmless when called twice."""
        self._day = None

    def snapshot(self) -> object:
        """Return a token for the present state."""
        return copy.deepcopy(self._begun())

    def restore(self, token: Any) -> None:
        """Return to the state of a token."""
        self._day = copy.deepcopy(token)

    def _begun(self) -> _Day:
        if self._day is None:
            raise ResetNeeded("no day has begun; call reset() first")
        return self._day

    def _over(self, day: _Day) -> bool:
        return day.vigor <= 0 or day.steps >= self._length

    def _done(self, day: _Day, primitive: str, arguments: Mapping[str, Scalar]) -> tuple[Json, Failure | None]:
        try:
            value = getattr(day, primitive)(**arguments, **({"egg_chance": self._egg_chance} if primitive == "gather" else {}))
            return value, None
        except _Refused as refused:
            return None, refused.failure


class _Refused(Exception):
    """A call that could not do its work."""

    def __init__(self, message: str, *missing: Missing, retry: bool = False) -> None:
        super().__init__(message)
        self.failure = Failure(message=message, missing=missing, retry=retry)


class _Day:
    """One episode: where things stand, and what each primitive does to them."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.at = PLACES[int(random.integers(len(PLACES)))]
        self.stock = dict.fromkeys(GOODS, 0)
        self.tally = dict.fromkeys(TALLIES, 0)
        self.vigor = MOST
        self.steps = 0
        self._burns_until = 0
        self._toil = 0

    @property
    def lit(self) -> bool:
        """Whether the oven burns now."""
        return self.steps < self._burns_until

    def facts(self) -> dict[str, Json]:
        """Return the facts as JSON, sharing nothing with the day."""
        return {
            "at": self.at,
            "stock": dict(self.stock),
            "oven": {"lit": self.lit},
            "vigor": self.vigor,
            "tally": dict(self.tally),
        }

    def walk(self, to: str) -> None:
        if to != self.at:
            self.at = to
            self._pass("walk")

    def gather(self, crop: str, egg_chance: float) -> int:
        self._must_be_at(CROPS[crop])
        self._must_have_room(crop)
        self._pass("gather")
        if crop == "egg" and self.random.random() >= egg_chance:
            raise _Refused("the nests are empty just now", retry=True)
        return self._gain(crop, {"wheat": "harvested_wheat", "egg": "found_egg", "firewood": "fetched_firewood"}[crop])

    def grind(self) -> int:
        self._must_be_at("mill")
        self._must_have_room("flour")
        self._spend(wheat=2)
        self._pass("grind")
        return self._gain("flour", "milled_flour")

    def knead(self) -> int:
        self._must_be_at("kitchen")
        self._must_have_room("dough")
        self._spend(flour=1, egg=1)
        self._pass("knead")
        return self._gain("dough", "kneaded_dough")

    def light(self) -> None:
        self._must_be_at("kitchen")
        self._spend(firewood=2)
        self._pass("light")
        self._burns_until = self.steps + BURNS
        self.tally["lit_oven"] += 1

    def bake(self) -> int:
        self._must_be_at("kitchen")
        self._must_have_room("bread")
        if not self.lit:
            raise _Refused("the oven is cold", Missing(fact="oven.lit", equals=True, have=False))
        self._spend(dough=1)
        self._pass("bake")
        return self._gain("bread", "baked_bread")

    def rest(self) -> int:
        self._must_be_at("home")
        if self.vigor > TIRED:
            raise _Refused("you are not tired", Missing(fact="vigor", at_most=TIRED, have=self.vigor))
        self._pass("rest")
        self.vigor = MOST
        self.tally["rested"] += 1
        return self.vigor

    def _pass(self, primitive: str) -> None:
        self.steps += STEPS[primitive]
        self._toil += STEPS[primitive]
        self.vigor = max(0, self.vigor - self._toil // STEPS_PER_VIGOR)
        self._toil %= STEPS_PER_VIGOR

    def _gain(self, good: str, tally: str) -> int:
        self.stock[good] += 1
        self.tally[tally] += 1
        return self.stock[good]

    def _spend(self, **amounts: int) -> None:
        missing = [
            Missing(fact=f"stock.{good}", at_least=amount, have=self.stock[good])
            for good, amount in amounts.items()
            if self.stock[good] < amount
        ]
        if missing:
            raise _Refused(f"there is too little: {'; '.join(lack.words() for lack in missing)}", *missing)
        for good, amount in amounts.items():
            self.stock[good] -= amount

    def _must_be_at(self, place: str) -> None:
        if self.at != place:
            raise _Refused(f"that can be done at the {place} only", Missing(fact="at", equals=place, have=self.at, near=place))

    def _must_have_room(self, good: str) -> None:
        if self.stock[good] >= MOST:
            raise _Refused(f"no more {good} can be kept", Missing(fact=f"stock.{good}", at_most=MOST - 1, have=self.stock[good]))


def _specification(length: int) -> EnvironmentSpec:
    return EnvironmentSpec(
        name="bakery",
        primitives=_primitives(),
        facts=_fact_schema(),
        milestones=tuple(Milestone(name=name, check=f"after.tally.{name} > before.tally.{name}") for name in TALLIES),
        vital_needs=(VitalNeed(fact="vigor", presses_below=5),),
        seeds=True,
        snapshots=True,
        max_steps=length,
        description="A bakery with its field, mill, coop and forest. Everything is within a walk.",
    )


def _primitives() -> tuple[Primitive, ...]:
    place = "You are in the wrong place"
    return (
        Primitive(name="walk", doc="Walk to a place.", parameters=(Parameter(name="to", choices=PLACES),)),
        Primitive(
            name="gather",
            doc="Gather one of a crop where it is found.",
            parameters=(Parameter(name="crop", choices=tuple(CROPS)),),
            returns="int: how many are held now",
            fails=f"{place}, or there is none just now.",
        ),
        Primitive(
            name="grind",
            doc="Work the mill.",
            returns="int: how many are held now of what came of it",
            fails=f"{place}, or something is lacking.",
        ),
        Primitive(
            name="knead",
            doc="Work with the hands.",
            returns="int: how many are held now of what came of it",
            fails=f"{place}, or something is lacking.",
        ),
        Primitive(name="light", doc="Light the oven; it burns for a while.", fails=f"{place}, or something is lacking."),
        Primitive(
            name="bake",
            doc="Use the oven.",
            returns="int: how many are held now of what came of it",
            fails=f"{place}, or something is lacking.",
        ),
        Primitive(
            name="rest", doc="Rest until fresh.", returns="int: the vigor afterwards", fails=f"{place}, or you are not tired."
        ),
    )


def _fact_schema() -> dict[str, Json]:
    level: dict[str, Json] = {"type": "integer", "minimum": 0, "maximum": MOST}
    return _group(
        at={"type": "string", "enum": list(PLACES)},
        stock=_group(**dict.fromkeys(GOODS, level)),
        oven=_group(lit={"type": "boolean"}),
        vigor=level,
        tally=_group(**{name: {"type": "integer", "minimum": 0} for name in TALLIES}),
    )


def _group(**properties: Json) -> dict[str, Json]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
