"""The tables. The migrations make them; a test compares the two."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint, text

from skilllib.library.seal import SEAL, seal

metadata = MetaData()
_ACTIVE = text("status = 'active'")
_COUNTERS = ("retrieved", "called", "solved", "failed", "trials", "successes", "tokens")

meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", Text, nullable=False))
"""`application`, `format`, `policy`, `identity` (one random word for life), and `findable`: number of the last ledger entry that
changed which skills are active."""

versions = Table(
    "versions",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("version_hash", String(64), nullable=False, unique=True),
    Column("code_hash", String(64), nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("entry", Integer, nullable=False),
    Column("created_at", String, nullable=False),
    UniqueConstraint("name", "version"),
    Index("one_active_version", "name", unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
)
"""`entry` is the number of the last ledger entry that changed the status. Both follow from the ledger and are not sealed; the rows
are short, so that thousands of them can change their status at once."""

records = Table(
    "records",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("record", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""What the versions are, under the same numbers; `digest` is the SHA-256 of `record`."""

calls = Table(
    "calls",
    metadata,
    Column("caller", String(64), primary_key=True),
    Column("name", String, primary_key=True),
    Column("callee", String(64), nullable=False),
    Index("ix_calls_callee", "callee", "caller"),
)

tests = Table(
    "tests",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("record", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)

effects = Table(
    "effects",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("record", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)

resources = Table(
    "resources",
    metadata,
    Column("version_hash", String(64), primary_key=True),
    Column("path", String, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""Further files of a skill's folder. Nothing of them is ever run."""

statistics = Table(
    "statistics",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    *(Column(name, Integer, nullable=False, default=0) for name in _COUNTERS),
    *(Column(name, Float, nullable=False, default=0.0) for name in ("lower_bound", "world_steps", "usd")),
    sqlite_with_rowid=False,  # one tree to go down instead of two, in every look-up
)

vectors = Table(
    "vectors",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("fingerprint", String, primary_key=True),
    Column("vector", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""Little-endian float32. Derived: can be rebuilt from the versions."""

evidence = Table(
    "evidence",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("fingerprint", String, primary_key=True),
    Column("vector", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""What active skills were shown to do, a signed byte a component. Derived: can be rebuilt from kept tests and effects."""

ledger = Table(
    "ledger",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("change", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("created_at", String, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("run", String, primary_key=True),
    Column("sequence", Integer, nullable=False, unique=True),
    Column("options", Text, nullable=False),
    Column("created_at", String, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("run", String, ForeignKey("runs.run"), primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", Text, nullable=False),
)

traces = Table(
    "traces",
    metadata,
    Column("trace", String, primary_key=True),
    Column("sequence", Integer, nullable=False, unique=True),
    Column("run", String, ForeignKey("runs.run"), nullable=False, index=True),
    Column("record", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", String, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("run", String, ForeignKey("runs.run"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("trace", String, ForeignKey("traces.trace"), nullable=False, index=True),
    Column("record", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", String, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("created_at", String, nullable=False),
)
"""Work that a commit asks for and somebody does later, such as compiling; written in the transaction that asks for it."""

uses = Table(
    "uses",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("trace", String, ForeignKey("traces.trace"), primary_key=True),
)
"""Which skills were executed in which trace. Follows from the attempts."""

rejections = Table(
    "rejections",
    metadata,
    Column("content", String(64), primary_key=True),
    Column("number", Integer, nullable=False),
)
"""Contents of changes that were rejected, and the number of the last entry of the ledger that says so. Follows from the ledger."""

aliases = Table("aliases", metadata, Column("name", String, primary_key=True), Column("skill", String, nullable=False))
"""Other names of skills. Follows from the ledger."""

lexicon = Table(
    "lexicon",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("code_hash", String(64), nullable=False, unique=True),
    *(Column(name, Text, nullable=False) for name in ("name", "summary", "details")),
    Column("length", Integer, nullable=False),
)
"""Words of the active skills, without their endings, by field. Derived: the database's full text search is built on it."""

labels = Table(
    "labels",
    metadata,
    Column("label", String, primary_key=True),
    Column("code_hash", String(64), primary_key=True, index=True),
)
"""Environment, capabilities and tags of the active skills. Derived."""

lookups = Table(
    "lookups",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("record", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", String, nullable=False),
)
"""What was asked for outside of runs, what was found and called, and whether it helped."""


def _seal(context: Any) -> str:
    return seal(context.get_current_parameters())


for _table in metadata.tables.values():  # the last column of each: it covers the others, their defaults included
    _table.append_column(Column(SEAL, String(64), nullable=False, default=_seal))
