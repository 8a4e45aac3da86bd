"""Skills as function tools in OpenAI's format, with parameters that strict mode accepts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from skilllib.exchange.wording import summary
from skilllib.records.skill import Skill
from skilllib.records.world import Parameter

LONGEST = 64
"""Characters of a function's name."""


def tools(skills: Iterable[Skill]) -> list[dict[str, Any]]:
    """Return a tool for each skill in code.

    Strict mode wants every parameter required and nothing else allowed: an optional one takes null, which means its default.
    Bounds stand in words, since not every provider knows the keywords.
    """
    return [_tool(skill) for skill in skills if skill.program is not None]


def tool_name(name: str) -> str:
    """Return the name under which a skill is offered: its own, where letters, digits and length permit.

    >>> tool_name("make_rope"), tool_name("größe")
    ('make_rope', 'gr_e_d353a267')
    """
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', name)[: LONGEST - 9]}_{digest}"


def _tool(skill: Skill) -> dict[str, Any]:
    parameters = skill.contract.parameters
    schema = {
        "type": "object",
        "properties": {parameter.name: _schema(parameter) for parameter in parameters},
        "required": [parameter.name for parameter in parameters],
        "additionalProperties": False,
    }
    function = {"name": tool_name(skill.name), "description": summary(skill), "strict": True, "parameters": schema}
    return {"type": "function", "function": function}


def _schema(parameter: Parameter) -> dict[str, Any]:
    optional = parameter.default is not None
    found: dict[str, Any] = {"type": [parameter.type, "null"] if optional else parameter.type}
    if parameter.choices is not None:
        found["enum"] = [*parameter.choices, *([None] if optional else [])]
    said = [] if parameter.minimum is None else [f"At least {parameter.minimum:g}."]
    said += [] if parameter.maximum is None else [f"At most {parameter.maximum:g}."]
    said += [f"Null means {parameter.default!r}."] if optional else []
    return {**found, "description": " ".join(said)} if said else found
