"""Names of skills inside and outside: a Python identifier, and what the agentskills specification allows."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Iterator

from skilllib.errors import ImportRefused
from skilllib.records.naming import RESERVED
from skilllib.records.skill import Skill

LONGEST = 64
"""Characters of a folder's name, by the specification."""
_PLAIN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def identifier(name: str) -> str:
    """Return the Python name of a legal folder name.

    Raises:
        ImportRefused: No identifier can be made of it.

    >>> identifier("make-rope"), identifier("3d-model"), identifier("import"), identifier("filter")
    ('make_rope', 'skill_3d_model', 'import_', 'filter_')
    """
    found = name.replace("-", "_")
    found = f"skill_{found}" if found[:1].isdigit() else found
    found = f"{found}_" if keyword.iskeyword(found) or found in RESERVED else found
    if not found.isidentifier():
        raise ImportRefused(f"no Python name can be made of {name!r}")
    return found


def refuse_illegal(name: str) -> None:
    """Raise unless a folder's name is legal.

    Raises:
        ImportRefused: With the rule that is broken.
    """
    normal = unicodedata.normalize("NFKC", name)
    if not 1 <= len(normal) <= LONGEST:
        raise ImportRefused(f"the name {name[:80]!r} has {len(normal)} characters; 1 to {LONGEST} are allowed")
    if normal != name or name != name.lower() or not all(part.isalnum() for part in name.split("-")):
        raise ImportRefused(f"the name {name!r} is not made of lower-case letters and digits with single hyphens between")


def folder_names(skills: Iterable[Skill]) -> dict[str, str]:
    """Return code hash → a legal name that no other one has; where the plain one will not do, with digits of the hash."""
    taken: dict[str, str] = {}
    for skill in sorted(skills, key=lambda skill: skill.status != "active"):
        name = next(name for name in _candidates(skill) if name not in taken)
        taken[name] = skill.code_hash
    return {code_hash: name for name, code_hash in taken.items()}


def _candidates(skill: Skill) -> Iterator[str]:
    plain = skill.name.lower().replace("_", "-")
    if _PLAIN.fullmatch(plain) and len(plain) <= LONGEST and identifier(plain) == skill.name:
        yield plain
    decomposed = unicodedata.normalize("NFKD", skill.name).lower()
    words = re.sub(r"[^a-z0-9]+", "-", re.sub(r"[\u0300-\u036f]", "", decomposed)).strip("-") or "skill"
    for digits in (8, 16, 24, 32):
        yield f"{words[: LONGEST - digits - 1].strip('-')}-{skill.code_hash[:digits]}"
