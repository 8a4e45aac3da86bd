"""Crafter's rules, read from its own data into typed values; nothing of them is repeated here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

CREATURES = ("cow", "zombie", "skeleton")
"""What moves by itself and can be struck."""
HOSTILE = ("zombie", "skeleton")
"""Creatures that hurt the player."""
PLANTS = ("plant", "ripe_plant")
"""A sapling that was planted, and one that can be eaten; crafter keeps them as objects, we remember them as cells."""
SERVES = {"water": "drink", "cow": "food", "plant": "food", "ripe_plant": "food"}
"""What one looks for when a vital need presses."""
DIRECTIONS: dict[str, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Collecting:
    """What it takes to gather from a material, and what comes of it."""

    require: Mapping[str, int]
    receive: Mapping[str, int]
    leaves: str
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Placing:
    """What placing something uses, and on which materials it may stand."""

    uses: Mapping[str, int]
    where: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Making:
    """What making something uses, and what must be near."""

    uses: Mapping[str, int]
    nearby: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """All of crafter's rules that the primitives rely on."""

    materials: tuple[str, ...]
    walkable: tuple[str, ...]
    vitals: tuple[str, ...]
    """Items that every episode starts with: they are the player's condition, not things."""
    items: tuple[str, ...]
    maximum: Mapping[str, int]
    collect: Mapping[str, Collecting]
    place: Mapping[str, Placing]
    make: Mapping[str, Making]
    achievements: tuple[str, ...]

    @property
    def stations(self) -> tuple[str, ...]:
        """Materials that some making needs near, in the order of the rules."""
        return tuple(dict.fromkeys(name for making in self.make.values() for name in making.nearby))


@cache
def rules() -> Rules:
    """Return the rules of the installed crafter."""
    from crafter import constants

    data: dict[str, Any] = vars(constants)
    items: dict[str, dict[str, int]] = data["items"]
    return Rules(
        materials=tuple(data["materials"]),
        walkable=tuple(data["walkable"]),
        vitals=tuple(name for name, item in items.items() if item["initial"] > 0),
        items=tuple(name for name, item in items.items() if item["initial"] == 0),
        maximum={name: item["max"] for name, item in items.items()},
        collect={name: _collecting(rule) for name, rule in data["collect"].items()},
        place={name: Placing(uses=rule["uses"], where=tuple(rule["where"])) for name, rule in data["place"].items()},
        make={name: Making(uses=rule["uses"], nearby=tuple(rule["nearby"])) for name, rule in data["make"].items()},
        achievements=tuple(data["achievements"]),
    )


def _collecting(rule: Mapping[str, Any]) -> Collecting:
    return Collecting(
        require=rule["require"], receive=rule["receive"], leaves=rule["leaves"], probability=float(rule.get("probability", 1))
    )
