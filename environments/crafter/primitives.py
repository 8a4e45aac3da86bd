"""The primitives by name."""

from __future__ import annotations

from collections.abc import Callable

from environments.crafter.crafting import make, place
from environments.crafter.gathering import collect, explore_until, go_to
from environments.crafter.living import act, attack, look, move, sleep, wait
from skilllib.records.base import Json

PRIMITIVES: dict[str, Callable[..., Json]] = {
    "explore_until": explore_until,
    "go_to": go_to,
    "collect": collect,
    "place": place,
    "make": make,
    "attack": attack,
    "sleep": sleep,
    "wait": wait,
    "look": look,
    "move": move,
    "act": act,
}
