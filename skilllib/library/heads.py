"""Heads: what a skill says of itself besides what it is, which no hash covers; what a head was is kept in the ledger."""

from __future__ import annotations

import sqlalchemy as sa

from skilllib.errors import InvalidRecord
from skilllib.library import ledger, store, tables
from skilllib.records.base import Json
from skilllib.records.ledger import Change, Decision, Edit
from skilllib.records.skill import Skill

NEW_HEAD = "head"
"""Code of the decision that gives a skill on trial another head."""
_LOCAL = {"run", "merged_from", "frontmatter"}
"""Parts of where a skill comes from that belong to one library, or are looked at one by one."""


def head(skill: Skill) -> dict[str, Json]:
    """Return the description and the fields of the folder a skill was imported from."""
    return {**skill.provenance.frontmatter, "description": skill.description}


def differences(one: Skill, other: Skill) -> dict[str, tuple[Json, Json]]:
    """Return what two skills of the same hashes say otherwise of themselves: field → its value in both, None for none."""
    said = [
        {
            **head(skill),
            "environment": skill.environment,
            **{f"origin.{name}": value for name, value in skill.provenance.model_dump(mode="json", exclude=_LOCAL).items()},
        }
        for skill in (one, other)
    ]
    names = sorted(said[0].keys() | said[1].keys())
    return {name: (said[0].get(name), said[1].get(name)) for name in names if said[0].get(name) != said[1].get(name)}


def replace(connection: sa.Connection, old: Skill, new: Skill, *, proposer: str, rationale: str) -> Skill:
    """Give a skill on trial the head of another of the same hashes; the ledger keeps both. Where it comes from stays.

    Raises:
        InvalidRecord: They are not of the same hashes, or it is not on trial: what is active was judged with its head.
    """
    if old.version_hash != new.version_hash:
        raise InvalidRecord(f"a head is given to the very same skill; {new.name!r} is another one")
    if old.status != "trial":
        raise InvalidRecord(f"{old.name!r} (version {old.version}) is {old.status}; only a skill on trial may get another head")
    before, after = head(old), head(new)
    names = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    if not names:
        return old
    provenance = old.provenance.model_copy(update={"frontmatter": new.provenance.frontmatter})
    kept = old.model_copy(update={"description": new.description, "provenance": provenance})
    change = Change(
        kind="edit",
        targets=(ledger.target(connection, old),),
        base=old.version_hash,
        edits=tuple(Edit(field=name, value=[before.get(name), after.get(name)]) for name in names),
        rationale=rationale,
        proposer=proposer,
    )
    reason = f"says otherwise of itself: {', '.join(names)}; needs a proof as before"
    ledger.append(connection, change, Decision(outcome="need_more", codes=("trial", NEW_HEAD), reason=reason))
    versions, records = tables.versions.c, tables.records
    sequence = sa.select(versions.sequence).where(versions.version_hash == old.version_hash).scalar_subquery()
    text, check = store.written(kept)
    store.change(connection, records, records.c.sequence == sequence, record=text, digest=check)
    return kept
