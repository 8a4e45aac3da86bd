"""An agent's life in an environment: episodes end, the life goes on."""

from __future__ import annotations

from collections.abc import Iterable

from skilllib.protocols import Environment
from skilllib.records.base import Scalar
from skilllib.records.execution import Attempt, Execution
from skilllib.records.world import Observation
from skilllib.seeds import Purpose, world_seed


class Life:
    """Keeps one environment alive from episode to episode.

    Args:
        environment: The world.
        seed: Every episode's seed follows from it.
        purpose: What the episodes are for; worlds of different purposes are never the same.
    """

    def __init__(self, environment: Environment, *, seed: int, purpose: Purpose = "write") -> None:
        self.environment = environment
        self.episode = -1
        """Which episode it is, counted from 0; -1 before the first."""
        self._seed, self._purpose = seed, purpose
        self._over = True
        self.calls: list[tuple[str, dict[str, Scalar]]] = []
        """Primitive calls of the present episode so far."""

    @property
    def world_seed(self) -> int | None:
        """Seed of the present episode; None where the environment takes none."""
        return world_seed(self._seed, self._purpose, self.episode) if self.environment.spec.seeds else None

    def wake(self) -> Observation:
        """Return what is there now; if the last episode is over, wake in a new world."""
        if self._over:
            self.episode += 1
            self._over = False
            self.calls = []
            return self.environment.reset(self.world_seed)
        return self.environment.observe()

    def leave(self) -> None:
        """Give up the present episode, so that the agent wakes in a new world."""
        self._over = True

    def took(self, execution: Execution) -> None:
        """Take note of an execution: what it called, and whether it ended the episode."""
        self.calls += [(step.primitive, step.arguments) for step in execution.trajectory]
        self._over = execution.stopped in ("terminated", "truncated")

    def resume(self, attempts: Iterable[Attempt], *, episode: int = -1) -> None:
        """Return to where a run's attempts left the world, by making the calls of its last episode again.

        Without seeds there is no way back to that world, so a new episode begins.

        Args:
            attempts: All attempts of the run, in order.
            episode: The last episode known to have begun, if it began after the last attempt.
        """
        done = list(attempts)
        if not done and episode < 0:
            return
        last = done[-1].episode if done else -1
        self.episode = max(last, episode)
        ended = self.episode == last and done[-1].execution.stopped in ("terminated", "truncated")
        if ended or not self.environment.spec.seeds:
            return
        self.environment.reset(self.world_seed)
        for attempt in done:
            if attempt.episode == self.episode:
                for step in attempt.execution.trajectory:
                    self.environment.call(step.primitive, step.arguments)
                    self.calls.append((step.primitive, step.arguments))
        self._over = False
