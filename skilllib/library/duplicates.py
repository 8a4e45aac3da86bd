"""What the library has already: the same program, one that does the same, one that is described alike, or a name like it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

import sqlalchemy as sa

from skilllib.errors import DuplicateSkill
from skilllib.library import store, tables
from skilllib.records.naming import look_alike
from skilllib.records.normal import outline
from skilllib.records.program import Program
from skilllib.records.skill import Skill

Kind: TypeAlias = Literal["name", "syntax", "behaviour", "description"]
Offer: TypeAlias = Literal["alias", "version", "merge"]
SIMILAR = 0.9
"""Share of matching characters (`difflib.SequenceMatcher`) above which two sources are one skill."""
_CHUNK = 500
_REMEDIES: dict[Offer, str] = {
    "alias": "make the new name an alias of it",
    "version": "write it under that skill's name, as its next version",
    "merge": "list its code hash in `merges` to replace it by one with a parameter",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness:
    """A skill that is there already, in what it is like the new one, and what can be made of the two."""

    kind: Kind
    skill: Skill
    offers: tuple[Offer, ...]
    """`alias`: the new name for the skill that is there; `version`: the next one of it; `merge`: one skill with a parameter."""
    how: str
    """What is said of the new one, with `{}` where the other is named."""
    figures: Mapping[str, float] = field(default_factory=dict)

    def words(self, name: str) -> str:
        """Return what is alike and what to do, for a new skill of a name."""
        first = "rename it" if self.kind == "name" else "call that one"
        remedies = [first, *(_REMEDIES[offer] for offer in self.offers)]
        there = f"{self.skill.name!r} (version {self.skill.version}, {self.skill.code_hash})"
        return f"{name!r} {self.how.format(there)}; {', or '.join(remedies)}"


def refuse(name: str, found: Iterable[Likeness]) -> None:
    """Raise with the first likeness that is more than one of descriptions.

    Raises:
        DuplicateSkill: With the likeness.
    """
    for likeness in found:
        if likeness.kind != "description":
            raise DuplicateSkill(likeness.words(name), likeness=likeness)


class Duplicates:
    """Finds active skills that are like a new one. Sources that were read are kept, so a learner reads each of them once."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def of(self, connection: sa.Connection, new: Skill, *, besides: Collection[str] = ()) -> tuple[Likeness, ...]:
        """Return what is like a skill in its name or its syntax, names first.

        Args:
            connection: To the library.
            new: The skill.
            besides: Code hashes of skills whose place it takes.
        """
        active = {code_hash: seen for code_hash, seen in self._active(connection).items() if code_hash not in besides}
        pairs: list[tuple[str, str, float | None]]
        pairs = [(code_hash, "name", None) for code_hash, seen in active.items() if look_alike(new.name, seen.name)]
        if new.program is not None:
            pairs += [(code_hash, *how) for code_hash, how in _alike(new, new.program, active)]
        skills = store.by_hash(connection, [code_hash for code_hash, _, _ in pairs])
        return tuple(_likeness(new, skills[code_hash], how, ratio) for code_hash, how, ratio in pairs)

    def _active(self, connection: sa.Connection) -> dict[str, _Seen]:
        columns = tables.versions.c
        hashes = list(connection.execute(sa.select(columns.code_hash).where(columns.status == "active")).scalars())
        new = [code_hash for code_hash in hashes if code_hash not in self._seen]
        for start in range(0, len(new), _CHUNK):
            query = sa.select(columns.code_hash, tables.records.c.record).join_from(
                tables.versions, tables.records, columns.sequence == tables.records.c.sequence
            )
            query = query.where(columns.code_hash.in_(new[start : start + _CHUNK]))
            for code_hash, record in connection.execute(query):
                self._seen[code_hash] = _Seen.read(record)
        return {code_hash: self._seen[code_hash] for code_hash in hashes}


@dataclass(frozen=True)
class _Seen:
    """What is compared of a stored skill; its hashes were held against it when it was written."""

    name: str
    source: str
    calls: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, record: str) -> _Seen:
        stored = json.loads(record)
        source = (stored.get("program") or {}).get("source", "")
        return cls(stored["name"], source, tuple((callee["name"], callee["code_hash"]) for callee in stored["calls"]))

    @cached_property
    def outline(self) -> str:
        return outline(Program.model_construct(source=self.source), dict(self.calls), constants=False)


def _alike(new: Skill, program: Program, active: Mapping[str, _Seen]) -> Iterator[tuple[str, tuple[str, float | None]]]:
    """Yield (code hash, (how, ratio)) of the skills that are the same program in their syntax or their text."""
    meanings = {callee.name: callee.code_hash for callee in new.calls}
    own = program.names - meanings.keys()
    called = sorted(meanings.values())
    form = outline(program, meanings, constants=False)
    matcher = difflib.SequenceMatcher(None, "", program.source, autojunk=False)  # what it learns of the second text it keeps
    for code_hash, seen in active.items():
        if code_hash == new.code_hash:
            yield code_hash, ("same", None)
            continue
        # Parsing is dear, so it is looked first whether the same things are called at all.
        same = sorted(callee for _, callee in seen.calls) == called and all(name in seen.source for name in own)
        if same and seen.source and seen.outline == form:
            yield code_hash, ("form", None)
            continue
        matcher.set_seq1(seen.source)
        if (ratio := _ratio(matcher)) > SIMILAR:
            yield code_hash, ("text", ratio)


def _ratio(matcher: difflib.SequenceMatcher[str]) -> float:
    # The quick ratios are upper bounds; the last one takes quadratic time.
    quick = min(matcher.real_quick_ratio(), 1.0)
    quick = matcher.quick_ratio() if quick > SIMILAR else quick
    return matcher.ratio() if quick > SIMILAR else quick


def _likeness(new: Skill, old: Skill, how: str, ratio: float | None) -> Likeness:
    if how == "name":
        return Likeness(kind="name", skill=old, offers=("version", "alias"), how="looks like {}")
    if how == "text":
        how, figures = f"is {{}} to more than {SIMILAR:.0%} of its text", {"text": round(ratio or 0.0, 4)}
        return Likeness(kind="syntax", skill=old, offers=("version", "merge"), how=how, figures=figures)
    same = how == "same" or _exact(new) == _exact(old)
    offers: tuple[Offer, ...] = _in_its_place(new, old) if same else ("merge", "version")
    return Likeness(kind="syntax", skill=old, offers=offers, how=f"is {{}} up to names{'' if same else ' and constants'}")


def _in_its_place(new: Skill, old: Skill) -> tuple[Offer, ...]:
    """Return what can be made of two skills that do the same: one with two names, if it is called in the same way."""
    ways = [[(parameter.name, parameter.type) for parameter in skill.contract.parameters] for skill in (new, old)]
    return ("alias", "version") if ways[0] == ways[1] and new.name != old.name else ("version",)


def _exact(skill: Skill) -> str:
    meanings = {callee.name: callee.code_hash for callee in skill.calls}
    return outline(skill.program, meanings, constants=True) if skill.program else ""


# --- Behaviour --------------------------------------------------------------------------------------------------------


def behaves_like(new: Skill, old: Skill, *, tests: int, names: Mapping[str, str]) -> Likeness:
    """Return the likeness of a skill that came out the same on so many tests, its own and the other's.

    Args:
        new: The skill.
        old: The one that does the same.
        tests: How many.
        names: Parameters of the new one → those of the other that they stand for.
    """
    other = [f"{their!r} stands for its {own!r}" for own, their in names.items() if own != their]
    how = f"does what {{}} does in {tests} kept tests of both{', where ' + ' and '.join(other) if other else ''}"
    counts = {len(skill.program.parameters) if skill.program else 0 for skill in (new, old)}
    offers: tuple[Offer, ...] = ("alias", "version") if counts == {len(names)} else ("version",)
    return Likeness(kind="behaviour", skill=old, offers=offers, how=how, figures={"tests": tests})


def described_like(old: Skill, *, cosine: float, bound: float) -> Likeness:
    """Return the likeness of a skill whose text is nearer than it would be by chance."""
    figures = {"cosine": round(cosine, 4), "bound": round(bound, 4)}
    return Likeness(kind="description", skill=old, offers=("version", "merge"), how="is described like {}", figures=figures)
