"""The ledger: append-only, hash-chained. Nothing becomes active except through it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import sqlalchemy as sa
from pydantic import ValidationError

from skilllib.errors import InvalidRecord, LibraryDamaged
from skilllib.library import store, tables
from skilllib.records.base import canonical
from skilllib.records.ledger import Change, Decision, LedgerEntry
from skilllib.records.skill import Skill, Status

FIRST = "0" * 64
"""What the first entry has as the hash of the one before it."""
ACTIVATING = frozenset({"activate", "edit", "merge"})


def target(connection: sa.Connection, skill: Skill) -> str:
    """Return what the ledger calls a version: its code hash, or its version hash where an earlier version has the same code."""
    columns = tables.versions.c
    first = sa.select(columns.version_hash).where(columns.code_hash == skill.code_hash).order_by(columns.sequence).limit(1)
    return skill.code_hash if connection.execute(first).scalar() in (skill.version_hash, None) else skill.version_hash


def named(target: str) -> sa.ColumnElement[bool]:
    """Return the condition of the version that the ledger calls so."""
    columns = tables.versions.c
    first = sa.select(sa.func.min(columns.sequence)).where(columns.code_hash == target).scalar_subquery()
    return sa.or_(columns.version_hash == target, columns.sequence == first)


def last(connection: sa.Connection) -> int:
    """Return the number of the last entry, 0 before the first."""
    return store.next_number(connection, tables.ledger.c.number) - 1


def append(connection: sa.Connection, change: Change, decision: Decision) -> LedgerEntry:
    """Add an entry at the end of the chain."""
    table = tables.ledger
    last = connection.execute(sa.select(table.c.number, table.c.hash).order_by(table.c.number.desc()).limit(1)).first()
    number, previous = (last[0] + 1, last[1]) if last else (1, FIRST)
    texts = {"change": store.written(change)[0], "decision": store.written(decision)[0]}
    check = _hash_of(number, texts["change"], texts["decision"], previous)
    entry = LedgerEntry(number=number, change=change, decision=decision, previous=previous, hash=check)
    connection.execute(
        sa.insert(table), {"number": number, **texts, "previous": previous, "hash": entry.hash, "created_at": store.now()}
    )
    if decision.outcome == "reject":
        _remember(connection, change.content, number)
    return entry


def _remember(connection: sa.Connection, content: str, number: int) -> None:
    table = tables.rejections
    connection.execute(sa.delete(table).where(table.c.content == content))
    connection.execute(sa.insert(table), {"content": content, "number": number})


def rejection(connection: sa.Connection, change: Change) -> LedgerEntry | None:
    """Return the last entry that rejected a change of this content, None if there is none."""
    table = tables.rejections
    number = connection.execute(sa.select(table.c.number).where(table.c.content == change.content)).scalar()
    return None if number is None else next(iter(entries(connection, tables.ledger.c.number == number)), None)


def about(connection: sa.Connection, hashes: Iterable[str]) -> tuple[LedgerEntry, ...]:
    """Return the entries that mention one of these hashes as a target, oldest first."""
    wanted = set(hashes)
    mentioned = sa.or_(sa.false(), *(tables.ledger.c.change.contains(code_hash) for code_hash in sorted(wanted)))
    return tuple(entry for entry in entries(connection, mentioned) if wanted & set(entry.change.targets))


def entries(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> tuple[LedgerEntry, ...]:
    """Return all entries that meet these conditions, oldest first.

    Raises:
        LibraryDamaged: One of them cannot be read.
    """
    table = tables.ledger
    query = sa.select(table.c.number, table.c.change, table.c.decision, table.c.previous, table.c.hash)
    query = query.where(*conditions).order_by(table.c.number)
    try:
        return tuple(
            LedgerEntry(
                number=number,
                change=Change.model_validate_json(change),
                decision=Decision.model_validate_json(decision),
                previous=previous,
                hash=check,
            )
            for number, change, decision, previous, check in connection.execute(query)
        )
    except ValidationError as error:
        raise LibraryDamaged(f"an entry of the ledger cannot be read: {error.errors()[0]['msg']}") from error


def hash_at(connection: sa.Connection, number: int) -> str | None:
    """Return the hash of an entry; that of number 0 is the chain's beginning."""
    if number == 0:
        return FIRST
    return connection.execute(sa.select(tables.ledger.c.hash).where(tables.ledger.c.number == number)).scalar()


def entry_hash(number: int, change: Change, decision: Decision, previous: str) -> str:
    """Return the hash of an entry, which covers all entries before it."""
    texts = [canonical(record.model_dump(mode="json")) for record in (change, decision)]
    return _hash_of(number, texts[0], texts[1], previous)


def _hash_of(number: int, change: str, decision: str, previous: str) -> str:
    # The canonical text of all four, put together from texts that are there already: a change may name thousands of skills.
    text = f'{{"change":{change},"decision":{decision},"number":{number},"previous":{canonical(previous)}}}'
    return store.digest(text.encode())


def broken(chain: Iterable[LedgerEntry]) -> list[int]:
    """Return the numbers of entries that do not follow from the one before or are not what was written."""
    faults, previous, expected = [], FIRST, 1
    for entry in chain:
        right = entry_hash(entry.number, entry.change, entry.decision, entry.previous) == entry.hash
        if not right or entry.previous != previous or entry.number != expected:
            faults.append(entry.number)
        previous, expected = entry.hash, entry.number + 1
    return faults


def transitions(change: Change, decision: Decision, been_active: Iterable[str]) -> dict[str, Status]:
    """Return the status that each target has after a decided change.

    A restored skill becomes active again if it ever was, else it is on trial again.

    Raises:
        InvalidRecord: Promoting this kind of change means nothing yet.
    """
    if decision.outcome != "promote":
        return {}
    first, others = change.targets[:1], change.targets[1:]
    match change.kind:
        case kind if kind in ACTIVATING:
            return {**dict.fromkeys(first, "active"), **dict.fromkeys(others, "retired")}
        case "retire":
            return dict.fromkeys(change.targets, "retired")
        case "revoke":
            return dict.fromkeys(change.targets, "revoked")
        case "restore":
            before = set(been_active)
            return {target: "active" if target in before else "trial" for target in change.targets}
        case "quarantine":
            return dict.fromkeys(change.targets, "trial")
        case "alias" | "compile":
            return {}
        case "create":
            return dict.fromkeys(change.targets, "trial")
    raise InvalidRecord(f"a change of kind {change.kind!r} cannot be promoted yet; only recorded as rejected")


class Standing(NamedTuple):
    """What the ledger makes of a version."""

    status: Status
    entry: int
    """Number of the last entry that changed its status."""


def replay(chain: Iterable[LedgerEntry]) -> Mapping[str, Standing]:
    """Return what follows from the ledger alone: version, as the ledger calls it → its status and since when."""
    found: dict[str, Standing] = {}
    been_active: set[str] = set()
    for entry in chain:
        created: dict[str, Status] = dict.fromkeys(entry.change.targets if entry.change.kind == "create" else (), "trial")
        after = transitions(entry.change, entry.decision, been_active)
        found.update((target, Standing(status, entry.number)) for target, status in {**created, **after}.items())
        been_active.update(target for target, status in after.items() if status == "active")
    return found


def been_active(connection: sa.Connection, change: Change) -> set[str]:
    """Return the targets of a change that were ever active, where that decides what they become."""
    if change.kind != "restore":
        return set()
    return {
        entry.change.targets[0]
        for entry in about(connection, change.targets)
        if entry.decision.outcome == "promote" and entry.change.kind in ACTIVATING
    }
