"""What does not leave a library with its skills, in one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skilllib.exchange.packing import other_names
from skilllib.library import SkillLibrary
from skilllib.records.skill import Skill

SHOWN = 5
"""Names in a line."""


def staying(library: SkillLibrary, found: Sequence[Skill], *, names: Sequence[str] = (), form: str = "skills") -> tuple[str, ...]:
    """Return what stays behind of an export.

    Args:
        library: Where the skills are.
        found: Those that were written.
        names: As they were asked for.
        form: The format.
    """
    if form == "jsonl":
        return (_MEASURED, *(() if names else _versions(library, found, form)))
    if form == "skills":
        return (_MEASURED, *_aliases(library, found), *(() if names else _versions(library, found, form)))
    return tuple(_in_words(library, names))


_MEASURED = "Statuses, figures, effects, ledger, runs and adapters stay here: elsewhere a skill is on trial until it is proved."


def _aliases(library: SkillLibrary, found: Sequence[Skill]) -> Iterator[str]:
    if others := other_names(library, found):
        named = [f"{other} ({name})" for other, name in others.items()]
        yield f"Other names stay here: {_some(named)}; with --format jsonl they travel."


def _versions(library: SkillLibrary, found: Sequence[Skill], form: str) -> Iterator[str]:
    written = {skill.version_hash for skill in found}
    left = [skill for skill in library.skills() if skill.version_hash not in written]
    if left and form == "jsonl":
        named = [f"{skill.name}@{skill.version}" for skill in left]
        yield f"Versions that were revoked, or rest on one that was, stay here: {_some(named)}."
    elif left:
        yield f"{len(left)} versions stay here that no active skill needs; with --format jsonl all travel but revoked ones."


def _in_words(library: SkillLibrary, names: Sequence[str]) -> Iterator[str]:
    wanted = [library.get(name) for name in names] if names else library.skills("active")
    if left := [skill.name for skill in wanted if skill.program is None]:
        yield f"In words alone, and so no functions: {_some(left)}."


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
