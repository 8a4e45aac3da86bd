"""Crafter behind skilllib's `Environment` protocol."""

from __future__ import annotations

import pickle
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from environments.crafter.body import Body, Ended, Refused
from environments.crafter.memory import Memory
from environments.crafter.observing import observation
from environments.crafter.primitives import PRIMITIVES
from environments.crafter.rules import rules
from environments.crafter.shelter import recover
from environments.crafter.specification import specification
from environments.crafter.world import World
from skilllib.errors import EnvironmentFault, ResetNeeded
from skilllib.records.base import Json, Scalar
from skilllib.records.world import EnvironmentSpec, Failure, Observation, Outcome

LENGTH = 10_000
"""Crafter's own length of an episode."""


def make(*, length: int = LENGTH) -> CrafterEnvironment:
    """Make one instance.

    Args:
        length: World steps after which an episode is truncated.

    Raises:
        EnvironmentFault: The length is not a positive number.
    """
    if length < 1:
        raise EnvironmentFault(f"an episode of {length!r} steps is none; give crafter a positive `length`")
    return CrafterEnvironment(length=length)


class CrafterEnvironment:
    """One owned instance of Crafter.

    Args:
        length: World steps after which an episode is truncated.
    """

    def __init__(self, *, length: int = LENGTH) -> None:
        self._world = World(length=length)
        self._spec = specification(rules(), length=length)
        self._body: Body | None = None

    @property
    def spec(self) -> EnvironmentSpec:
        """What Crafter declares about itself."""
        return self._spec

    def reset(self, seed: int | None = None) -> Observation:
        """Begin an episode; without a seed a fresh one is drawn."""
        self._world.reset(secrets.randbelow(2**31 - 1) if seed is None else seed)
        self._body = Body(self._world, rules(), Memory(rules(), self._world), recover=recover)
        return observation(self._body)

    def call(self, primitive: str, arguments: Mapping[str, Scalar]) -> Outcome:
        """Make one primitive call.

        Raises:
            ResetNeeded: Before the first reset, or after the end of the episode.
            EnvironmentFault: There is no such primitive.
        """
        body = self._alive()
        if primitive not in PRIMITIVES:
            raise EnvironmentFault(f"crafter has no primitive {primitive!r}; it has {', '.join(PRIMITIVES)}")
        body.steps, body.watched, self._world.reward = 0, None, 0.0
        body.errand = str(next(iter(arguments.values()), ""))
        value, failure = _attempt(PRIMITIVES[primitive], body, arguments)
        dead, over = self._world.dead, self._world.over
        return Outcome(
            value=value,
            failure=failure,
            steps=body.steps,
            terminated=dead,
            truncated=over and not dead,
            reward=self._world.reward,
        )

    def observe(self) -> Observation:
        """Return what the player sees and remembers; no world step passes."""
        return observation(self._begun())

    def close(self) -> None:
        """Let go of the episode; harmless when called twice."""
        self._body = None

    def snapshot(self) -> object:
        """Return a token for the present state, with what was seen so far."""
        body = self._begun()
        return self._world.snapshot(), pickle.dumps((body.memory, body.alert))

    def restore(self, token: Any) -> None:
        """Return to the state of a token."""
        world, kept = token
        memory, alert = pickle.loads(kept)
        self._world.restore(world)
        self._body = Body(self._world, rules(), memory, recover=recover, alert=alert)

    def render(self) -> npt.NDArray[np.uint8]:
        """Return the player's screen; the world is not disturbed."""
        self._begun()
        return self._world.render()

    def _alive(self) -> Body:
        body = self._begun()
        if body.world.over:
            raise ResetNeeded("the episode is over; call reset() to begin another")
        return body

    def _begun(self) -> Body:
        if self._body is None:
            raise ResetNeeded("no episode has begun; call reset() first")
        return self._body


def _attempt(run: Callable[..., Json], body: Body, arguments: Mapping[str, Scalar]) -> tuple[Json, Failure | None]:
    try:
        return run(body, **arguments), None
    except Refused as refused:
        return None, refused.failure
    except Ended:
        return None, Failure(message="you died" if body.world.dead else "the episode's time ran out")
