"""Turns what the interpreter says of a program's end into data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from skilllib.records.execution import Limits, ProgramError
from skilllib.sandbox.linker import Linked, Place, readable
from skilllib.sandbox.session import Session

if TYPE_CHECKING:
    import pydantic_monty

MAX_MESSAGE = 2_000
"""Characters of an error message: a program chooses its text, we store it."""
_TIME = re.compile(r"time limit exceeded")
_MEMORY = re.compile(r"memory limit exceeded: \d+ bytes > (\d+) bytes")


def program_error(error: pydantic_monty.MontyError, linked: Linked, session: Session, limits: Limits) -> ProgramError:
    """Return why the program ended, with the line in its own source and the skill in which it happened."""
    import pydantic_monty as pm

    if isinstance(error, pm.MontyCrashedError):
        kind = "time" if error.timed_out else "runtime"
        return _at_last_call(session, kind, f"the interpreter of the sandbox died while it ran the program: {error}")
    if not isinstance(error, pm.MontyRuntimeError | pm.MontySyntaxError):
        return _at_last_call(session, "runtime", str(error))
    name, text = _inner(error)
    frames = error.traceback()
    places = [place for frame in frames if (place := linked.at_line(frame.line)) is not None]
    place = places[-1] if places else None
    if (ours := session.blame(name, text)) is not None:
        return ours if ours.line or place is None else ours.model_copy(update=_fields(place))
    kind = _kind(name, text, frames, limits)
    if kind == "grant":
        text = f"{readable(text)}; granted: {session.granted()}"
    if place is None:
        return _at_last_call(session, kind, f"{name}: {text}")
    return ProgramError(kind=kind, message=_short(f"{name}: {readable(text)}"), **_fields(place))


def _inner(error: Any) -> tuple[str, str]:
    exception = error.exception()
    name = type(exception).__name__
    # `str` of a KeyError quotes its argument; the text that travelled is the argument itself.
    text = exception.args[0] if len(exception.args) == 1 and isinstance(exception.args[0], str) else str(exception)
    return name, text


def _kind(name: str, text: str, frames: list[Any], limits: Limits) -> Any:
    if name == "TimeoutError" and not frames and _TIME.search(text):
        return "time"
    if name == "MemoryError" and (found := _MEMORY.match(text)):
        return "memory" if int(found[1]) == limits.memory_bytes else "runtime"
    if name == "RuntimeError" and re.fullmatch(r"suspension limit \d+ exceeded", text):
        return "calls"
    if name == "NameError" and "is not defined" in text:
        return "grant"
    if name == "SyntaxError" or (name == "NotImplementedError" and "syntax parser" in text):
        return "syntax"
    return "recursion" if name == "RecursionError" else "runtime"


def _at_last_call(session: Session, kind: Any, message: str) -> ProgramError:
    place, call = session.last_place()
    return ProgramError(kind=kind, message=_short(readable(message)), primitive=call, **(_fields(place) if place else {}))


def _fields(place: Place) -> dict[str, Any]:
    return {"line": place.line, "skill": place.skill.name if place.skill else None}


def _short(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…"
