"""The house behind skilllib's `Environment` protocol."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping
from typing import Any

from environments.household.house import House, Refused
from environments.household.specification import specification
from skilllib.errors import EnvironmentFault, ResetNeeded
from skilllib.records.base import Scalar
from skilllib.records.world import EnvironmentSpec, Failure, Observation, Outcome

LENGTH = 60
"""Calls of an episode, several times what the longest procedure takes."""


def make(*, length: int = LENGTH) -> HouseholdEnvironment:
    """Make one instance.

    Args:
        length: Calls after which an episode is truncated.

    Raises:
        EnvironmentFault: The length is not a positive number.
    """
    if length < 1:
        raise EnvironmentFault(f"an episode of {length!r} calls is none; give the household a positive `length`")
    return HouseholdEnvironment(length=length)


class HouseholdEnvironment:
    """One owned instance of the house.

    Args:
        length: Calls after which an episode is truncated.
    """

    def __init__(self, *, length: int = LENGTH) -> None:
        self._spec = specification(length=length)
        self._length = length
        self._house: House | None = None

    @property
    def spec(self) -> EnvironmentSpec:
        """What the house declares about itself."""
        return self._spec

    def reset(self, seed: int | None = None) -> Observation:
        """Begin an episode; where it begins follows from the seed."""
        self._house = House(secrets.randbelow(2**31) if seed is None else seed)
        return self.observe()

    def call(self, primitive: str, arguments: Mapping[str, Scalar]) -> Outcome:
        """Make one primitive call.

        Raises:
            ResetNeeded: Before the first reset, or after the end of the episode.
            EnvironmentFault: There is no such primitive.
        """
        house = self._begun()
        if house.calls >= self._length:
            raise ResetNeeded("the episode is over; call reset() to begin another")
        if self._spec.primitive(primitive) is None:
            raise EnvironmentFault(f"the household has no primitive {primitive!r}; see its specification")
        house.calls += 1
        return Outcome(failure=_failure(house, primitive, arguments), truncated=house.calls >= self._length)

    def observe(self) -> Observation:
        """Return what there is; no time passes."""
        house = self._begun()
        return Observation(text=house.words(), facts=house.facts())

    def close(self) -> None:
        """Let go of the episode; harmless when called twice."""
        self._house = None

    def snapshot(self) -> object:
        """Return a token for the present state."""
        return copy.deepcopy(self._begun())

    def restore(self, token: Any) -> None:
        """Return to the state of a token."""
        self._house = copy.deepcopy(token)

    def _begun(self) -> House:
        if self._house is None:
            raise ResetNeeded("no episode has begun; call reset() first")
        return self._house


def _failure(house: House, primitive: str, arguments: Mapping[str, Scalar]) -> Failure | None:
    try:
        house.do(primitive, *map(str, arguments.values()))
    except Refused as refused:
        return refused.failure
    return None
