"""What the house declares about itself, built from its rules."""

from __future__ import annotations

from environments.household.rules import DOORS, NOTHING, PLACES, STATION, THINGS
from skilllib.records.base import Json
from skilllib.records.world import EnvironmentSpec, Milestone, Parameter, Primitive


def specification(*, length: int) -> EnvironmentSpec:
    """Return the specification for episodes of a length."""
    return EnvironmentSpec(
        name="household",
        primitives=primitives(),
        facts=_group(
            at=_enum(*PLACES),
            hand=_enum(NOTHING, *THINGS),
            unlocked=_group(**{door: {"type": "boolean"} for door in DOORS}),
            things=_group(**{thing: _group(at=_enum(*PLACES), done={"type": "string"}) for thing in THINGS}),
            count=_group(**{verb: _number(length) for verb in ("take", "put", "unlock", *STATION)}),
        ),
        milestones=tuple(
            Milestone(name=name, check=f"after.count.{name} > before.count.{name}") for name in ("take", "put", "unlock", *STATION)
        ),
        seeds=True,
        snapshots=True,
        max_steps=length,
        description="A house with stations at which something is done to the thing in one's hand, and places to put it.",
    )


def primitives() -> tuple[Primitive, ...]:
    """Return what can be called: each takes one thing or place."""
    thing = (Parameter(name="thing", choices=THINGS),)
    elsewhere, locked = "You are elsewhere", "it is locked here"
    return (
        Primitive(
            name="go",
            doc="Walk to a place.",
            parameters=(Parameter(name="to", choices=PLACES),),
        ),
        Primitive(
            name="take",
            doc="Fetch a thing, wherever it is; what the hand held is put down here.",
            parameters=thing,
        ),
        Primitive(name="put", doc="Put a thing down here.", parameters=thing, fails=f"You do not hold it, or {locked}."),
        Primitive(
            name="unlock",
            doc="Unlock a door.",
            parameters=(Parameter(name="door", choices=DOORS),),
            fails=f"{elsewhere}, or it is unlocked.",
        ),
        *(
            Primitive(
                name=verb,
                doc=f"Do with a thing what is done at the {place}.",
                parameters=thing,
                fails=f"You do not hold it, {elsewhere.lower()}, or {locked}.",
            )
            for verb, place in STATION.items()
        ),
    )


def _group(**properties: Json) -> dict[str, Json]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _enum(*values: str) -> dict[str, Json]:
    return {"type": "string", "enum": list(values)}


def _number(maximum: int) -> dict[str, Json]:
    return {"type": "integer", "minimum": 0, "maximum": maximum}
