"""Changes and decisions: the only way anything becomes active."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from skilllib.records.base import Json, Record, content_hash

ChangeKind = Literal["create", "edit", "activate", "retire", "revoke", "quarantine", "restore", "alias", "merge", "compile"]


class Edit(Record):
    """One typed edit of a skill's field."""

    field: str
    value: Json


class Change(Record):
    """Something that a proposer suggests for skills, with its evidence."""

    kind: ChangeKind
    targets: tuple[str, ...]
    """Code hashes of the skills it concerns; the version hash of one that differs in its text alone from an earlier one."""
    base: str | None = None
    """Hash of the version it starts from."""
    edits: tuple[Edit, ...] = ()
    rationale: str = ""
    evidence: tuple[str, ...] = ()
    """Ids of the traces that speak for it."""
    proposer: str
    keep: tuple[str, ...] = ()
    """Code hashes of callers that go on with the version they call, though another takes its place."""

    @property
    def content(self) -> str:
        """SHA-256 of what is suggested, whoever suggests it and on whatever evidence."""
        return content_hash(self.model_dump(mode="json", include={"kind", "targets", "base", "edits", "keep"}))

    @model_serializer(mode="wrap")
    def _as_ever(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # An entry of the ledger is hashed as it was written, also where that was before a field came to be.
        return {name: value for name, value in handler(self).items() if name != "keep" or value}


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
