"""Versions and their records lie under one number: what is read with every look-up is fewer trees away."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from skilllib.library.seal import seal

revision = "0004"
down_revision = "0003"

_CHUNK = 1000
_VERSIONS = """
CREATE TABLE numbered_versions (
    sequence INTEGER NOT NULL, version_hash VARCHAR(64) NOT NULL, code_hash VARCHAR(64) NOT NULL, name VARCHAR NOT NULL,
    version INTEGER NOT NULL, status VARCHAR NOT NULL, entry INTEGER NOT NULL, created_at VARCHAR NOT NULL,
    seal VARCHAR(64) DEFAULT '' NOT NULL,
    PRIMARY KEY (sequence), UNIQUE (version_hash), UNIQUE (name, version)
)
"""
_RECORDS = """
CREATE TABLE numbered_records (
    sequence INTEGER NOT NULL, record TEXT NOT NULL, digest VARCHAR(64) NOT NULL, seal VARCHAR(64) DEFAULT '' NOT NULL,
    PRIMARY KEY (sequence)
)
"""
_STATISTICS = """
CREATE TABLE keyed_statistics (
    code_hash VARCHAR(64) NOT NULL, retrieved INTEGER NOT NULL, called INTEGER NOT NULL, solved INTEGER NOT NULL,
    failed INTEGER NOT NULL, trials INTEGER NOT NULL, successes INTEGER NOT NULL, lower_bound FLOAT NOT NULL,
    world_steps FLOAT NOT NULL, tokens INTEGER DEFAULT '0' NOT NULL, usd FLOAT DEFAULT '0' NOT NULL,
    seal VARCHAR(64) DEFAULT '' NOT NULL,
    PRIMARY KEY (code_hash)
) WITHOUT ROWID
"""


def upgrade() -> None:
    """Number the records as the versions are numbered, and seal them again.

    A record of no version is damage; it is kept under a number below zero, for the doctor and whoever repairs it.
    """
    op.execute(_RECORDS)
    number = "COALESCE(versions.sequence, -ROW_NUMBER() OVER (ORDER BY records.version_hash))"
    joined = "records LEFT JOIN versions ON versions.version_hash = records.version_hash"
    op.execute(f"INSERT INTO numbered_records SELECT {number}, record, digest, records.seal FROM {joined}")
    op.drop_table("records")
    op.rename_table("numbered_records", "records")
    if op.get_bind().dialect.name == "sqlite":
        _replaced("versions", _VERSIONS, "numbered_versions")
        op.create_index("ix_versions_code_hash", "versions", ["code_hash"])
        active = sa.text("status = 'active'")
        op.create_index("one_active_version", "versions", ["name"], unique=True, sqlite_where=active)
        _replaced("statistics", _STATISTICS, "keyed_statistics")
    else:
        op.execute("ALTER INDEX numbered_records_pkey RENAME TO records_pkey")
        op.execute("ALTER TABLE versions DROP CONSTRAINT versions_pkey, DROP CONSTRAINT versions_sequence_key")
        op.execute("ALTER TABLE versions ADD PRIMARY KEY (sequence), ADD UNIQUE (version_hash)")
    _seal()


def _replaced(name: str, made: str, under: str) -> None:
    op.execute(made)
    columns = ", ".join(column["name"] for column in sa.inspect(op.get_bind()).get_columns(under))
    op.execute(f"INSERT INTO {under} ({columns}) SELECT {columns} FROM {name}")
    op.drop_table(name)
    op.rename_table(under, name)


def _seal() -> None:
    """Seal the records anew, but for those whose seal was broken: theirs stays broken."""
    connection = op.get_bind()
    records = sa.table("records", *map(sa.column, ("sequence", "record", "digest", "seal")))
    versions = sa.table("versions", *map(sa.column, ("sequence", "version_hash")))
    update = sa.update(records).where(records.c.sequence == sa.bindparam("number")).values(seal=sa.bindparam("new"))
    read = sa.select(records, versions.c.version_hash).join_from(
        records, versions, versions.c.sequence == records.c.sequence, isouter=True
    )
    read = read.where(records.c.sequence > sa.bindparam("last")).order_by(records.c.sequence).limit(_CHUNK)
    last = -sys.maxsize
    while rows := connection.execute(read, {"last": last}).mappings().all():
        connection.execute(update, [{"number": row["sequence"], "new": _sealed(row)} for row in rows])
        last = rows[-1]["sequence"]


def _sealed(row: Mapping[Any, Any]) -> str:
    was = seal({name: row[name] for name in ("version_hash", "record", "digest")})
    return seal({name: row[name] for name in ("sequence", "record", "digest")}) if was == row["seal"] else ""
