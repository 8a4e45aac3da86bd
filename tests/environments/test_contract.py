"""The contract notices an environment that breaks it: one small broken world per rule."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from skilllib.errors import EnvironmentFault, ResetNeeded
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
from skilllib.testing.contract import check_environment


class Toy:
    """A sound environment: a counter that ends at five."""

    def __init__(self) -> None:
        self.spec = EnvironmentSpec(
            name="toy",
            primitives=(Primitive(name="step", doc="Count on.", parameters=(Parameter(name="by", type="integer", minimum=1),)),),
            facts={"type": "object", "properties": {"count": {"type": "integer", "minimum": 0}}},
            milestones=(Milestone(name="counted", check="after.count > before.count"),),
            seeds=True,
            snapshots=True,
        )
        self.count: Any = None

    def reset(self, seed: int | None = None) -> Observation:
        self.count = 0
        return self.observe()

    def call(self, primitive: str, arguments: Any) -> Outcome:
        if self.count is None or self.count >= 5:
            raise ResetNeeded("reset first")
        self.count += 1
        return Outcome(terminated=self.count >= 5)

    def observe(self) -> Observation:
        return Observation(text=str(self.count), facts={"count": self.count})

    def snapshot(self) -> object:
        return self.count

    def restore(self, token: object) -> None:
        self.count = token

    def close(self) -> None:
        pass


class Endless(Toy):
    def call(self, primitive: str, arguments: Any) -> Outcome:
        self.count = (self.count or 0) + 1
        return Outcome(terminated=self.count >= 5)


class Undeclared(Toy):
    def observe(self) -> Observation:
        return Observation(text="", facts={"count": self.count, "extra": 1})


class Absent(Toy):
    def observe(self) -> Observation:
        return Observation(text="", facts={})


class Mistyped(Toy):
    def observe(self) -> Observation:
        return Observation(text="", facts={"count": "many"})


class Negative(Toy):
    def observe(self) -> Observation:
        return Observation(text="", facts={"count": -1})


class Infinite(Toy):
    def observe(self) -> Observation:
        return Observation(text="", facts={"count": float("inf")})


class Restless(Toy):
    def observe(self) -> Observation:
        self.count += 1
        return super().observe()


class Unseeded(Toy):
    def reset(self, seed: int | None = None) -> Observation:
        self.count = random.choice((0, 1, 2))
        return self.observe()

    def observe(self) -> Observation:
        return Observation(text=str(id(object()) if self.count is None else random.random()), facts={"count": self.count})


class Forgetful(Toy):
    def restore(self, token: object) -> None:
        self.count = 3


class Vague(Toy):
    def call(self, primitive: str, arguments: Any) -> Outcome:
        done = super().call(primitive, arguments)
        return done.model_copy(update={"failure": Failure(message="no", missing=(Missing(fact="luck", at_least=1),))})


class Fragile(Toy):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


def declared(**changes: Any) -> Callable[[], Toy]:
    def made() -> Toy:
        toy = Toy()
        toy.spec = toy.spec.model_copy(update=changes)
        return toy

    return made


def test_a_sound_environment_passes() -> None:
    check_environment(Toy)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (Endless, "accepted before reset"),
        (Endless, "accepted after the end"),
        (Undeclared, "'extra' is observed but not declared"),
        (Absent, "'count' is not observed"),
        (Mistyped, "no integer"),
        (Negative, "below its minimum"),
        (Infinite, "not finite JSON"),
        (Restless, "observe|middle of an episode"),
        (Unseeded, "two different trajectories"),
        (Forgetful, "restore"),
        (Vague, "'luck', which is not declared"),
        (Fragile, "close"),
        (declared(primitives=()), "no primitives"),
        (declared(primitives=(Primitive(name="facts", doc="x"),)), "cannot be called 'facts'"),
        (declared(primitives=(Primitive(name="open", doc="x"),)), "cannot be called 'open'"),
        (declared(primitives=(Primitive(name="slice", doc="x"),)), "cannot be called 'slice'"),
        (declared(primitives=(Primitive(name="go", doc="x", parameters=(Parameter(name="to", choices=()),)),)), "no choices"),
        (declared(milestones=(Milestone(name="m", check="after.gold > 1"),)), "'gold', which is no declared fact"),
        (declared(milestones=(Milestone(name="m", check="import os"),)), "invalid"),
        (declared(vital_needs=(VitalNeed(fact="air", presses_below=3),)), "vital need 'air'"),
        (declared(renders=True), "promises pictures"),
        (declared(admissible_actions=True), "promises admissible actions"),
    ],
)
def test_a_broken_environment_is_found_out(broken: Callable[[], Any], complaint: str) -> None:
    with pytest.raises(EnvironmentFault, match=complaint):
        check_environment(broken)
