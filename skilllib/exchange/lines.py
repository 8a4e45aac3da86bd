"""A library as JSON lines: a head with the digest of all that follows, then one skill a line, callees before callers.

Their other names, if they have any, are the last line of a file of format 2.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from skilllib.errors import ImportRefused
from skilllib.exchange.hidden import refuse_hidden
from skilllib.exchange.packing import Packed, from_outside, read, verified
from skilllib.records.base import Json, Record, canonical

FORMATS = (1, 2)
"""The formats that are read. The first is written where there are no other names, so that whatever reads it still can."""
MAX_LINE = 16_000_000
"""Bytes of a line, which is a skill with its tests and further files."""


class Head(Record):
    """The first line."""

    format: str = "skilllib"
    version: int = 1
    skills: int
    sha256: str
    """Of all lines after this one."""


class Line(Record):
    """One skill."""

    code_hash: str
    text_hash: str
    version_hash: str
    packed: Packed


class Names(Record):
    """The last line: other name → the skill's."""

    aliases: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What a file holds."""

    skills: tuple[Packed, ...]
    aliases: Mapping[str, str]
    """Other name → name of one of the skills."""


def written(found: Iterable[Packed], aliases: Mapping[str, str]) -> str:
    """Return skills as JSON lines; the same skills give the same bytes, wherever they are and whatever became of them there.

    Args:
        found: The skills, callees before callers.
        aliases: Other name → name of one of them.
    """
    lines = [canonical(_dumped(one)) for one in found]
    names = [canonical(Names(aliases=dict(aliases)).model_dump(mode="json"))] if aliases else []
    rest = "".join(f"{line}\n" for line in [*lines, *names])
    version = FORMATS[1] if aliases else FORMATS[0]
    head = Head(version=version, skills=len(lines), sha256=hashlib.sha256(rest.encode()).hexdigest())
    return f"{canonical(head.model_dump(mode='json'))}\n{rest}"


def unpacked(path: Path) -> Contents:
    """Return what a file holds.

    Raises:
        ImportRefused: Something is not as it was written. All is refused then: a file of ours is whole or worth nothing.
    """
    digest, found, names = hashlib.sha256(), list[Packed](), list[Names]()
    with path.open("rb") as file:
        head = read(Head, _text(file.readline(MAX_LINE), 1), "line 1")
        if head.format != "skilllib" or head.version not in FORMATS:
            read_here = " and ".join(map(str, FORMATS))
            raise ImportRefused(f"line 1: format {head.format!r} {head.version}; this skilllib reads 'skilllib' {read_here}")
        for number, data in enumerate(iter(lambda: file.readline(MAX_LINE), b""), 2):
            digest.update(data)
            text, what = _text(data, number), f"line {number}"
            if head.version > 1 and len(found) == head.skills:
                names.append(_read_names(text, what, found))
            else:
                found.append(_read_line(text, what))
    if digest.hexdigest() != head.sha256 or len(found) != head.skills or len(names) != head.version - 1:
        raise ImportRefused(f"{str(path)!r} is not what was written: its lines do not have the digest that its first line names")
    return Contents(skills=tuple(found), aliases=names[0].aliases if names else {})


def _dumped(one: Packed) -> Json:
    found: dict[str, Json] = _line(one).model_dump(mode="json")
    if not one.resources:  # as lines were written before there were any
        del found["packed"]["resources"]
    return found


def _line(one: Packed) -> Line:
    skill = from_outside(one.skill)
    return Line(
        code_hash=skill.code_hash,
        text_hash=skill.text_hash,
        version_hash=skill.version_hash,
        packed=Packed(skill=skill, tests=one.tests, resources=one.resources),
    )


def _read_line(text: str, what: str) -> Packed:
    line = read(Line, text, what)
    try:
        hashes = {kind: getattr(line, kind) for kind in ("code_hash", "text_hash", "version_hash")}
        return verified(line.packed.model_copy(update={"skill": from_outside(line.packed.skill)}), hashes)
    except ImportRefused as error:
        raise ImportRefused(f"{what}: {error}") from None


def _read_names(text: str, what: str, found: Iterable[Packed]) -> Names:
    names = read(Names, text, what)
    there = {one.skill.name for one in found}
    for other, name in names.aliases.items():
        if name not in there:
            raise ImportRefused(f"{what}: {other!r} is another name of {name!r}, which is not in the file")
        refuse_hidden(other, what)
    return names


def _text(data: bytes, number: int) -> str:
    if not data.endswith(b"\n"):
        raise ImportRefused(f"line {number} has no end: the file was cut off, or the line is longer than {MAX_LINE} bytes")
    try:
        text = data.decode("utf-8")
        json.loads(text, object_pairs_hook=_refuse_doubles)
    except (ValueError, RecursionError) as error:
        raise ImportRefused(f"line {number}: {error}") from None
    return text


def _refuse_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ImportRefused("a key stands there twice")
    return found
