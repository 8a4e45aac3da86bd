"""Other names: a skill is found by them as long as no skill bears them."""

from __future__ import annotations

import json

import sqlalchemy as sa

from skilllib.errors import InvalidRecord
from skilllib.library import tables
from skilllib.records.ledger import Change
from skilllib.records.naming import look_alike, refuse_name
from skilllib.records.skill import Skill


def give(connection: sa.Connection, change: Change, skill: Skill) -> None:
    """Give a skill the name that a change asks for.

    Raises:
        InvalidRecord: The change names none, or one that no skill can have, is a skill's own or looks like one, is a primitive, or
            is another skill's and the change does not take it from that one by an edit of `instead_of`.
    """
    name, taken_from = (
        next((edit.value for edit in change.edits if edit.field == field), None) for field in ("name", "instead_of")
    )
    if not isinstance(name, str):
        raise InvalidRecord(f"an alias needs an edit of `name` to a public Python identifier, not {name!r}")
    refuse_name(name)
    columns, table = tables.versions.c, tables.aliases
    if connection.execute(sa.select(columns.name).where(columns.name == name)).first():
        raise InvalidRecord(f"{name!r} is a skill's own name; choose another one for {skill.name!r}")
    others = connection.execute(sa.select(columns.name).where(columns.status == "active", columns.name != skill.name)).scalars()
    if alike := next((other for other in others if look_alike(name, other)), None):
        raise InvalidRecord(f"{name!r} looks like {alike!r}, another skill; choose another one for {skill.name!r}")
    if caller := _calling_primitive(connection, name):
        raise InvalidRecord(f"{name!r} is a primitive, which {caller!r} calls; choose another name for {skill.name!r}")
    if (holder := meant(connection, name)) not in (None, skill.name, taken_from):
        remedy = f"skilllib alias {name} {skill.name} --move"
        raise InvalidRecord(f"{name!r} is another name of {holder!r} already; to give it to {skill.name!r} instead: {remedy}")
    connection.execute(sa.delete(table).where(table.c.name == name))
    connection.execute(sa.insert(table), {"name": name, "skill": skill.name})


def meant(connection: sa.Connection, alias: str) -> str | None:
    """Return the name of the skill that another name stands for; None if it stands for none."""
    return connection.execute(sa.select(tables.aliases.c.skill).where(tables.aliases.c.name == alias)).scalar()


def _calling_primitive(connection: sa.Connection, name: str) -> str | None:
    """Return a skill that calls a primitive of a name; programs would mean that skill by it, if it became a skill's name."""
    columns = tables.records.c
    written = connection.execute(sa.select(columns.record).where(columns.record.contains(f'"{name}"', autoescape=True))).scalars()
    skills = (json.loads(record) for record in written)
    return next((skill["name"] for skill in skills if name in skill["contract"]["capabilities"]), None)
