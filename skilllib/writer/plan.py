"""Plans: what a program will do, before it is text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from skilllib.records.base import Scalar, canonical
from skilllib.records.need import Need
from skilllib.records.skill import Skill
from skilllib.records.world import EnvironmentSpec, Parameter

MAX_GROUND_CALLS = 200
"""Calls considered per primitive; a primitive with more combinations of arguments contributes its first ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call of a primitive or of a skill with its arguments."""

    name: str
    arguments: tuple[tuple[str, Scalar], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    """Arguments that are parameters of the program: (name of the argument, name of the program's parameter)."""
    defaults: tuple[tuple[str, Scalar], ...] = ()
    """Arguments that are left out because the defaults will do."""
    skill: Skill | None = None

    @property
    def key(self) -> str:
        """The call as text, equal for equal calls; the form in which experience knows it."""
        name = f"skill:{self.skill.code_hash}" if self.skill else self.name
        return f"{name}({canonical(dict(self.arguments + self.defaults))})"

    def source(self) -> str:
        """Return the call as Python."""
        words = [f"{value!r}" if i == 0 else f"{name}={value!r}" for i, (name, value) in enumerate(self.arguments)]
        words += [f"{name}={parameter}" for name, parameter in self.parameters]
        return f"{self.name}({', '.join(words)})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Do:
    """Make a call."""

    call: Call


@dataclass(frozen=True, kw_only=True, slots=True)
class Ensure:
    """While a need is not met, do what provides it."""

    need: Need
    body: tuple[Statement, ...]
    repeat: bool = False
    """True if one round may not be enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """When a vital fact presses, bring it back to a comfortable level before going on."""

    fact: str
    presses_below: float
    enough: float
    call: Call


@dataclass(frozen=True, kw_only=True, slots=True)
class Collect:
    """Repeat until a fact reaches the amount that is a parameter of the program."""

    fact: str
    parameter: str
    body: tuple[Statement, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Persist:
    """Try the whole again until it succeeds; each round sees to everything anew."""

    body: tuple[Statement, ...]
    last: Call
    filler: Call | None = None
    """What to do before the last call from the second round on, so that time passes."""
    rounds: int = 10


Statement: TypeAlias = Do | Ensure | Guard | Collect | Persist


def calls_in(statements: tuple[Statement, ...]) -> Iterator[Call]:
    """Yield every call of a plan, in order."""
    for statement in statements:
        match statement:
            case Do(call=call) | Guard(call=call):
                yield call
            case Persist(body=body, last=last, filler=filler):
                yield from calls_in(body)
                yield from [filler, last] if filler else [last]
            case Ensure(body=body) | Collect(body=body):
                yield from calls_in(body)


def ground_calls(spec: EnvironmentSpec) -> list[Call]:
    """Return the calls of all primitives with every combination of the arguments that a search can know."""
    found: list[Call] = []
    for primitive in spec.primitives:
        values = [_values(parameter) for parameter in primitive.parameters]
        if any(not choices for choices in values):
            continue
        for i, combination in enumerate(product(*values)):
            if i >= MAX_GROUND_CALLS:
                break
            pairs = zip(primitive.parameters, combination, strict=True)
            given = tuple((parameter.name, value) for parameter, value in pairs if value is not None)
            left_out = tuple((p.name, p.default) for p in primitive.parameters if p.default is not None)
            found.append(Call(name=primitive.name, arguments=given, defaults=left_out))
    return found


def _values(parameter: Parameter) -> tuple[Scalar | None, ...]:
    """Return values worth trying; None stands for leaving the argument out."""
    if parameter.default is not None:
        return (None,)
    if parameter.choices is not None:
        return parameter.choices
    if parameter.type == "boolean":
        return (True, False)
    if parameter.type in ("integer", "number"):
        low = int(parameter.minimum) if parameter.minimum is not None else 1
        high = int(parameter.maximum) if parameter.maximum is not None else max(low, 10)
        return tuple(dict.fromkeys((low, min(high, low + 2), min(high, low + 9))))
    return ()
