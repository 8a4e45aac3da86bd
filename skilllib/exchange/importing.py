"""Skills enter a library: read under limits, held against their hashes, and kept on trial until they are proved here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from skilllib.errors import ImportRefused, InvalidRecord, LibraryDamaged, LibraryError, StorageFailed
from skilllib.exchange import folders, lines
from skilllib.exchange.container import skill_folders
from skilllib.exchange.packing import Packed
from skilllib.library import SkillLibrary
from skilllib.library.heads import differences, head
from skilllib.records.base import Json
from skilllib.records.naming import look_alike
from skilllib.records.skill import Skill

PROPOSER = "import"


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """A skill that was taken in."""

    place: str
    skill: Skill
    """As it is stored."""
    new: bool
    """False if this very skill was here before."""
    left_out: tuple[str, ...] = ()
    """What came with it and is not kept: files that are too large, what was changed in our words, and all of `beside`."""
    beside: tuple[str, ...] = ()
    """Files and tests that are not those which it was here with before."""
    differs: Mapping[str, tuple[Json, Json]] = field(default_factory=dict)
    """What it said otherwise of itself when it was here before: field → its value here, and the one that came."""
    reheaded: bool = False
    """True if description and fields of the head are now those that came."""
    caution: str = ""
    """What will keep it on trial whatever it proves, and what to do; empty if nothing is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A skill that was not taken in."""

    place: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherName:
    """Another name of a skill, that came with it."""

    other: str
    name: str
    """The skill's."""
    left_out: str = ""
    """Why it does not stand for the skill here, and what to do; empty if it does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What came of an import."""

    imported: tuple[Imported, ...]
    refused: tuple[Refused, ...] = ()
    aliases: tuple[OtherName, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    place: str
    packed: Packed
    left_out: tuple[str, ...] = ()


def take_in(library: SkillLibrary, path: Path, *, heads: bool = False) -> Taken:
    """Take skills in, on trial: nothing of them is run, and none can be found or called before a proof in this library.

    Folders are judged one by one; those that are accepted are stored in one transaction. A file of JSON lines and an archive
    that is hostile are taken whole or not at all.

    Args:
        library: Where they go.
        path: A skill's folder, a folder of such, an archive (zip or tar) of them, or a file of JSON lines.
        heads: A skill that is here already, on trial, gets the description, licence and other fields of its head that come now;
            the ledger keeps both. Otherwise those that are here stay, and what differs is told.

    Raises:
        ImportRefused: An archive or a file is broken or hostile, or there is no skill.
        StorageFailed: The disk refuses.
    """
    if path.name.lower() == "skill.md" and path.is_file():
        path = path.resolve().parent
    try:
        if path.is_file() and _starts(path).startswith(b"{"):
            return _lines(library, path, heads=heads)
        found = skill_folders(path)
    except OSError as error:
        raise ImportRefused(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
    candidates, refused = [], []
    for folder in found:
        try:
            packed, left_out = folders.unpacked(folder)
            candidates.append(_Candidate(place=folder.place, packed=packed, left_out=left_out))
        except ImportRefused as error:
            refused.append(Refused(place=folder.place, reason=str(error)))
    candidates, clashing = _unlike(candidates)
    taken = _store(library, _ordered(candidates), source=path.name, heads=heads)
    return Taken(imported=taken.imported, refused=(*refused, *clashing, *taken.refused))


def _lines(library: SkillLibrary, path: Path, *, heads: bool) -> Taken:
    contents = lines.unpacked(path)
    found = [_Candidate(place=f"line {number}", packed=one) for number, one in enumerate(contents.skills, 2)]
    with library.transaction():
        taken = _store(library, found, source=path.name, heads=heads)
        if taken.refused:
            raise ImportRefused(f"{taken.refused[0].place}: {taken.refused[0].reason}")
        came = {one.skill.version_hash for one in taken.imported}
        others = {skill.name for skill in library.skills() if skill.version_hash not in came}
        aliases = tuple(_named(library, other, name, others) for other, name in sorted(contents.aliases.items()))
    return replace(taken, aliases=aliases)


def _named(library: SkillLibrary, other: str, name: str, others: Collection[str]) -> OtherName:
    """Give a skill the other name it came with, unless that would change what a name here stands for.

    Args:
        library: Where it goes.
        other: The other name.
        name: The skill's.
        others: Names of skills here of which a version did not come with it.
    """
    if library.aliases().get(other) == name:
        return OtherName(other=other, name=name)
    if name in others:  # what is called so here may be quite another skill, and active
        reason = f"{name!r} has versions here that did not come with it; if they are meant too: skilllib alias {other} {name}"
        return OtherName(other=other, name=name, left_out=reason)
    try:
        library.alias(other, name, proposer=PROPOSER)
    except InvalidRecord as error:
        return OtherName(other=other, name=name, left_out=str(error))
    return OtherName(other=other, name=name)


def _store(library: SkillLibrary, candidates: Iterable[_Candidate], *, source: str, heads: bool) -> Taken:
    imported, refused = [], []
    with library.transaction():
        here = library.skills()
        known = {skill.version_hash for skill in here}
        active = {skill.name: skill for skill in here if skill.status == "active"}
        for one in candidates:
            skill = one.packed.skill
            try:
                kept = library.quarantine(
                    skill,
                    tests=one.packed.tests,
                    resources=one.packed.resources,
                    proposer=PROPOSER,
                    rationale=f"imported from {source!r}",
                )
            except (StorageFailed, LibraryDamaged):
                raise
            except (LibraryError, InvalidRecord) as error:
                refused.append(Refused(place=one.place, reason=str(error)))
                continue
            new = skill.version_hash not in known
            known.add(skill.version_hash)
            differs = {} if new else differences(kept, skill)
            reheaded = heads and not new and kept.status == "trial" and head(kept) != head(skill)
            if reheaded:
                kept = library.rehead(skill, proposer=PROPOSER, rationale=f"imported again from {source!r}")
            beside = _beside(library, one.packed)
            caution = "" if kept.status == "active" else _caution(kept.name, active.values())
            imported.append(
                Imported(
                    place=one.place,
                    skill=kept,
                    new=new,
                    left_out=(*one.left_out, *beside),
                    beside=beside,
                    differs=differs,
                    reheaded=reheaded,
                    caution=caution,
                )
            )
    return Taken(imported=tuple(imported), refused=tuple(refused))


def _beside(library: SkillLibrary, packed: Packed) -> tuple[str, ...]:
    """Return what came with a skill that was taken in and is not what is kept with it."""
    files = {file.path for file in set(packed.resources) - set(library.resources(packed.skill.version_hash))}
    kept = library.tests(packed.skill.code_hash)
    tests = sum(test not in kept for test in packed.tests)
    return (*sorted(files), *([f"{tests} of its tests"] if tests else []))


def _caution(name: str, active: Iterable[Skill]) -> str:
    """Return that a name looks like an active skill's, for which it would be refused once it is proved."""
    like = next((skill for skill in active if look_alike(name, skill.name)), None)
    if like is None:
        return ""
    there = f"{like.name!r} (version {like.version})"
    return f"{name!r} looks like {there}, which is active, and stays on trial; rename it where it comes from and import it again"


def _unlike(candidates: Sequence[_Candidate]) -> tuple[list[_Candidate], list[Refused]]:
    """Return the candidates that can be told apart; of skills in words that would bear one name, none is taken."""
    places: dict[str, list[str]] = {}
    for one in candidates:
        if one.packed.skill.program is None:
            places.setdefault(one.packed.skill.name, []).append(one.place)
    kept, refused = [], []
    for one in candidates:
        others = [place for place in places.get(one.packed.skill.name, ()) if place != one.place]
        if one.packed.skill.program is None and others:
            refused.append(Refused(place=one.place, reason=f"{one.packed.skill.name!r} would be the name of {others[0]!r} too"))
        else:
            kept.append(one)
    return kept, refused


def _ordered(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Return callees before callers; a hash cannot be reached from itself, so there is no circle."""
    here: dict[str, list[_Candidate]] = {}
    for one in candidates:
        here.setdefault(one.packed.skill.code_hash, []).append(one)
    done: dict[str, list[_Candidate]] = {}
    pending = list(reversed(here))
    while pending:
        calls = [callee.code_hash for callee in here[pending[-1]][0].packed.skill.calls]
        if waiting := [code_hash for code_hash in calls if code_hash in here and code_hash not in done]:
            pending += waiting
        else:
            code_hash = pending.pop()
            done.setdefault(code_hash, here[code_hash])
    return [one for same in done.values() for one in same]


def _starts(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1)
