"""Options that somebody gives to a backend, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from skilllib.errors import InvalidRecord
from skilllib.records.base import Record

R = TypeVar("R", bound=Record)


def checked(kind: type[R], given: Mapping[str, Any], what: str) -> R:
    """Return the options that somebody gave.

    Args:
        kind: Of the record.
        given: Option → value.
        what: Whose options they are, for the error.

    Raises:
        InvalidRecord: One is unknown or impossible.
    """
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "options"
        raise InvalidRecord(f"the option {where!r} of {what} does not fit: {first['msg']} (found {first['input']!r})") from error
