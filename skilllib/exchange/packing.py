"""What travels of a skill, and how its hashes are held against it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import ConfigDict, ValidationError

from skilllib.errors import ImportRefused, InvalidRecord
from skilllib.exchange.container import refuse_collisions, refuse_name
from skilllib.exchange.hidden import refuse_hidden, strings
from skilllib.library import SkillLibrary
from skilllib.library.quarantine import refuse_senseless
from skilllib.records.base import Record
from skilllib.records.skill import KeptTest, Resource, Skill

R = TypeVar("R", bound=Record)


MAX_RESOURCES = 8_000_000
"""Bytes of all further files of a skill."""


class Packed(Record):
    """A skill with its kept tests and the further files of its folder."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    skill: Skill
    tests: tuple[KeptTest, ...] = ()
    resources: tuple[Resource, ...] = ()


def packed(library: SkillLibrary, skills: Iterable[Skill]) -> list[Packed]:
    """Return skills with their tests and further files."""
    return [
        Packed(skill=skill, tests=library.tests(skill.code_hash), resources=library.resources(skill.version_hash))
        for skill in skills
    ]


def chosen(library: SkillLibrary, names: Sequence[str], *, everything: bool = False) -> tuple[Skill, ...]:
    """Return the named skills, or all active ones, with everything they call; callees first.

    Args:
        library: Where they are.
        names: References as in `SkillLibrary.get`.
        everything: Without names, all versions in the order they were admitted, but those that were revoked or rest on one.

    Raises:
        UnknownSkill: A name is not known.
        InvalidRecord: A named skill was revoked or rests on one that was.
    """
    if everything and not names:
        spoiled: set[str] = set()
        for skill in library.skills():
            if skill.status == "revoked" or any(callee.code_hash in spoiled for callee in skill.calls):
                spoiled.add(skill.code_hash)
        return tuple(skill for skill in library.skills() if skill.code_hash not in spoiled)
    wanted = [library.get(name) for name in names] if names else library.skills("active")
    found = library.closure(skill.code_hash for skill in wanted)
    if revoked := [skill for skill in found if skill.status == "revoked"]:
        raise InvalidRecord(f"{revoked[0].name!r} (version {revoked[0].version}) was revoked and does not travel")
    return found


def other_names(library: SkillLibrary, skills: Iterable[Skill]) -> dict[str, str]:
    """Return the other names of skills → their names; one that a skill bears as its own stands for nothing else."""
    names, own = {skill.name for skill in skills}, {skill.name for skill in library.skills()}
    return {other: name for other, name in library.aliases().items() if name in names and other not in own}


def from_outside(skill: Skill) -> Skill:
    """Return a skill as it travels: number, status, run and what it was merged from belong to one library."""
    origin = skill.provenance.model_copy(update={"run": "", "merged_from": ()})
    return skill.model_copy(update={"version": 1, "status": "trial", "provenance": origin})


def verified(found: Packed, hashes: dict[str, str]) -> Packed:
    """Return what was packed if it is sound and has the hashes it is said to have.

    Raises:
        ImportRefused: It has not.
    """
    skill = found.skill
    for text in strings(found.model_dump(exclude={"resources"})):
        refuse_hidden(text, f"skill {skill.name!r}")
    _refuse_resources(found.resources, skill.name)
    try:
        for kind, expected in hashes.items():
            if (actual := getattr(skill, kind)) != expected:
                words = kind.replace("_", " ")
                raise ImportRefused(f"{skill.name!r} was changed after its export: its {words} is {actual}, not {expected}")
        refuse_senseless(skill, found.tests)
    except (InvalidRecord, ValueError) as error:
        raise error if isinstance(error, ImportRefused) else ImportRefused(str(error)) from error
    return found


def _refuse_resources(resources: Sequence[Resource], name: str) -> None:
    refuse_collisions(one.path for one in resources)
    for one in resources:
        refuse_name(one.path)
        if b"\0" in one.data:  # a picture is no text, in which something could be hidden from a reader
            continue
        with suppress(UnicodeDecodeError):
            refuse_hidden(one.data.decode("utf-8"), f"{one.path!r} of skill {name!r}")
    if (size := sum(len(one.data) for one in resources)) > MAX_RESOURCES:
        raise ImportRefused(f"the further files of {name!r} have {size} bytes; they may have {MAX_RESOURCES}")


def read(kind: type[R], text: str, what: str) -> R:
    """Return the record of a JSON text.

    Raises:
        ImportRefused: It is none.
    """
    try:
        return kind.model_validate_json(text)
    except (ValidationError, RecursionError) as error:
        raise ImportRefused(f"{what}: {_first(error)}") from None


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problem: Any = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place}: {problem['msg']}" if place else str(problem["msg"])
