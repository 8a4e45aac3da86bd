"""What was rejected is remembered by what it says, as long as the reason for it is there."""

from __future__ import annotations

import sqlalchemy as sa

from skilllib.library import ledger, relinking, store, tables
from skilllib.records.execution import Proof
from skilllib.records.ledger import Change, Decision, Edit, LedgerEntry

CALLER = "caller"
"""Field of the edit by which a change that failed for a caller says what that caller would have become: its code hash.

The hash covers the caller's source and all that it calls, so the same change is another one when the caller is."""
DUPLICATE = "duplicate"
"""First code of a rejection for an active skill that does the same; the kind of likeness and that skill's code hash follow."""


def reasoned(change: Change, decision: Decision, proof: Proof | None) -> Change:
    """Return a change as it is remembered: one that is rejected for a caller names what that would have become."""
    if decision.outcome != "reject" or proof is None or proof.accepted or not proof.callers:
        return change
    failed = proof.callers[-1]  # the first that does not pass is the last that is looked at
    return change.model_copy(update={"edits": (*change.edits, Edit(field=CALLER, value=failed.new))})


def standing(connection: sa.Connection, change: Change, *, follow: bool) -> LedgerEntry | None:
    """Return the last entry that rejected a change of this content for a reason that holds; None if there is none.

    Args:
        connection: The library.
        change: With the callers that somebody wants to keep the version they call.
        follow: Whether callers follow what takes the place of what they call.
    """
    entry = ledger.rejection(connection, change)
    if entry is not None and _holds(connection, entry):
        return entry
    if not follow or change.kind not in {*ledger.ACTIVATING, "restore"}:
        return None
    skill = store.rows(connection, ledger.named(change.targets[0]))[0].skill
    plan = relinking.update(connection, skill, keep=change.keep)
    keep = tuple(dict.fromkeys([*change.keep, *(caller.code_hash for caller in plan.kept)]))
    for relink in plan.callers:
        edits = (*change.edits, Edit(field=CALLER, value=relink.new.code_hash))
        entry = ledger.rejection(connection, change.model_copy(update={"keep": keep, "edits": edits}))
        if entry is not None:
            return entry
    return None


def _holds(connection: sa.Connection, entry: LedgerEntry) -> bool:
    """Return whether a skill that did the same is still active; an entry that blames a caller without naming it holds never."""
    codes = entry.decision.codes
    if codes[:1] == (DUPLICATE,) and len(codes) > 2:
        columns = tables.versions.c
        query = sa.select(columns.name).where(columns.code_hash == codes[2], columns.status == "active")
        return connection.execute(query).first() is not None
    return "caller_fails" not in codes
