"""Revoking: what rests on a revoked skill goes on trial with it, at once and however many they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from skilllib.library import ledger, tables
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
    reached = columns.code_hash.in_(sa.select(_callers({skill.code_hash for skill in revoked}).c.code_hash))
    update = sa.update(tables.versions).where(columns.status == "active", reached).values(status="trial", entry=number)
    wanted = update.returning(columns.sequence, columns.version, columns.code_hash, columns.version_hash)
    codes, hashes, edited = dict[int, str](), dict[int, str](), False
    # Row by row, and no tuple is kept: ten thousand of them would set off a collection that takes as long as all the rest.
    for sequence, version, code_hash, version_hash in connection.execute(wanted).yield_per(500):
        codes[sequence], hashes[sequence], edited = code_hash, version_hash, edited or version > 1
    if not codes:
        return
    if edited:  # else each is the first of its name, and so of its code
        codes |= {sequence: hashes[sequence] for sequence in _repeats(connection, codes)}
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


def _repeats(connection: sa.Connection, codes: Mapping[int, str]) -> Iterator[int]:
    """Yield the sequence numbers of versions whose code an earlier version has: the ledger calls them by their version hash."""
    columns = tables.versions.c
    first = sa.select(columns.code_hash, sa.func.min(columns.sequence)).group_by(columns.code_hash).having(sa.func.count() > 1)
    shared = {code_hash: sequence for code_hash, sequence in connection.execute(first)}
    yield from (sequence for sequence, code_hash in codes.items() if shared.get(code_hash, sequence) != sequence)


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
