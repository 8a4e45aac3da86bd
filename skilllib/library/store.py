"""Rows ↔ records. Every function works within the transaction of the connection it is given."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
import sqlalchemy as sa
from pydantic import ValidationError

from skilllib.errors import InvalidRecord, LibraryDamaged
from skilllib.library import tables
from skilllib.library.seal import SEAL, seal
from skilllib.protocols import Vectors
from skilllib.records.base import Record, canonical
from skilllib.records.program import STORED
from skilllib.records.skill import Effect, KeptTest, Resource, Skill, Statistics, Status

R = TypeVar("R", bound=Record)
_CHUNK = 500
"""Values in one `IN (…)`; SQLite's own limit is far higher, but a statement per size is compiled."""


class Row(NamedTuple):
    """A skill version and where the ledger last touched it."""

    skill: Skill
    entry: int


def now() -> str:
    """Return the time for a column that no hash covers."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def written(record: Record) -> tuple[str, str]:
    """Return a record's text and its digest. NaN and infinities become null, as JSON has none.

    Raises:
        InvalidRecord: It holds something JSON cannot, such as half of a surrogate pair.
    """
    try:
        text = canonical(record.model_dump(mode="json"))
        return text, digest(text.encode())
    except ValueError as error:
        raise InvalidRecord(f"a {type(record).__name__} cannot be stored: {error}") from error


def digest(data: bytes) -> str:
    """Return the SHA-256 of stored bytes."""
    return hashlib.sha256(data).hexdigest()


def read(kind: type[R], text: str, expected: str) -> R:
    """Return the record of a row.

    Raises:
        LibraryDamaged: The text is not what was written.
    """
    if digest(text.encode("utf-8", "surrogatepass")) != expected:
        raise LibraryDamaged(f"a stored {kind.__name__} is not what was written; look closer with `skilllib doctor`")
    try:
        return kind.model_validate_json(text, context=STORED)
    except ValidationError as error:
        raise LibraryDamaged(f"a stored {kind.__name__} cannot be read: {error.errors()[0]['msg']}") from error


# ---- versions


def add_version(connection: sa.Connection, skill: Skill, entry: int) -> None:
    """Store a version, with its calls and empty statistics where it is the first of its code."""
    known = by_hash(connection, [skill.code_hash])
    text, check = written(skill.model_copy(update={"status": "trial"}))
    sequence = next_number(connection, tables.versions.c.sequence)
    connection.execute(
        sa.insert(tables.versions),
        {
            "sequence": sequence,
            "version_hash": skill.version_hash,
            "code_hash": skill.code_hash,
            "name": skill.name,
            "version": skill.version,
            "status": skill.status,
            "entry": entry,
            "created_at": now(),
        },
    )
    connection.execute(sa.insert(tables.records), {"sequence": sequence, "record": text, "digest": check})
    if known:
        return
    if skill.calls:
        connection.execute(
            sa.insert(tables.calls),
            [{"caller": skill.code_hash, "name": callee.name, "callee": callee.code_hash} for callee in skill.calls],
        )
    connection.execute(sa.insert(tables.statistics), {"code_hash": skill.code_hash, **Statistics().model_dump()})


def add_new(connection: sa.Connection, items: Sequence[tuple[Skill, Sequence[KeptTest]]], entry: int) -> None:
    """Store first versions of new names, on trial and with their tests: many rows with few statements."""
    first, moment = next_number(connection, tables.versions.c.sequence), now()
    rows: dict[sa.Table, list[dict[str, Any]]] = {table: [] for table in _OF_A_VERSION}
    for sequence, (skill, kept) in enumerate(items, first):
        key, code = {"sequence": sequence}, {"code_hash": skill.code_hash}
        text, check = written(skill.model_copy(update={"version": 1, "status": "trial"}))
        version = {**key, **code, "version_hash": skill.version_hash, "name": skill.name, "version": 1, "status": "trial"}
        rows[tables.versions].append({**version, "entry": entry, "created_at": moment})
        rows[tables.records].append({**key, "record": text, "digest": check})
        rows[tables.calls] += [{"caller": skill.code_hash, "name": one.name, "callee": one.code_hash} for one in skill.calls]
        rows[tables.statistics].append({**code, **Statistics().model_dump()})
        texts = {check: text for text, check in map(written, kept)}
        rows[tables.tests] += [{**code, "number": n, "record": t, "digest": d} for n, (d, t) in enumerate(texts.items(), 1)]
    for table, values in rows.items():
        if values:
            connection.execute(sa.insert(table), values)


_OF_A_VERSION = (tables.versions, tables.records, tables.calls, tables.statistics, tables.tests)


def selected(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], wanted: Iterable[str] | Iterable[int]
) -> Iterator[sa.Row[Any]]:
    """Yield the rows of a query in which a column has one of many values."""
    values = sorted(wanted)
    for start in range(0, len(values), _CHUNK):
        yield from connection.execute(query.where(column.in_(values[start : start + _CHUNK])))


def set_status(connection: sa.Connection, skill: Skill, status: Status, entry: int) -> None:
    """Change the status of a version."""
    table = tables.versions
    connection.execute(sa.update(table).where(table.c.version_hash == skill.version_hash).values(status=status, entry=entry))


def _identities() -> sa.Select[Any]:
    columns, record = tables.versions.c, tables.records.c
    nothing: sa.ColumnElement[str] = sa.literal_column("''", sa.String)
    # A record that was lost is damage, no absence.
    text, check = (sa.func.coalesce(column, nothing) for column in (record.record, record.digest))
    query = sa.select(text, check, columns.status, columns.version_hash, columns.code_hash)
    return query.outerjoin_from(tables.versions, tables.records, record.sequence == columns.sequence)


# Queries that every look-up asks are put together once: that takes longer than the answer.
IDENTITIES = _identities()
_ROWS = IDENTITIES.add_columns(tables.versions.c.entry).order_by(tables.versions.c.sequence)
_KEYS: sa.BindParameter[Any] = sa.bindparam("keys", expanding=True)
_BY_HASH = _ROWS.where(tables.versions.c.code_hash.in_(_KEYS))
_VECTORS = sa.select(tables.vectors.c.code_hash, tables.vectors.c.vector, tables.vectors.c.digest).where(
    tables.vectors.c.fingerprint == sa.bindparam("by"), tables.vectors.c.code_hash.in_(_KEYS)
)


def rows(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Row]:
    """Return the versions that meet all conditions, in the order they were admitted."""
    return [Row(_skill(*identity), entry) for *identity, entry in connection.execute(_ROWS.where(*conditions))]


def by_hash(connection: sa.Connection, hashes: Iterable[str]) -> dict[str, Skill]:
    """Return the versions of these code hashes; unknown ones are left out.

    Of versions that differ in their text alone it is the one that has got farthest: the code is what counts here.
    """
    wanted, found = list(dict.fromkeys(hashes)), dict[str, Skill]()
    for start in range(0, len(wanted), _CHUNK):
        for *identity, _ in connection.execute(_BY_HASH, {"keys": wanted[start : start + _CHUNK]}):
            skill = _skill(*identity)
            known = found.get(skill.code_hash)
            found[skill.code_hash] = skill if known is None else farthest([known, skill])
    return {code_hash: found[code_hash] for code_hash in wanted if code_hash in found}


def farthest(skills: Sequence[Skill]) -> Skill:
    """Return the active one of versions of one code, else the newest that was active, else the newest."""
    return max(skills, key=lambda skill: progress(skill.status, skill.version))


def progress(status: Status, version: int) -> tuple[int, int]:
    """Return by what versions of one code are ordered: the largest has got farthest."""
    order: tuple[Status, ...] = ("revoked", "trial", "retired", "active")
    return order.index(status), version


@lru_cache(maxsize=4_000)
def read_skill(record: str, check: str, status: Status) -> Skill:
    """Return the skill of a record; its hashes are not computed.

    Raises:
        LibraryDamaged: It is not what was written.
    """
    skill = read(Skill, record, check)
    vars(skill)["status"] = status  # of a record that nobody has yet: a copy would take as long as a third of the reading
    return skill


@lru_cache(maxsize=4_000)
def _skill(record: str, check: str, status: Status, version_hash: str, code_hash: str) -> Skill:
    # Cached by content, so what is verified once is verified for every row that holds the same text.
    skill = read_skill(record, check, status)
    if skill.version_hash != version_hash or skill.code_hash != code_hash:
        raise LibraryDamaged(f"the stored skill {skill.name!r} does not have the hash it is stored under; see `skilllib doctor`")
    return skill


# ---- what hangs on a code hash


def add_tests(connection: sa.Connection, code_hash: str, tests: Sequence[KeptTest]) -> None:
    """Keep tests with a skill; one that is kept already is not kept twice."""
    table = tables.tests
    kept = set(connection.execute(sa.select(table.c.digest).where(table.c.code_hash == code_hash)).scalars())
    for test in tests:
        text, check = written(test)
        if check not in kept:
            kept.add(check)
            number = next_number(connection, table.c.number, table.c.code_hash == code_hash)
            connection.execute(sa.insert(table), {"code_hash": code_hash, "number": number, "record": text, "digest": check})


def replace_effects(connection: sa.Connection, code_hash: str, effects: Sequence[Effect]) -> None:
    """Store what a skill was measured to do, instead of what was measured before."""
    connection.execute(sa.delete(tables.effects).where(tables.effects.c.code_hash == code_hash))
    texts = [written(effect) for effect in effects]
    if texts:
        connection.execute(
            sa.insert(tables.effects),
            [{"code_hash": code_hash, "number": i, "record": text, "digest": check} for i, (text, check) in enumerate(texts, 1)],
        )


def tests_of(connection: sa.Connection, code_hash: str) -> tuple[KeptTest, ...]:
    """Return the tests kept with a skill, in the order they were added."""
    return _hanging(connection, tables.tests, KeptTest, code_hash)


def effects_of(connection: sa.Connection, code_hash: str) -> tuple[Effect, ...]:
    """Return what a skill was measured to do."""
    return _hanging(connection, tables.effects, Effect, code_hash)


def _hanging(connection: sa.Connection, table: sa.Table, kind: type[R], code_hash: str) -> tuple[R, ...]:
    query = sa.select(table.c.record, table.c.digest).where(table.c.code_hash == code_hash).order_by(table.c.number)
    return tuple(read(kind, text, check) for text, check in connection.execute(query))


def add_resources(connection: sa.Connection, version_hash: str, resources: Sequence[Resource]) -> None:
    """Keep the further files of a version's folder."""
    rows = [{"version_hash": version_hash, "path": one.path, "data": one.data, "digest": digest(one.data)} for one in resources]
    if rows:
        connection.execute(sa.insert(tables.resources), rows)


def resources_of(connection: sa.Connection, version_hash: str) -> tuple[Resource, ...]:
    """Return the further files of a version's folder, by path.

    Raises:
        LibraryDamaged: One is not what was written.
    """
    table = tables.resources.c
    query = sa.select(table.path, table.data, table.digest).where(table.version_hash == version_hash).order_by(table.path)
    found = []
    for path, data, check in connection.execute(query):
        if digest(data) != check:
            raise LibraryDamaged(f"the stored file {path!r} is not what was written; look closer with `skilllib doctor`")
        found.append(Resource(path=path, data=bytes(data)))
    return tuple(found)


def statistics_of(connection: sa.Connection, code_hash: str) -> Statistics:
    """Return what was counted of a skill."""
    columns = [tables.statistics.c[name] for name in Statistics.model_fields]
    row = connection.execute(sa.select(*columns).where(tables.statistics.c.code_hash == code_hash)).mappings().first()
    return Statistics(**row) if row else Statistics()


def statistics_of_many(connection: sa.Connection, code_hashes: Iterable[str]) -> dict[str, Statistics]:
    """Return code hash → what was counted of it."""
    wanted = dict.fromkeys(code_hashes)
    columns = [tables.statistics.c[name] for name in ("code_hash", *Statistics.model_fields)]
    found = {}
    for start in range(0, len(wanted), _CHUNK):
        chunk = list(wanted)[start : start + _CHUNK]
        for row in connection.execute(sa.select(*columns).where(tables.statistics.c.code_hash.in_(chunk))).mappings():
            found[row["code_hash"]] = Statistics(**{key: value for key, value in row.items() if key != "code_hash"})
    return {code_hash: found.get(code_hash, Statistics()) for code_hash in wanted}


def count(connection: sa.Connection, code_hash: str, added: Mapping[str, float]) -> None:
    """Add to counters of a skill."""
    known = statistics_of(connection, code_hash).model_dump()
    set_figures(connection, code_hash, {name: known[name] + number for name, number in added.items()})


def set_figures(connection: sa.Connection, code_hash: str, figures: Mapping[str, float]) -> None:
    """Set figures of a skill."""
    change(connection, tables.statistics, tables.statistics.c.code_hash == code_hash, **figures)


# ---- vectors


def add_vectors(connection: sa.Connection, fingerprint: str, keys: Sequence[str], vectors: Vectors) -> None:
    """Store the vectors of skills, in place of earlier ones by the same embedder."""
    data = [np.ascontiguousarray(vector, dtype="<f4").tobytes() for vector in vectors]
    table = tables.vectors
    for key, blob in zip(keys, data, strict=True):
        connection.execute(sa.delete(table).where(table.c.code_hash == key, table.c.fingerprint == fingerprint))
        connection.execute(sa.insert(table), {"code_hash": key, "fingerprint": fingerprint, "vector": blob, "digest": digest(blob)})


def vectors_of(connection: sa.Connection, fingerprint: str, keys: Iterable[str]) -> dict[str, Vectors]:
    """Return the stored vectors of these skills by this embedder; those without one, or with a damaged one, are left out."""
    wanted, found = list(keys), {}
    for start in range(0, len(wanted), _CHUNK):
        for key, blob, check in connection.execute(_VECTORS, {"by": fingerprint, "keys": wanted[start : start + _CHUNK]}):
            if digest(blob) == check:
                found[key] = np.frombuffer(blob, dtype="<f4").astype(np.float32, copy=False)
    return found


# ---- meta


_META = sa.select(tables.meta.c.value).where(tables.meta.c.key == sa.bindparam("key"))


def get_meta(connection: sa.Connection, key: str) -> str | None:
    """Return a value about the library itself."""
    return connection.execute(_META, {"key": key}).scalar()


def identity(connection: sa.Connection) -> str:
    """Return what tells this library from every other one, wherever it lies."""
    return get_meta(connection, "identity") or ""


def set_meta(connection: sa.Connection, key: str, value: str) -> None:
    """Set a value about the library itself that is there from the beginning."""
    change(connection, tables.meta, tables.meta.c.key == key, value=value)


# ---- rows


def change(connection: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool], **values: Any) -> None:
    """Set values of the rows of a table that meet a condition, and seal them again. The only way a row changes."""
    for row in connection.execute(sa.select(table).where(which)).mappings().all():
        key = [column == row[column.name] for column in table.primary_key.columns]
        connection.execute(sa.update(table).where(*key).values({**values, SEAL: seal({**row, **values})}))


def next_number(connection: sa.Connection, column: sa.Column[Any], *conditions: sa.ColumnElement[bool]) -> int:
    """Return one more than the largest number so far, 1 for the first."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(column), 0)).where(*conditions)).scalar_one()) + 1
