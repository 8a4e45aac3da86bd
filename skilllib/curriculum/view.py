"""What a model is shown of an environment: its facts by name and type, and the state, more of it with experience."""

from __future__ import annotations

from collections.abc import Mapping

from skilllib.prompts.shown import clipped, facts_text
from skilllib.records.base import Json
from skilllib.records.world import EnvironmentSpec, Observation, Primitive

TEXT = 800
"""Characters of an observation's words."""
CHOICES = 12
"""Values of a closed set that are listed."""


def fact_names(spec: EnvironmentSpec) -> str:
    """Return every fact with its type, those of one group and one type on one line."""
    lines: dict[tuple[str, str], list[str]] = {}
    for path, schema in spec.fact_types().items():
        group, _, leaf = path.rpartition(".")
        lines.setdefault((group, _kind(schema)), []).append(leaf)
    return "\n".join(
        f"after.{group}.X ({kind}), X is one of: {', '.join(leaves)}"
        if group
        else "\n".join(f"after.{leaf} ({kind})" for leaf in leaves)
        for (group, kind), leaves in lines.items()
    )


def _kind(schema: Mapping[str, Json]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(repr(value) for value in schema["enum"][:CHOICES])
    if schema.get("type") == "boolean":
        return "true or false"
    least, most = schema.get("minimum"), schema.get("maximum")
    bounds = f" {'' if least is None else least}..{'' if most is None else most}" if (least, most) != (None, None) else ""
    return f"{schema.get('type', 'any')}{bounds}"


def primitive_lines(primitives: tuple[Primitive, ...]) -> str:
    """Return what can be called, a line each."""
    return "\n".join(f"{primitive.signature()}: {clipped(primitive.doc, 100)}" for primitive in primitives)


def revealed(spec: EnvironmentSpec, observation: Observation, *, solved: int, warm_up: int) -> str:
    """Return the state as text: the observation's words, and of its groups of facts more with every solved task.

    The groups come in the order of the schema, the first at once and all of them after the warm-up; vital facts always.

    Args:
        spec: The environment's specification.
        observation: What there is now.
        solved: Tasks solved so far.
        warm_up: Solved tasks after which everything is shown; 0 shows it at once.
    """
    groups = list(spec.facts.get("properties", {}))
    shown = len(groups) if solved >= warm_up else 1 + (len(groups) - 1) * solved // warm_up
    vital = {need.fact.split(".")[0] for need in spec.vital_needs}
    visible = {*groups[:shown], *vital}
    facts = {name: value for name, value in observation.facts.items() if name in visible}
    return f"{observation.text[:TEXT]}\n{facts_text(facts)}"
