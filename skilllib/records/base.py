"""What all stored records share: frozen, closed, hashable by content."""

from __future__ import annotations

import hashlib
import json
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict

Json: TypeAlias = Any
"""A JSON value: None, bool, int, finite float, str, list or dict with string keys."""

Scalar: TypeAlias = bool | int | float | str
"""A JSON value that can be an argument of a primitive or a skill."""


class Record(BaseModel):
    """A frozen value that is stored, sent or logged. Unknown fields are refused."""

    # Values rarely repeat, and to look for each among those that did costs a look-up a seventh of reading its records.
    model_config = ConfigDict(frozen=True, extra="forbid", cache_strings="keys")


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Json) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN."""
    return _CANONICAL.encode(value)


def content_hash(value: Json) -> str:
    """Return the SHA-256 of a JSON value's canonical text, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
