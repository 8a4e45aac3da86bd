"""The ledger: append-only, hash-chained. Nothing becomes active except through it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from pydantic import ValidationError

from skilllib.errors import InvalidRecord, LibraryDamaged
from skilllib.library import store, tables
from skilllib.records.base import content_hash
from skilllib.records.ledger import Change, Decision, LedgerEntry
from skilllib.records.skill import Status

FIRST = "0" * 64
"""What the first entry has as the hash of the one before it."""
ACTIVATING = frozenset({"activate", "edit", "merge"})


def append(connection: sa.Connection, change: Change, decision: Decision) -> LedgerEntry:
    """Add an entry at the end of the chain."""
    table = tables.ledger
    last = connection.execute(sa.select(table.c.number, table.c.hash).order_by(table.c.number.desc()).limit(1)).first()
    number, previous = (last[0] + 1, last[1]) if last else (1, FIRST)
    entry = LedgerEntry(
        number=number, change=change, decision=decision, previous=previous, hash=entry_hash(number, change, decision, previous)
    )
    texts = {"change": store.written(change)[0], "decision": store.written(decision)[0]}
    connection.execute(
        sa.insert(table), {"number": number, **texts, "previous": previous, "hash": entry.hash, "created_at": store.now()}
    )
    return entry


def entries(connection: sa.Connection) -> tuple[LedgerEntry, ...]:
    """Return all entries, oldest first.

    Raises:
        LibraryDamaged: One of them cannot be read.
    """
    table = tables.ledger
    query = sa.select(table.c.number, table.c.change, table.c.decision, table.c.previous, table.c.hash).order_by(table.c.number)
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
    content = {
        "number": number,
        "change": change.model_dump(mode="json"),
        "decision": decision.model_dump(mode="json"),
        "previous": previous,
    }
    return content_hash(content)


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
        case "create":
            return dict.fromkeys(change.targets, "trial")
    raise InvalidRecord(f"a change of kind {change.kind!r} cannot be promoted yet; only recorded as rejected")


def replay(chain: Iterable[LedgerEntry]) -> Mapping[str, Status]:
    """Return the status of every skill that follows from the ledger alone."""
    statuses: dict[str, Status] = {}
    been_active: set[str] = set()
    for entry in chain:
        if entry.change.kind == "create":
            statuses.update(dict.fromkeys(entry.change.targets, "trial"))
        after = transitions(entry.change, entry.decision, been_active)
        statuses.update(after)
        been_active.update(target for target, status in after.items() if status == "active")
    return statuses


def been_active(chain: Iterable[LedgerEntry]) -> set[str]:
    """Return the code hashes of all skills that were ever active."""
    return {
        entry.change.targets[0]
        for entry in chain
        if entry.decision.outcome == "promote" and entry.change.kind in ACTIVATING and entry.change.targets
    }
