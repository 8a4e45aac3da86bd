"""A world in which nothing happens, to see whether programs can be run at all."""

from __future__ import annotations

from collections.abc import Mapping

from skilllib.errors import EnvironmentFault
from skilllib.records.base import Scalar
from skilllib.records.world import EnvironmentSpec, Observation, Outcome


class IdleEnvironment:
    """An environment without primitives; satisfies `protocols.Environment`."""

    spec = EnvironmentSpec(name="idle", primitives=(), facts={})

    def reset(self, seed: int | None = None) -> Observation:
        """Return an empty observation."""
        return self.observe()

    def call(self, primitive: str, arguments: Mapping[str, Scalar]) -> Outcome:
        """Refuse: there is nothing to call.

        Raises:
            EnvironmentFault: Always.
        """
        raise EnvironmentFault(f"the idle environment has no primitive {primitive!r}")

    def observe(self) -> Observation:
        """Return an empty observation."""
        return Observation(text="", facts={})

    def close(self) -> None:
        """Do nothing."""
