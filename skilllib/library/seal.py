"""A seal on every row: a hash over its values, so that a flipped byte is found in whatever column it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from skilllib.records.base import content_hash

SEAL = "seal"
"""Name of the column that every table has."""
_FOLLOWING = frozenset({SEAL, "status", "entry"})
"""What is not sealed: a version's status and its last entry follow from the ledger, and are held against it."""


def seal(row: Mapping[Any, Any]) -> str:
    """Return the seal of a row: SHA-256 over its values, under their names."""
    return content_hash({name: _plain(value) for name, value in row.items() if name not in _FOLLOWING})


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, float) and value.is_integer():
        return int(value)  # a whole number may go into a column of floats as either
    return value
