"""What Crafter declares about itself, built from its rules so that a changed rule changes the declaration."""

from __future__ import annotations

from environments.crafter.needs import NEEDS
from environments.crafter.rules import CREATURES, DIRECTIONS, PLANTS, Rules
from skilllib.records.base import Json
from skilllib.records.world import EnvironmentSpec, Milestone, Parameter, Primitive, VitalNeed

DESCRIPTION = (
    "A world of grass, forest, water, rock and caves, seen through a window of 9x7 cells. Gather, build, make tools, "
    "eat, drink and sleep; creatures roam, and some are dangerous, above all in the dark."
)


def specification(rules: Rules, *, length: int) -> EnvironmentSpec:
    """Return the specification for episodes of a length."""
    return EnvironmentSpec(
        name="crafter",
        primitives=(*_of_places(rules), *_of_things(rules), _of_creatures(), *_of_time(), *_bare()),
        facts=fact_schema(rules, length=length),
        milestones=tuple(
            Milestone(name=name, check=f"after.achievements.{name} > before.achievements.{name}") for name in rules.achievements
        ),
        vital_needs=tuple(VitalNeed(fact=f"vitals.{need}", presses_below=level) for need, level in NEEDS.items()),
        seeds=True,
        snapshots=True,
        renders=True,
        rewards=True,
        max_steps=length,
        description=DESCRIPTION,
    )


def targets(rules: Rules) -> tuple[str, ...]:
    """Return everything one can look for."""
    return (*rules.materials, *PLANTS, *CREATURES)


def _of_places(rules: Rules) -> tuple[Primitive, ...]:
    target = Parameter(name="target", choices=targets(rules))
    return (
        Primitive(
            name="explore_until",
            doc="Walk over unexplored ground until a target is known that can be reached. Returns at once if one is.",
            parameters=(target, Parameter(name="max_steps", type="integer", minimum=1, maximum=2000, default=300)),
            returns="int: how many of the target are known",
            fails="None was found within the steps (call again to go on), or a vital need became dire on the way.",
        ),
        Primitive(
            name="go_to",
            doc="Walk to a cell beside the nearest known target.",
            parameters=(target,),
            fails="No target is known, or no known way leads there.",
        ),
    )


def _of_things(rules: Rules) -> tuple[Primitive, ...]:
    return (
        Primitive(
            name="collect",
            doc="Walk to the nearest known target and gather from it once; of what fills a vital need, until it is full. "
            "What comes only by chance is tried repeatedly.",
            parameters=(Parameter(name="target", choices=(*rules.collect, "plant")),),
            returns="int: how much is held now of what was gathered",
            fails="No target is known or can be reached, a tool is missing, no more can be carried, it is not ripe, or luck.",
        ),
        Primitive(
            name="place",
            doc="Put an item on a free cell close by. It uses up materials that are held.",
            parameters=(Parameter(name="item", choices=tuple(rules.place)),),
            returns="int: how often such an item was placed in this episode",
            fails="Materials are missing, or there is no fitting place close by.",
        ),
        Primitive(
            name="make",
            doc="Make an item from materials that are held. Some items need something near.",
            parameters=(Parameter(name="item", choices=tuple(rules.make)),),
            returns="int: how many of the item are held now",
            fails="Materials are missing, or something that is needed is not near.",
        ),
    )


def _of_creatures() -> Primitive:
    return Primitive(
        name="attack",
        doc="Chase the nearest creature of a kind that was seen and strike it until it is beaten.",
        parameters=(Parameter(name="creature", choices=CREATURES),),
        fails="None is known or found, or it got away.",
    )


def _of_time() -> tuple[Primitive, ...]:
    return (
        Primitive(
            name="sleep",
            doc="Sleep until rested. Dangerous in the open.",
            returns="int: the energy after waking",
            fails="Not tired yet, woken by harm, or the night is too dangerous without cover.",
        ),
        Primitive(
            name="wait",
            doc="Let time pass on the spot; what is planted close by is guarded with materials that are held.",
            parameters=(Parameter(name="steps", type="integer", minimum=1, maximum=1000, default=10),),
            fails="A vital need became dire.",
        ),
        Primitive(
            name="look",
            doc="Look around; no time passes.",
            returns="dict: name of each thing in sight -> list of [cells to the right, cells down], nearest first",
        ),
    )


def _bare() -> tuple[Primitive, ...]:
    return (
        Primitive(
            name="move",
            doc="Step in a direction, or turn towards what blocks the way.",
            parameters=(
                Parameter(name="direction", choices=tuple(DIRECTIONS)),
                Parameter(name="steps", type="integer", minimum=1, maximum=100, default=1),
            ),
            returns="int: how many cells that led",
            fails="The next cell is deadly.",
        ),
        Primitive(
            name="act",
            doc="Use the hands, with the best tool held, on the one thing that is faced.",
            returns="str: what was faced",
        ),
    )


def fact_schema(rules: Rules, *, length: int) -> dict[str, Json]:
    """Return the JSON Schema of the facts."""
    width = 63  # the world has 64x64 cells, so no place is further from the start
    place = {"type": "integer", "minimum": -width, "maximum": width}
    return _group(
        inventory=_group(**{name: _number(rules.maximum[name]) for name in rules.items}),
        vitals=_group(**{name: _number(rules.maximum[name]) for name in rules.vitals}),
        achievements=_group(**{name: _number() for name in rules.achievements}),
        near=_group(**{name: {"type": "boolean"} for name in rules.stations}),
        known=_group(**{name: _number() for name in targets(rules)}),
        position=_group(x=place, y=place),
        facing={"type": "string", "enum": list(DIRECTIONS)},
        sleeping={"type": "boolean"},
        dark={"type": "boolean"},
        step=_number(length),
    )


def _group(**properties: Json) -> dict[str, Json]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _number(maximum: int | None = None) -> dict[str, Json]:
    return {"type": "integer", "minimum": 0} | ({} if maximum is None else {"maximum": maximum})
