"""Our side of one world during one run: calls it, keeps the last observation, records every step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from skilllib.errors import EnvironmentFault, SkillLibError
from skilllib.protocols import Environment
from skilllib.records.base import Json, Scalar
from skilllib.records.execution import Step
from skilllib.records.facts import changes
from skilllib.records.world import Observation, Outcome
from skilllib.sandbox.binding import call_text


class WorldWatch:
    """Calls an environment and records what came of it, in copies that nobody else holds."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.spec = environment.spec
        self.before = self.now = self._observe("observe()")
        self.steps: list[Step] = []
        self.world_steps = 0

    def call(self, primitive: str, arguments: Mapping[str, Scalar], within: tuple[str, ...]) -> Outcome:
        """Make one call and record it.

        Raises:
            EnvironmentFault: The environment broke its contract.
        """
        text = call_text(primitive, arguments)
        outcome = self._kept(text, lambda: self._environment.call(primitive, dict(arguments)))
        if not isinstance(outcome, Outcome):
            raise self._fault(text, f"returned a {type(outcome).__name__} instead of an Outcome")
        if outcome.value is not None:
            outcome = outcome.model_copy(update={"value": self._json(outcome.value, text)})
        earlier, self.now = self.now, self._observe(text)
        self.world_steps += outcome.steps
        self.steps.append(
            Step(
                primitive=primitive,
                arguments=dict(arguments),
                outcome=outcome,
                changes=changes(earlier.facts, self.now.facts),
                within=within,
            )
        )
        return outcome

    def _observe(self, after: str) -> Observation:
        observation = self._kept(f"observe() after {after}", self._environment.observe)
        if not isinstance(observation, Observation):
            raise self._fault(after, f"then observe() returned a {type(observation).__name__} instead of an Observation")
        return observation.model_copy(update={"facts": self._json(observation.facts, f"observe() after {after}")})

    def _kept(self, text: str, call: Any) -> Any:
        try:
            return call()
        except SkillLibError:
            raise
        except Exception as error:
            raise self._fault(text, f"raised {type(error).__name__}: {error}") from error

    def _json(self, value: Json, text: str) -> Json:
        try:
            text = json.dumps(value, allow_nan=False, ensure_ascii=False)
            text.encode()  # a lone surrogate cannot enter the sandbox
            return json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise self._fault(text, f"gave a value that is not JSON: {error}") from error

    def _fault(self, text: str, problem: str) -> EnvironmentFault:
        return EnvironmentFault(f"the environment {self.spec.name!r} broke its contract: {text} {problem}")
