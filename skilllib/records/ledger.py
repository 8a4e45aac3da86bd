"""Changes and decisions: the only way anything becomes active."""

from __future__ import annotations

from typing import Literal

from skilllib.records.base import Json, Record

ChangeKind = Literal["create", "edit", "activate", "retire", "revoke", "restore", "alias", "merge", "compile"]


class Edit(Record):
    """One typed edit of a skill's field."""

    field: str
    value: Json


class Change(Record):
    """Something that a proposer suggests for skills, with its evidence."""

    kind: ChangeKind
    targets: tuple[str, ...]
    """Code hashes of the skills it concerns."""
    base: str | None = None
    """Hash of the version it starts from."""
    edits: tuple[Edit, ...] = ()
    rationale: str = ""
    evidence: tuple[str, ...] = ()
    """Ids of the traces that speak for it."""
    proposer: str


class Decision(Record):
    """What the gate said about a change, with the figures it rests on."""

    outcome: Literal["promote", "reject", "need_more"]
    codes: tuple[str, ...] = ()
    """Machine-readable reasons, such as `lower_bound_too_low`."""
    figures: dict[str, float] = {}
    reason: str = ""


class LedgerEntry(Record):
    """One link of the append-only, hash-chained ledger."""

    number: int
    change: Change
    decision: Decision
    previous: str
    """Hash of the entry before; 64 zeros for the first."""
    hash: str
    """SHA-256 over number, change, decision and previous."""
