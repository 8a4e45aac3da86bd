"""A small environment of your own: a garden in which one sows, waits and picks. Run it to check that it keeps the contract."""

from collections.abc import Mapping
from copy import deepcopy

import numpy as np

from skilllib.errors import ResetNeeded
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

PLACES = ("house", "shed", "well", "bed")
WHERE = {"take_seeds": "shed", "draw_water": "well", "sow": "bed", "pick": "bed", "rest": "house"}
TAKES = {"sow": {"seeds": 1, "water": 2}}
LENGTH, FRESH, RIPENS = 300, 20, 3
COUNT: Json = {"type": "integer", "minimum": 0, "maximum": 200}


def group(**facts: Json) -> Json:
    """Return the JSON Schema of an object of facts that are always shown."""
    return {"type": "object", "properties": facts, "required": list(facts), "additionalProperties": False}


class Garden:
    """One owned instance."""

    spec = EnvironmentSpec(
        name="garden",
        description="A house with a shed, a well and one bed of earth.",
        primitives=(
            Primitive(name="walk", doc="Walk to a place.", parameters=(Parameter(name="place", choices=PLACES),)),
            Primitive(name="take_seeds", doc="Take some seeds.", fails="You are elsewhere."),
            Primitive(name="draw_water", doc="Draw a can of water.", fails="You are elsewhere."),
            Primitive(name="sow", doc="Sow and water the bed.", fails="You are elsewhere, something lacks, or it is sown."),
            Primitive(name="pick", doc="Pick the crop.", fails="You are elsewhere, nothing is sown, or it is not ripe."),
            Primitive(name="rest", doc="Rest for a while.", fails="You are elsewhere."),
        ),
        facts=group(
            at={"type": "string", "enum": list(PLACES)},
            bag=group(seeds=COUNT, water=COUNT),
            sown={"type": "boolean"},
            vigor=COUNT,
            done=group(sown=COUNT, picked=COUNT),
        ),
        milestones=(
            Milestone(name="sow", check="after.done.sown > before.done.sown"),
            Milestone(name="pick", check="after.done.picked > before.done.picked"),
        ),
        vital_needs=(VitalNeed(fact="vigor", presses_below=6),),
        seeds=True,
        max_steps=LENGTH,
    )

    def __init__(self) -> None:
        self.facts: dict[str, Json] = {}

    def reset(self, seed: int | None = None) -> Observation:
        """Begin an episode; where it begins follows from the seed."""
        at = PLACES[int(np.random.default_rng(seed).integers(len(PLACES)))]
        self.facts = {"at": at, "bag": {"seeds": 0, "water": 0}, "sown": False, "vigor": FRESH, "done": {"sown": 0, "picked": 0}}
        self.steps = self.sown_at = 0
        return self.observe()

    def observe(self) -> Observation:
        """Return what there is now, as a copy: nobody changes the garden by changing it."""
        if not self.facts:
            raise ResetNeeded("no episode has begun; call reset() first")
        return Observation(text=f"You are at the {self.facts['at']}. You carry {self.facts['bag']}.", facts=deepcopy(self.facts))

    def call(self, primitive: str, arguments: Mapping[str, Scalar]) -> Outcome:
        """Let a step of time pass, then do the work or return a failure that names what is missing."""
        if not self.facts or self.facts["vigor"] <= 0 or self.steps >= LENGTH:
            raise ResetNeeded("no episode is going on; call reset() to begin one")
        self.steps += 1
        self.facts["vigor"] -= self.steps % 2
        failure = self._failure(primitive)
        if failure is None:
            self._work(primitive, arguments)
        dead = self.facts["vigor"] <= 0
        return Outcome(failure=failure, terminated=dead, truncated=self.steps >= LENGTH and not dead)

    def close(self) -> None:
        """Let go of everything; harmless when called twice."""
        self.facts = {}

    def _failure(self, primitive: str) -> Failure | None:
        facts, place = self.facts, WHERE.get(primitive)
        if place is not None and facts["at"] != place:
            elsewhere = Missing(fact="at", equals=place, have=facts["at"], near=place)
            return Failure(message=f"you are not at the {place}", missing=(elsewhere,))
        if primitive == "sow" and facts["sown"]:
            return Failure(message="the bed is sown", missing=(Missing(fact="sown", equals=False, have=True),))
        if primitive == "pick" and not facts["sown"]:
            return Failure(message="nothing is sown", missing=(Missing(fact="sown", equals=True, have=False),))
        if primitive == "pick" and self.steps < self.sown_at + RIPENS:
            return Failure(message="it is not ripe yet", retry=True)
        takes, bag = TAKES.get(primitive, {}), facts["bag"]
        lacks = [Missing(fact=f"bag.{name}", at_least=n, have=bag[name]) for name, n in takes.items() if bag[name] < n]
        return Failure(message="there is too little in the bag", missing=tuple(lacks)) if lacks else None

    def _work(self, primitive: str, arguments: Mapping[str, Scalar]) -> None:
        facts, bag, done = self.facts, self.facts["bag"], self.facts["done"]
        if primitive == "walk":
            facts["at"] = arguments["place"]
        elif primitive == "take_seeds":
            bag["seeds"] += 1
        elif primitive == "draw_water":
            bag["water"] += 1
        elif primitive == "sow":
            facts["bag"] = {name: held - TAKES["sow"][name] for name, held in bag.items()}
            facts["sown"], done["sown"], self.sown_at = True, done["sown"] + 1, self.steps
        elif primitive == "pick":
            facts["sown"], done["picked"] = False, done["picked"] + 1
        elif primitive == "rest":
            facts["vigor"] = FRESH


def make() -> Garden:
    """Make one instance: the function that the entry point names."""
    return Garden()


if __name__ == "__main__":
    from skilllib.testing import check_environment

    check_environment(make)
    print("the garden keeps its contract")
