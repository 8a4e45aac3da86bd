"""What an environment says of itself and answers: its specification, observations and outcomes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from skilllib.records.base import Json, Record, Scalar


class Parameter(Record):
    """One typed parameter of a primitive or a skill."""

    name: str
    type: Literal["integer", "number", "string", "boolean"] = "string"
    choices: tuple[Scalar, ...] | None = None
    """The allowed values, when they are a closed set."""
    minimum: float | None = None
    maximum: float | None = None
    default: Scalar | None = None
    """None means that an argument must be given."""

    def annotation(self) -> str:
        """Return the Python annotation: `int`, or `Literal['a', 'b']` for a closed set."""
        if self.choices is not None:
            return f"Literal[{', '.join(repr(choice) for choice in self.choices)}]"
        return {"integer": "int", "number": "float", "string": "str", "boolean": "bool"}[self.type]

    def declaration(self) -> str:
        """Return the parameter as it stands in a signature."""
        default = "" if self.default is None else f" = {self.default!r}"
        return f"{self.name}: {self.annotation()}{default}"


class Primitive(Record):
    """One call that a program may make in an environment."""

    name: str
    doc: str
    """What it does, for a reader who knows nothing of the world."""
    parameters: tuple[Parameter, ...] = ()
    returns: str = "None"
    """What a successful call returns, in words."""
    fails: str = ""
    """When it fails, in words."""
    slow: bool = False
    """True if one call may take seconds; such calls can be cancelled by `close`."""

    def signature(self) -> str:
        """Return the signature, such as `walk(steps: int = 1)`."""
        return f"{self.name}({', '.join(parameter.declaration() for parameter in self.parameters)})"


class Missing(Record):
    """One thing a failed call lacked: a fact at some level, an object that must be near, or both."""

    fact: str | None = None
    """Dotted path of the fact that stood in the way."""
    at_least: float | None = None
    at_most: float | None = None
    equals: Scalar | None = None
    have: Scalar | None = None
    """The fact's value at the time of the call."""
    near: str | None = None
    """The object that must be near."""

    def words(self) -> str:
        """Return the lack as a short phrase."""
        parts = []
        if self.fact:
            level = [
                f"{word} {value:g}" for word, value in (("at least", self.at_least), ("at most", self.at_most)) if value is not None
            ]
            if self.equals is not None:
                level.append(f"equal to {self.equals!r}")
            now = "" if self.have is None else f" (now {self.have!r})"
            parts.append(f"{self.fact} {' and '.join(level) or 'present'}{now}")
        if self.near:
            parts.append(f"{self.near} near")
        return ", ".join(parts)


class Failure(Record):
    """Why a primitive did not do what it was asked: words, and what was missing."""

    message: str
    missing: tuple[Missing, ...] = ()
    retry: bool = False
    """True if the same call may succeed later without anything else being done (chance, or time must pass)."""


class Outcome(Record):
    """What came of one primitive call."""

    value: Json = None
    failure: Failure | None = None
    steps: int = Field(default=1, ge=0)
    """World steps the call used."""
    terminated: bool = False
    """The world ended: death, or a goal state without return."""
    truncated: bool = False
    """The episode's time ran out."""
    reward: float = 0.0


class Observation(Record):
    """What the environment shows: words for a model, facts for code."""

    text: str
    facts: dict[str, Json]
    actions: tuple[str, ...] | None = None
    """The admissible actions, in worlds that have them."""


class Milestone(Record):
    """A named check that the environment itself counts as progress."""

    name: str
    check: str
    """An expression over `before` and `after`; see `Check`."""


class VitalNeed(Record):
    """A fact that has to be kept up for the agent to live."""

    fact: str
    presses_below: float
    """At values under this the need presses and comes before every other goal."""


class EnvironmentSpec(Record):
    """What an environment declares about itself. Only name, primitives and facts are required."""

    name: str
    version: str = "1"
    primitives: tuple[Primitive, ...]
    facts: dict[str, Json]
    """JSON Schema of `Observation.facts`: an object whose leaves are typed."""
    milestones: tuple[Milestone, ...] = ()
    vital_needs: tuple[VitalNeed, ...] = ()
    seeds: bool = False
    """`reset(seed=…)` gives the same world for the same seed, in every process."""
    snapshots: bool = False
    renders: bool = False
    rewards: bool = False
    admissible_actions: bool = False
    max_steps: int | None = None
    """World steps after which an episode is truncated."""
    description: str = ""

    def primitive(self, name: str) -> Primitive | None:
        """Return the primitive of that name, or None."""
        return next((primitive for primitive in self.primitives if primitive.name == name), None)

    def fact_types(self) -> dict[str, dict[str, Json]]:
        """Return the schema of every declared leaf fact by its dotted path."""
        return dict(_leaves(self.facts, ""))


def _leaves(schema: dict[str, Json], prefix: str) -> list[tuple[str, dict[str, Json]]]:
    found: list[tuple[str, dict[str, Json]]] = []
    for key, child in schema.get("properties", {}).items():
        path = f"{prefix}{key}"
        found += _leaves(child, f"{path}.") if "properties" in child else [(path, child)]
    return found
