"""Examines a library: is what is stored what was written, and does it agree with itself?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError

from skilllib.errors import CyclicCalls, LibraryDamaged, LibraryError, ModelWeightsMissing, StorageFailed
from skilllib.library import graph as graphs
from skilllib.library import ledger as ledgers
from skilllib.library import schema, store, tables
from skilllib.library.admission import Policy
from skilllib.library.database import Database
from skilllib.library.findable import Findable
from skilllib.library.migrations import FORMAT
from skilllib.library.seal import SEAL, seal
from skilllib.records.skill import Skill, Status

_DERIVED: dict[str, Literal["vectors", "index"]] = {
    "vectors": "vectors",
    "evidence": "vectors",
    "lexicon": "index",
    "labels": "index",
}
"""Tables that `repair` makes anew."""
_TYPES = {str: ("text",), int: ("integer",), float: ("real", "integer"), bytes: ("blob",)}
"""What SQLite calls the values of a column; it keeps others too, if a flipped byte says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong with a library."""

    kind: Literal["database", "record", "ledger", "status", "tests", "calls", "vectors", "index"]
    message: str
    """What is wrong, and with which skill."""
    repairable: bool = False
    """True if it concerns only what is derived, which `repair` rebuilds."""


def examine(database: Database, findable: Findable, policy: Policy = "evidence") -> list[Problem]:
    """Return all problems, in the order of the kinds; nothing is changed."""
    try:
        with database.reading() as connection:
            return list(_examine(connection, findable, policy))
    except (LibraryDamaged, StorageFailed) as error:
        return [Problem(kind="database", message=str(error))]


def _examine(connection: sa.Connection, findable: Findable, policy: Policy) -> Iterator[Problem]:
    yield from _database(connection)
    if mistyped := list(_mistyped(connection)):
        yield from mistyped
        return  # whoever reads on takes values for what their columns say
    for table in tables.metadata.sorted_tables:
        yield from _seals(connection, table)
    skills: dict[str, Skill] = {}
    yield from _versions(connection, skills)
    yield from _ledger(connection)
    if policy == "evidence":
        yield from _untested(connection, skills)
    yield from _calls(connection, skills)
    yield from _vectors(connection, skills, findable)
    active = _active(connection)
    if (indexed := findable.indexed()) is not None and indexed != active:
        message = f"the index lacks {len(active - indexed)} active skills and holds {len(indexed - active)} others"
        yield Problem(kind="index", message=message, repairable=True)


def _database(connection: sa.Connection) -> Iterator[Problem]:
    if connection.dialect.name == "sqlite":
        for (message,) in connection.execute(sa.text("PRAGMA integrity_check")):
            if message != "ok":
                yield Problem(kind="database", message=f"SQLite finds: {message}; restore a copy")
        yield from _words(connection)
    revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    if revision != f"{FORMAT:04}":
        yield Problem(kind="database", message=f"the schema says it is of revision {revision!r}, not {FORMAT:04}; restore a copy")
    yield from (Problem(kind="database", message=message) for message in schema.faults(connection))


def _words(connection: sa.Connection) -> Iterator[Problem]:
    """Compare SQLite's index of words with the texts; it calls that an insertion."""
    try:
        with connection.begin_nested():
            connection.execute(sa.text("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)"))
    except OperationalError:
        return  # somebody is writing, or nobody may
    except (DatabaseError, UnicodeDecodeError) as error:  # the latter where SQLite's message quotes what is damaged
        why = getattr(error, "orig", error)
        yield Problem(kind="index", message=f"the index of words does not fit the texts: {why}", repairable=True)


def _mistyped(connection: sa.Connection) -> Iterator[Problem]:
    """Find values of another type than their column's, in SQLite alone: a server keeps none."""
    for table in tables.metadata.sorted_tables if connection.dialect.name == "sqlite" else ():
        wrong = (sa.func.typeof(column).not_in(_TYPES[column.type.python_type]) for column in table.columns)
        if count := connection.execute(sa.select(sa.func.count()).select_from(table).where(sa.or_(*wrong))).scalar():
            kind = _DERIVED.get(table.name)
            message = f"{table.name}: {count} rows hold a value of another type than was written"
            yield Problem(kind=kind or "record", message=message, repairable=kind is not None)


def _seals(connection: sa.Connection, table: sa.Table) -> Iterator[Problem]:
    kind = _DERIVED.get(table.name)
    for row in connection.execute(sa.select(table)).mappings():
        if seal(row) != row[SEAL]:
            where = " ".join(str(row[column.name])[:12] for column in table.primary_key.columns)
            message = f"{table.name} {where}: a value in this row is not what was written"
            yield Problem(kind=kind or "record", message=message, repairable=kind is not None)


def _versions(connection: sa.Connection, skills: dict[str, Skill]) -> Iterator[Problem]:
    table, record = tables.versions, tables.records
    query = sa.select(table, record.c.record, record.c.digest)
    query = query.outerjoin(record, record.c.sequence == table.c.sequence).order_by(table.c.sequence)
    for row in connection.execute(query).mappings():
        label = f"{row['name']!r} (version {row['version']}, {row['code_hash'][:12]})"
        try:
            skill = store.read(Skill, row["record"] or "", row["digest"] or "")
        except LibraryError as error:
            yield Problem(kind="record", message=f"{label}: {error}")
            continue
        stored = (row["name"], row["version"], row["code_hash"], row["version_hash"])
        if stored != (skill.name, skill.version, skill.code_hash, skill.version_hash):
            yield Problem(kind="record", message=f"{label}: its contents have other hashes than it is stored under")
            continue
        if row["status"] not in get_args(Status):
            yield Problem(kind="status", message=f"{label} is {row['status']!r}, which is no status")
            continue
        skill = skill.model_copy(update={"status": row["status"]})
        skills[skill.code_hash] = store.farthest([skill, skills.get(skill.code_hash, skill)])


def _ledger(connection: sa.Connection) -> Iterator[Problem]:
    try:
        chain = ledgers.entries(connection)
    except LibraryDamaged as error:
        yield Problem(kind="ledger", message=str(error))
        return
    for number in ledgers.broken(chain):
        yield Problem(kind="ledger", message=f"entry {number} of the ledger is not what was written, or one before it is gone")
    follows = ledgers.replay(chain)
    columns = tables.versions.c
    query = sa.select(columns.code_hash, columns.version_hash, columns.name, columns.status, columns.entry)
    stored: set[str] = set()
    for code_hash, version_hash, name, *standing in connection.execute(query.order_by(columns.sequence)):
        target = version_hash if code_hash in stored else code_hash
        stored.add(target)
        due = follows.get(target)
        if due is None or tuple(standing) != due:
            status = f"{standing[0]} since entry {standing[1]}"
            message = (
                f"{name!r} ({target[:12]}) is {status}, the ledger makes it {f'{due[0]} since {due[1]}' if due else 'nothing'}"
            )
            yield Problem(kind="status", message=message)
    for target in follows.keys() - stored:
        yield Problem(kind="status", message=f"the ledger speaks of {target[:12]}, which is not stored")


def _untested(connection: sa.Connection, skills: dict[str, Skill]) -> Iterator[Problem]:
    tested = set(connection.execute(sa.select(tables.tests.c.code_hash).distinct()).scalars())
    for skill in skills.values():
        if skill.status == "active" and skill.code_hash not in tested:
            yield Problem(kind="tests", message=f"{skill.name!r} (version {skill.version}) is active and keeps no test")


def _calls(connection: sa.Connection, skills: dict[str, Skill]) -> Iterator[Problem]:
    stored: dict[str, set[tuple[str, str]]] = {}
    for caller, name, callee in connection.execute(sa.select(tables.calls.c.caller, tables.calls.c.name, tables.calls.c.callee)):
        stored.setdefault(caller, set()).add((name, callee))
    for skill in skills.values():
        label = f"{skill.name!r} (version {skill.version})"
        if stored.get(skill.code_hash, set()) != {(callee.name, callee.code_hash) for callee in skill.calls}:
            yield Problem(kind="calls", message=f"the stored calls of {label} are not those of its record")
        for callee in skill.calls:
            if (found := skills.get(callee.code_hash)) is None:
                yield Problem(kind="calls", message=f"{label} calls {callee.name!r}, which is not stored")
            elif skill.status == "active" and found.status in ("trial", "revoked"):
                yield Problem(kind="calls", message=f"{label} is active and calls {callee.name!r}, which is {found.status}")
    try:
        graphs.ordered({code_hash: skill for code_hash, skill in skills.items()})
    except CyclicCalls as error:
        yield Problem(kind="calls", message=str(error))


def _vectors(connection: sa.Connection, skills: dict[str, Skill], findable: Findable) -> Iterator[Problem]:
    try:
        fingerprint = findable.embedder.fingerprint
    except ModelWeightsMissing as error:
        yield Problem(kind="vectors", message=str(error))
        return
    table = tables.vectors
    # One of a text that was derived otherwise is stale, not lost: the next search computes it anew.
    query = sa.select(table.c.code_hash).where(table.c.fingerprint.startswith(fingerprint, autoescape=True))
    embedded = set(connection.execute(query).scalars())
    for skill in skills.values():
        if skill.status == "active" and skill.code_hash not in embedded:
            message = f"{skill.name!r} (version {skill.version}) has no vector by the present embedder"
            yield Problem(kind="vectors", message=message, repairable=True)


def _active(connection: sa.Connection) -> set[str]:
    columns = tables.versions.c
    return set(connection.execute(sa.select(columns.code_hash).where(columns.status == "active")).scalars())
