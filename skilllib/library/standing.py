"""How skills stand that a look-up has found: their records and what was counted of them, with as little as can be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from skilllib.errors import LibraryDamaged
from skilllib.library import store, tables
from skilllib.library.database import Database
from skilllib.records.skill import Skill, Statistics, Status

_FIGURES = tuple(Statistics.model_fields)
_NOTHING = Statistics()
_STANDINGS = store.IDENTITIES.add_columns(tables.versions.c.name, tables.versions.c.version)
_COUNTED = sa.select(tables.statistics.c.code_hash, *(tables.statistics.c[name] for name in _FIGURES))
_VALUES: sa.BindParameter[Any] = sa.bindparam("values", expanding=True)
_QUERIES: dict[str, sa.Select[Any]] = {
    "by hash": _STANDINGS.where(tables.versions.c.code_hash.in_(_VALUES)),
    "by number": _STANDINGS.where(tables.versions.c.sequence.in_(_VALUES)),
    "counted": _COUNTED.where(tables.statistics.c.code_hash.in_(_VALUES)),
}
"""What every look-up asks."""


class Standing(NamedTuple):
    """The version of a code hash that counts (see `store.by_hash`), its record not read yet."""

    record: str
    digest: str
    status: Status
    version_hash: str
    code_hash: str
    name: str
    version: int

    def skill(self) -> Skill:
        """Read the record, and hold its name and version against those it is stored under, which no other has.

        Its hashes are not computed: that takes as long as the reading.

        Raises:
            LibraryDamaged: It is not what was written, or another one.
        """
        skill = store.read_skill(self.record, self.digest, self.status)
        if (skill.name, skill.version) != (self.name, self.version):
            raise LibraryDamaged(
                f"the record of {self.name!r} (version {self.version}) is that of {skill.name!r} (version {skill.version}); "
                "look closer with `skilllib doctor`"
            )
        return skill


def standings(database: Database, versions: Sequence[str] | Sequence[int]) -> dict[str, Standing]:
    """Return how skills stand by code hash, at most a few hundred, with one query; unknown ones are left out.

    Args:
        database: Where they are.
        versions: Code hashes; or numbers of versions, by which they are found with one step less.
    """
    name = "by number" if versions and isinstance(versions[0], int) else "by hash"
    found: dict[str, Standing] = {}
    for one in map(Standing._make, _rows(database, name, versions)):
        known = found.get(one.code_hash)
        found[one.code_hash] = one if known is None else max(known, one, key=lambda each: store.progress(each.status, each.version))
    return found


def counted(database: Database, hashes: Sequence[str]) -> dict[str, Statistics]:
    """Return code hash → what was counted of it, at most a few hundred, with one query."""
    found = dict.fromkeys(hashes, _NOTHING)
    for code_hash, *figures in _rows(database, "counted", hashes):
        found[code_hash] = _figures(*figures)
    return found


@lru_cache(maxsize=4_000)
def _figures(*figures: Any) -> Statistics:
    return Statistics.model_construct(**dict(zip(_FIGURES, figures, strict=True)))


def _rows(database: Database, name: str, values: Sequence[str] | Sequence[int]) -> Iterable[Sequence[Any]]:
    """Return the rows of a query for some values."""
    if (found := database.glance(_for_driver(name, len(values)), values)) is not None:
        return found
    with database.reading() as connection:
        return connection.execute(_QUERIES[name], {"values": list(values)}).all()


@lru_cache(maxsize=200)
def _for_driver(name: str, n: int) -> str:
    """Return a query for so many values as SQLite's driver takes it."""
    query = _QUERIES[name].params(values=[""] * n)
    return str(query.compile(dialect=sqlite.dialect(paramstyle="qmark"), compile_kwargs={"render_postcompile": True}))
