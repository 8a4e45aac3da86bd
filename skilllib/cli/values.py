"""Texts of the command line → typed arguments of a skill."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping

from skilllib.errors import InvalidRecord
from skilllib.records.base import Scalar
from skilllib.records.skill import Skill
from skilllib.records.world import Parameter

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def bound(skill: Skill, given: Mapping[str, str]) -> dict[str, Scalar]:
    """Return the arguments of a skill from texts.

    Raises:
        InvalidRecord: The skill has no code; an argument is unknown, missing, or of another type.
    """
    if skill.program is None:
        raise InvalidRecord(f"{skill.name!r} has no code form, so it cannot be run")
    parameters = {parameter.name: parameter for parameter in skill.program.parameters}
    for name in given:
        if name not in parameters:
            near = difflib.get_close_matches(name, parameters, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InvalidRecord(f"{skill.name!r} has no parameter {name!r}{hint} Its signature is {skill.signature()}")
    if missing := [name for name, parameter in parameters.items() if parameter.default is None and name not in given]:
        raise InvalidRecord(f"{skill.name!r} needs {missing[0]}=…; its signature is {skill.signature()}")
    return {name: _value(parameters[name], text) for name, text in given.items()}


def _value(parameter: Parameter, text: str) -> Scalar:
    value = _typed(parameter, text)
    if parameter.choices is not None and value not in parameter.choices:
        near = difflib.get_close_matches(text, [str(choice) for choice in parameter.choices], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InvalidRecord(f"{parameter.name}={text} is not one of {', '.join(map(str, parameter.choices))}{hint}")
    return value


def _typed(parameter: Parameter, text: str) -> Scalar:
    try:
        match parameter.type:
            case "integer":
                return int(text)
            case "number" if math.isfinite(number := float(text)):
                return number
            case "boolean":
                return _BOOLEANS[text.lower()]
            case "string":
                return text
    except (ValueError, KeyError):
        pass
    raise InvalidRecord(
        f"{parameter.name}={text} is no {parameter.type}; write for example {parameter.name}={_EXAMPLES[parameter.type]}"
    )


_EXAMPLES = {"integer": "3", "number": "0.5", "boolean": "true", "string": "word"}
