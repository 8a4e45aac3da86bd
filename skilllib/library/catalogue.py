"""Reading a library: skills by name and hash, what they call, what was measured of them, and their history."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from skilllib.errors import UnknownSkill
from skilllib.library import graph as graphs
from skilllib.library import ledger, store, tables
from skilllib.library.aliases import meant
from skilllib.library.database import Database
from skilllib.records.base import content_hash
from skilllib.records.ledger import LedgerEntry
from skilllib.records.naming import RESERVED
from skilllib.records.skill import Effect, KeptTest, Resource, Skill, Statistics, Status

if TYPE_CHECKING:
    import networkx as nx

_HASH = re.compile(r"[0-9a-f]{8,64}")
_CHUNK = 500


class Catalogue:
    """The part of a library that only reads. Readers never wait for the writer."""

    _database: Database

    @property
    def identity(self) -> str:
        """What tells this library from every other one, wherever it lies."""
        with self._database.reading() as connection:
            return store.identity(connection)

    def skills(self, status: Status | None = None) -> tuple[Skill, ...]:
        """Return all versions of all skills, or those of one status, in the order they were admitted."""
        with self._database.reading() as connection:
            conditions = [] if status is None else [tables.versions.c.status == status]
            return tuple(row.skill for row in store.rows(connection, *conditions))

    def get(self, ref: str) -> Skill:
        """Return the skill of a reference.

        Args:
            ref: `name` (the active version, else the newest), `name@3`, `name@<hash prefix>`, or at least eight digits of a
                code or version hash. Of versions that share a code hash it is the active one, or that which got farthest.

        Raises:
            UnknownSkill: No skill, or more than one, is meant; the message lists names that are near.
        """
        if not isinstance(ref, str):
            raise UnknownSkill(f"{ref!r} is no reference of a skill; write its NAME, NAME@VERSION or a hash")
        name, at, version = ref.partition("@")
        columns = tables.versions.c
        with self._database.reading() as connection:
            found = [row.skill for row in store.rows(connection, columns.name == name)]
            if not found and (named := meant(connection, name)) is not None:
                found = [row.skill for row in store.rows(connection, columns.name == named)]
            if not at and not found and _HASH.fullmatch(ref):
                found = [row.skill for row in store.rows(connection, _starts(ref))]
                return _only(found, ref)
        if not found:
            raise UnknownSkill(self._near(name))
        if not at:
            return next((skill for skill in found if skill.status == "active"), found[-1])
        numbered = [skill for skill in found if version.isdecimal() and skill.version == int(version)]
        if not numbered and not re.fullmatch(r"[0-9a-f]{4,64}", version):
            raise UnknownSkill(f"{name!r} has no version {version!r}; it has {', '.join(str(skill.version) for skill in found)}")
        return _only(numbered or [skill for skill in found if _matches(skill, version)], ref)

    def version(self, code_hash: str) -> Skill:
        """Return the version of a code hash or a version hash.

        Raises:
            UnknownSkill: There is none.
        """
        columns = tables.versions.c
        with self._database.reading() as connection:
            found = store.rows(connection, sa.or_(columns.code_hash == code_hash, columns.version_hash == code_hash))
        if not found:
            raise UnknownSkill(f"no skill has the hash {code_hash!r}")
        return store.farthest([row.skill for row in found])

    def wordings(self, code_hash: str) -> tuple[Skill, ...]:
        """Return the versions that share a code, and differ in their texts, in the order they were admitted."""
        with self._database.reading() as connection:
            return tuple(row.skill for row in store.rows(connection, tables.versions.c.code_hash == code_hash))

    def closure(self, code_hashes: Iterable[str]) -> tuple[Skill, ...]:
        """Return these versions and everything they call, callees before callers.

        Raises:
            UnknownSkill: A hash is not known.
            LibraryDamaged: A callee is not stored.
        """
        with self._database.reading() as connection:
            found = graphs.reachable(code_hashes, lambda hashes: store.by_hash(connection, hashes))
        return graphs.ordered(found)

    def resolve(self, names: Iterable[str]) -> dict[str, str]:
        """Return name → code hash of those names that are active skills, in sorted order.

        A builtin stands for itself in a program, also where a library holds a skill or an alias of its name from earlier days.
        """
        wanted, columns = sorted(set(names) - RESERVED), tables.versions.c
        found: dict[str, str] = {}
        with self._database.reading() as connection:
            for start in range(0, len(wanted), _CHUNK):
                query = sa.select(columns.name, columns.code_hash).where(columns.name.in_(wanted[start : start + _CHUNK]))
                found.update((name, code_hash) for name, code_hash in connection.execute(query.where(columns.status == "active")))
            for name, code_hash in _active_aliases(connection):
                if name in wanted:
                    found.setdefault(name, code_hash)
        return dict(sorted(found.items()))

    def aliases(self) -> dict[str, str]:
        """Return other name → name of the skill that it stands for, in sorted order; a skill's own name goes before another's."""
        columns = tables.aliases.c
        with self._database.reading() as connection:
            return {
                name: skill for name, skill in connection.execute(sa.select(columns.name, columns.skill).order_by(columns.name))
            }

    def callers(self, code_hash: str) -> tuple[Skill, ...]:
        """Return the versions that call this one directly, in the order they were admitted."""
        callers = sa.select(tables.calls.c.caller).where(tables.calls.c.callee == code_hash)
        with self._database.reading() as connection:
            return tuple(row.skill for row in store.rows(connection, tables.versions.c.code_hash.in_(callers)))

    def tests(self, code_hash: str) -> tuple[KeptTest, ...]:
        """Return the tests kept with a skill, in the order they were added."""
        with self._database.reading() as connection:
            return store.tests_of(connection, code_hash)

    def effects(self, code_hash: str) -> tuple[Effect, ...]:
        """Return what a skill was measured to do, by arguments and fact in sorted order."""
        with self._database.reading() as connection:
            return store.effects_of(connection, code_hash)

    def resources(self, version_hash: str) -> tuple[Resource, ...]:
        """Return the further files of a version's folder, by path; nothing of them is ever run."""
        with self._database.reading() as connection:
            return store.resources_of(connection, version_hash)

    def statistics(self, code_hash: str) -> Statistics:
        """Return what was counted of a skill."""
        with self._database.reading() as connection:
            return store.statistics_of(connection, code_hash)

    def counted(self, code_hashes: Iterable[str]) -> dict[str, Statistics]:
        """Return code hash → what was counted, of many skills at once."""
        with self._database.reading() as connection:
            return store.statistics_of_many(connection, code_hashes)

    @property
    def last_entry(self) -> int:
        """The number of the ledger's last entry, 0 before the first."""
        with self._database.reading() as connection:
            return ledger.last(connection)

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Return every change and decision, oldest first."""
        with self._database.reading() as connection:
            return ledger.entries(connection)

    def history(self, name: str) -> tuple[LedgerEntry, ...]:
        """Return the ledger's entries about any version of a name, oldest first; about one version if that is named.

        Args:
            name: A reference, as for `get`.

        Raises:
            UnknownSkill: There is no such skill.
        """
        found = self.get(name)
        with self._database.reading() as connection:
            if "@" in name:
                return ledger.about(connection, {ledger.target(connection, found)})
            skills = [row.skill for row in store.rows(connection, tables.versions.c.name == found.name)]
            return ledger.about(connection, {found for skill in skills for found in (skill.code_hash, skill.version_hash)})

    def graph(self) -> nx.DiGraph[Any]:
        """Return the graph of all versions: nodes are code hashes with name, version and status; edges go to callees."""
        return graphs.call_graph(self.skills())

    def fingerprint(self) -> str:
        """Return a hash over the active skills: equal for libraries that offer the same."""
        columns = tables.versions.c
        with self._database.reading() as connection:
            hashes = connection.execute(sa.select(columns.version_hash).where(columns.status == "active")).scalars()
            return content_hash(sorted(hashes))

    def _near(self, name: str) -> str:
        with self._database.reading() as connection:
            names = sorted(set(connection.execute(sa.select(tables.versions.c.name)).scalars()))
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        others = f"the library has {len(names)} skills; see `skilllib list`"
        hint = f"did you mean {', '.join(map(repr, near))}?" if near else others
        return f"no skill is called {name!r}; {hint}"


def _starts(prefix: str) -> sa.ColumnElement[bool]:
    """Return the condition that a hash begins with hexadecimal digits, as ranges, which an index answers and LIKE does not."""
    hashes = (tables.versions.c.code_hash, tables.versions.c.version_hash)
    return sa.or_(*(sa.and_(one >= prefix, one < f"{prefix}g") for one in hashes))


def _matches(skill: Skill, prefix: str) -> bool:
    return skill.code_hash.startswith(prefix) or skill.version_hash.startswith(prefix)


def _active_aliases(connection: sa.Connection) -> Iterable[tuple[str, str]]:
    columns, alias = tables.versions.c, tables.aliases.c
    query = sa.select(alias.name, columns.code_hash).join_from(tables.aliases, tables.versions, alias.skill == columns.name)
    return [(name, code_hash) for name, code_hash in connection.execute(query.where(columns.status == "active"))]


def _only(found: list[Skill], ref: str) -> Skill:
    if found and len({skill.code_hash for skill in found}) == 1:
        return store.farthest(found)  # they differ in their text alone
    if found:
        raise UnknownSkill(f"{ref!r} could be any of {', '.join(f'{skill.name}@{skill.code_hash[:12]}' for skill in found[:5])}")
    raise UnknownSkill(f"no skill has a hash that starts with {ref.rpartition('@')[2]!r}")
