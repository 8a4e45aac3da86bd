"""Skills leave a library, in the format that is asked for."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from skilllib.errors import InvalidRecord, StorageFailed
from skilllib.exchange import folders, lines
from skilllib.exchange.names import folder_names
from skilllib.exchange.packing import chosen, other_names, packed
from skilllib.exchange.stubs import stubs as stub_file
from skilllib.exchange.tools import tools as function_tools
from skilllib.library import SkillLibrary
from skilllib.records.skill import Skill
from skilllib.registry import Exporter


def skills(library: SkillLibrary, to: Path, *, names: Sequence[str] = ()) -> tuple[Skill, ...]:
    """Write a SKILL.md folder for each skill and everything it calls, into a new or empty folder."""
    found = chosen(library, names)
    _refuse_nothing(library, found)
    with _writing(to):
        _write_folders(library, to, found)
    return found


def jsonl(library: SkillLibrary, to: Path, *, names: Sequence[str] = ()) -> tuple[Skill, ...]:
    """Write skills and everything they call into one file; without names every version that may still be used."""
    found = chosen(library, names, everything=True)
    with _writing(to):
        _write(to, lines.written(packed(library, found), other_names(library, found)))
    return found


def tools(library: SkillLibrary, to: Path, *, names: Sequence[str] = ()) -> tuple[Skill, ...]:
    """Write function tools in OpenAI's format, for those that are named alone."""
    found = _offered(library, names)
    with _writing(to):
        _write(to, json.dumps(function_tools(found), indent=2, ensure_ascii=False) + "\n")
    return found


def stubs(library: SkillLibrary, to: Path, *, names: Sequence[str] = ()) -> tuple[Skill, ...]:
    """Write a `.pyi` for editors, of those that are named alone."""
    found = _offered(library, names)
    with _writing(to):
        _write(to, stub_file(found))
    return found


FORMATS: dict[str, Exporter] = {"skills": skills, "jsonl": jsonl, "tools": tools, "stubs": stubs}
"""The formats that come with skilllib."""


def export(library: SkillLibrary, to: Path, *, names: Sequence[str] = (), form: str = "skills") -> tuple[Skill, ...]:
    """Write skills to a place in one of our formats, whole or not at all; return those that were written.

    Args:
        library: Where they are.
        to: A new or empty folder for `skills`, a file for the other forms.
        names: References of skills. Without any: all active ones; for `jsonl` every version that may still be used.
        form: `skills` (a SKILL.md folder for each, its callees too), `jsonl` (the same, in one file), `tools` (function tools
            in OpenAI's format) or `stubs` (a `.pyi`); the last two offer only what was named.

    Raises:
        UnknownSkill: A name is not known.
        InvalidRecord: There is no skill to write, one was revoked, or the folder is not empty.
        StorageFailed: The disk refuses.
    """
    return tuple(FORMATS[form](library, to, names=names))


def _offered(library: SkillLibrary, names: Sequence[str]) -> tuple[Skill, ...]:
    wanted = tuple(library.get(name) for name in names) or library.skills("active")
    found = tuple(skill for skill in wanted if skill.program is not None)
    _refuse_nothing(library, found)
    return found


def _refuse_nothing(library: SkillLibrary, found: Sequence[Skill]) -> None:
    """Raise if there is no skill to write, with what is there instead."""
    if found:
        return
    if library.skills("active"):
        raise InvalidRecord("there is nothing to export: what would be written is in words, and has no signature")
    waiting = len(library.skills("trial"))
    if not waiting:
        raise InvalidRecord("there is nothing to export: the library has no skill that is active or on trial")
    there = f"no skill is active, {waiting} {'is' if waiting == 1 else 'are'} on trial"
    remedy = "prove them with `skilllib verify --activate --all`, or write them as they are with `--format jsonl`"
    raise InvalidRecord(f"there is nothing to export: {there}; {remedy}")


@contextmanager
def _writing(to: Path) -> Iterator[None]:
    """Turn what the disk says into our error."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StorageFailed):
            raise
        raise StorageFailed(f"{str(to)!r} cannot be written: {error.strerror or error}") from error


def _write_folders(library: SkillLibrary, to: Path, found: Sequence[Skill]) -> None:
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise InvalidRecord(f"{str(to)!r} is not an empty folder; name a new one")
    names = folder_names(found)
    to.parent.mkdir(parents=True, exist_ok=True)
    # Written beside it and put in its place at the end: there is never half an export under the name that was asked for.
    scratch = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        for one in packed(library, found):
            for name, data in folders.files(library, one, names).items():
                path = scratch / names[one.skill.code_hash] / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        scratch.chmod(0o755)
        scratch.replace(to)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write(to: Path, text: str) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(prefix=f".{to.name}-", dir=to.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        Path(scratch).chmod(0o644)
        Path(scratch).replace(to)
    finally:
        Path(scratch).unlink(missing_ok=True)
