"""Revoking: what rests on a revoked skill goes on trial with it, at once and however many they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa

from skilllib.library import ledger, store, tables
from skilllib.records.execution import Attempt
from skilllib.records.ledger import Change, Decision, LedgerEntry
from skilllib.records.skill import Skill

REVOKED = "callee_revoked"
"""Code of the decision that puts the callers of a revoked skill on trial."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Revocation:
    """What was revoked, and what it had reached."""

    skill: Skill
    entry: LedgerEntry
    callers: tuple[str, ...]
    """The skills that call it, directly or not, and were active, by their hashes in the ledger; they are on trial now."""
    runs: tuple[str, ...]
    """Names of the runs in which it was executed, in the order they began."""
    traces: tuple[str, ...]
    """Ids of the traces in which it was executed, in the order they were begun."""


def quarantine(connection: sa.Connection, revoked: Sequence[Skill], change: Change) -> None:
    """Put all active skills that reach a revoked one on trial, by one entry of the ledger.

    However many they are, it is one statement: the rows that it changed say which they were.
    """
    columns, number = tables.versions.c, ledger.last(connection) + 1
    callers, every = sa.select(_callers({skill.code_hash for skill in revoked}).c.code_hash), tables.versions.alias()
    # By their numbers, which are how rows lie on disk: in the order of hashes every row would be on another page.
    reached = columns.sequence.in_(sa.select(every.c.sequence).where(every.c.code_hash.in_(callers)))
    update = sa.update(tables.versions).where(columns.status == "active", reached).values(status="trial", entry=number)
    changed = connection.execute(update.returning(columns.sequence, columns.version, columns.code_hash))
    codes, edited, rows = dict[int, str](), False, cast("Iterable[tuple[int, int, str]]", changed.cursor)
    # Row by row from the driver, and no tuple is kept: what the layer between makes of ten thousand takes as long as the
    # change, and so does the collection that they would set off.
    for sequence, version, code_hash in rows:
        codes[sequence], edited = code_hash, edited or version > 1
    changed.close()
    if not codes:
        return
    if edited:  # else each is the first of its name, and so of its code
        codes |= _repeats(connection, codes)
    names = ", ".join(f"{skill.name!r} (version {skill.version})" for skill in revoked)
    ledger.append(
        connection,
        Change(
            kind="quarantine",
            targets=tuple(codes[sequence] for sequence in sorted(codes)),
            base=revoked[0].version_hash,
            rationale=change.rationale,
            proposer=change.proposer,
        ),
        Decision(
            outcome="promote",
            codes=(REVOKED,),
            figures={"skills": float(len(codes))},
            reason=f"they call {names}, which was revoked",
        ),
    )


def _callers(code_hashes: Collection[str]) -> sa.CTE:
    """Return the code hashes of what reaches one of these through calls, also through skills that are not active."""
    calls = tables.calls.c
    reached = sa.select(calls.caller.label("code_hash")).where(calls.callee.in_(code_hashes)).cte("callers", recursive=True)
    return reached.union(sa.select(calls.caller).join(reached, calls.callee == reached.c.code_hash))


def _repeats(connection: sa.Connection, codes: Mapping[int, str]) -> dict[int, str]:
    """Return the version hashes of versions whose code an earlier version has: the ledger calls them by these."""
    columns = tables.versions.c
    first = sa.select(columns.code_hash, sa.func.min(columns.sequence)).group_by(columns.code_hash).having(sa.func.count() > 1)
    shared = {code_hash: sequence for code_hash, sequence in connection.execute(first)}
    later = [sequence for sequence, code_hash in codes.items() if shared.get(code_hash, sequence) != sequence]
    wanted = sa.select(columns.sequence, columns.version_hash)
    return {row.sequence: row.version_hash for row in store.selected(connection, wanted, columns.sequence, later)}


def quarantined(connection: sa.Connection, entry: LedgerEntry) -> tuple[str, ...]:
    """Return what the entry after that of a revocation put on trial, by their hashes in the ledger."""
    following = ledger.entries(connection, tables.ledger.c.number == entry.number + 1)
    return next((after.change.targets for after in following if after.change.kind == "quarantine"), ())


def note_uses(connection: sa.Connection, trace: str, attempt: Attempt) -> None:
    """Note which skills an attempt executed, called or run as they are."""
    versions, uses = tables.versions.c, tables.uses
    root = sa.select(versions.code_hash).where(versions.version_hash == attempt.reuses)
    executed = {call.code_hash for call in attempt.execution.skill_calls}
    if attempt.reuses is not None:
        executed.update(connection.execute(root).scalars())
    known = set(connection.execute(sa.select(uses.c.code_hash).where(uses.c.trace == trace)).scalars()) if executed else set()
    if new := sorted(executed - known):
        connection.execute(sa.insert(uses), [{"code_hash": code_hash, "trace": trace} for code_hash in new])


def used_in(connection: sa.Connection, code_hash: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the runs and the ids of the traces in which a skill was executed, in the order they began."""
    uses, traces, runs = tables.uses.c, tables.traces.c, tables.runs.c
    query = sa.select(traces.trace).join(tables.uses, uses.trace == traces.trace).where(uses.code_hash == code_hash)
    ids = tuple(connection.execute(query.order_by(traces.sequence)).scalars())
    query = sa.select(runs.run).where(runs.run.in_(sa.select(traces.run).where(traces.trace.in_(ids)))).order_by(runs.sequence)
    return tuple(connection.execute(query).scalars()), ids
