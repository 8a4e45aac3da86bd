"""Facts are nested JSON; a fact has a path such as `inventory.wood`."""

from __future__ import annotations

from collections.abc import Mapping

from skilllib.records.base import Json

Facts = Mapping[str, Json]
Changes = dict[str, tuple[Json, Json]]
"""Path of each fact that changed → (value before, value after); None where it was absent."""


def flatten(facts: Facts, prefix: str = "") -> dict[str, Json]:
    """Return every leaf of nested facts under its dotted path; lists are leaves.

    >>> flatten({"inventory": {"rope": 2}, "dark": False})
    {'inventory.rope': 2, 'dark': False}
    """
    leaves: dict[str, Json] = {}
    for key, value in facts.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            leaves.update(flatten(value, f"{path}."))
        else:
            leaves[path] = value
    return leaves


def lookup(facts: Facts, path: str) -> Json:
    """Return the fact at a dotted path, or None where there is none."""
    value: Json = facts
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def changes(before: Facts, after: Facts) -> Changes:
    """Return what differs between two sets of facts, by path, in sorted order."""
    old, new = flatten(before), flatten(after)
    return {path: (old.get(path), new.get(path)) for path in sorted(old.keys() | new.keys()) if old.get(path) != new.get(path)}
