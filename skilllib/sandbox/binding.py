"""Binds the arguments of a call to declared parameters, with messages that say what to change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from skilllib.records.base import Scalar
from skilllib.records.world import Parameter

MAX_TEXT = 4_096
"""Characters of a string argument: arguments are recorded, so their size is bounded."""
MAX_INTEGER = 2**63
"""Integers are 64-bit: larger ones do not survive in every database or client."""


class ArgumentRefused(Exception):
    """A call whose arguments do not fit the declared parameters."""


def call_text(name: str, arguments: Mapping[str, Any]) -> str:
    """Return a call as it is written in a trajectory.

    >>> call_text("walk", {"to": "tree", "steps": 2})
    "walk(to='tree', steps=2)"
    """
    return f"{name}({', '.join(f'{key}={shown(value)}' for key, value in arguments.items())})"


def shown(value: object) -> str:
    """Return a short text for any value; huge integers have no decimal text in Python."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= MAX_INTEGER:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, bool | int | float | str):
        text = repr(value[:60] if isinstance(value, str) else value)
        return text
    return f"a {type(value).__name__}"


def bind(name: str, parameters: Sequence[Parameter], args: Sequence[Any], kwargs: Mapping[Any, Any]) -> dict[str, Scalar]:
    """Return the arguments by parameter, in their order, defaults filled in.

    Raises:
        ArgumentRefused: Too many or too few, an unknown name, a wrong type or a value that is not allowed.
    """
    declared = ", ".join(parameter.declaration() for parameter in parameters)
    if len(args) > len(parameters):
        raise ArgumentRefused(f"{name}({declared}) takes {len(parameters)} arguments, {len(args)} were given")
    given: dict[Any, Any] = {parameter.name: value for parameter, value in zip(parameters, args, strict=False)}
    known = {parameter.name for parameter in parameters}
    for key, value in kwargs.items():
        if key not in known:
            raise ArgumentRefused(f"{name}({declared}) has no parameter {shown(key)}")
        if key in given:
            raise ArgumentRefused(f"{name}({declared}) got two values for {key!r}")
        given[key] = value
    return {parameter.name: _argument(name, declared, parameter, given) for parameter in parameters}


def recordable(arguments: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return those of any arguments that could be arguments of some program, for the record of a call that was refused.

    >>> recordable({"amount": [1], "what": "wheat", "of": None})
    {'what': 'wheat'}
    """
    return {
        name: value
        for name, value in arguments.items()
        if type(value) in (bool, int, float, str) and not _bounds_problem(value) and not _text_problem(name)
    }


def _argument(name: str, declared: str, parameter: Parameter, given: Mapping[Any, Any]) -> Scalar:
    if parameter.name not in given:
        if parameter.default is None:
            raise ArgumentRefused(f"{name}({declared}) needs the argument {parameter.name!r}")
        return parameter.default
    value = given[parameter.name]
    problem = _problem(parameter, value)
    if problem:
        raise ArgumentRefused(f"{name}({parameter.name}={shown(value)}): {parameter.name} must be {problem}")
    checked: Scalar = value
    return checked


def _problem(parameter: Parameter, value: object) -> str | None:
    """Return what the value must be but is not."""
    kinds = {"integer": (int,), "number": (int, float), "string": (str,), "boolean": (bool,)}
    words = {"integer": "an integer", "number": "a number", "string": "a string", "boolean": "True or False"}
    # Exact types: `bool` is an `int` to Python, and a subclass could change what equality means.
    if type(value) not in kinds[parameter.type]:
        return _one_of(parameter) or words[parameter.type]
    if problem := _bounds_problem(value):
        return problem
    if parameter.choices is not None and value not in parameter.choices:
        return _one_of(parameter)
    return _range_problem(parameter, value)


def _bounds_problem(value: object) -> str | None:
    """Return what any argument of the value's type must be but it is not."""
    if isinstance(value, float) and not math.isfinite(value):
        return "a finite number"
    if isinstance(value, int) and abs(value) >= MAX_INTEGER:
        return "an integer of at most 64 bits"
    return _text_problem(value) if isinstance(value, str) else None


def _text_problem(value: str) -> str | None:
    if len(value) > MAX_TEXT:
        return f"a string of at most {MAX_TEXT} characters"
    return None if value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value) else "valid Unicode"


def _range_problem(parameter: Parameter, value: object) -> str | None:
    if not isinstance(value, int | float):
        return None
    if parameter.minimum is not None and value < parameter.minimum:
        return f"at least {parameter.minimum:g}"
    if parameter.maximum is not None and value > parameter.maximum:
        return f"at most {parameter.maximum:g}"
    return None


def _one_of(parameter: Parameter) -> str | None:
    return None if parameter.choices is None else f"one of {', '.join(repr(choice) for choice in parameter.choices)}"
