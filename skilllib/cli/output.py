"""Printing: consoles, JSON, and small pieces that several commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

STATUS_STYLES = {"active": "green", "trial": "yellow", "retired": "dim", "revoked": "red"}
_PLAIN_WIDTH = 140


def stdout() -> Console:
    """Return a console on standard output; lines of a file or a pipe are longer than those of a narrow terminal."""
    return _console(stderr=False)


def stderr() -> Console:
    """Return a console on standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, width=None if terminal else _PLAIN_WIDTH, highlight=False, markup=False, emoji=False)


def emit(value: Any) -> None:
    """Print a JSON value on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n")


def write_file(path: Path, data: str | bytes) -> None:
    """Write a file of the user's choice.

    Raises:
        StorageFailed: It cannot be written.
    """
    from skilllib.errors import StorageFailed

    try:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    except OSError as error:
        raise StorageFailed(f"{str(path)!r} cannot be written: {error.strerror or error}") from error


def table(*columns: str, title: str | None = None, right: Sequence[str] = ()) -> Table:
    """Return an empty table; columns named in `right` hold numbers."""
    made = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def policy_note(policy: str | None) -> str:
    """Return what is to be said of a library's policy where it is not the usual one."""
    return " (policy opinion: a model's word makes a skill active, nothing is proved)" if policy == "opinion" else ""


def status_text(status: str) -> Text:
    """Return a status in its colour."""
    return Text(status, style=STATUS_STYLES.get(status, ""))


def arguments_text(arguments: Mapping[str, Any]) -> str:
    """Return arguments as they stand in a call.

    >>> arguments_text({"target": "tree", "amount": 2})
    "target='tree', amount=2"
    """
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def change_text(changes: Mapping[str, Sequence[Any]], limit: int = 6) -> str:
    """Return changed facts in one line; whole numbers as differences.

    >>> change_text({"inventory.wood": (0, 2), "dark": (False, True)})
    'inventory.wood +2, dark False → True'
    """
    words = [_change(fact, before, after) for fact, (before, after) in changes.items()]
    more = f", and {len(words) - limit} more" if len(words) > limit else ""
    return ", ".join(words[:limit]) + more


def _change(fact: str, before: Any, after: Any) -> str:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (before, after))
    return f"{fact} {after - before:+g}" if numbers else f"{fact} {before!r} → {after!r}"


def seconds_text(seconds: float) -> str:
    """Return a duration for people.

    >>> seconds_text(75.2), seconds_text(3.14159)
    ('1 min 15 s', '3.1 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest} s"
