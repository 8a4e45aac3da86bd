"""The first format."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _table(name: str, *columns: sa.Column[Any] | sa.UniqueConstraint) -> None:
    op.create_table(name, *columns)


def _key(name: str, length: int | None = None, *constraints: sa.ForeignKey) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), *constraints, primary_key=True)


def _text(name: str, length: int | None = None, *constraints: sa.ForeignKey, unique: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), *constraints, nullable=False, unique=unique)


def _record() -> tuple[sa.Column[Any], sa.Column[Any]]:
    return sa.Column("record", sa.Text, nullable=False), _text("digest", 64)


def _number(name: str, *, key: bool = False, unique: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, primary_key=key, nullable=False, unique=unique, autoincrement=False)


def upgrade() -> None:
    """Make all tables."""
    meta = op.create_table("meta", _key("key"), sa.Column("value", sa.Text, nullable=False))
    _skills()
    _runs()
    values = {"application": "skilllib", "format": "1", "findable": "0"}
    op.bulk_insert(meta, [{"key": key, "value": value} for key, value in values.items()])
    if op.get_bind().dialect.name == "sqlite":
        for name in ("ledger", "attempts"):
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
                    f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
                )


def _skills() -> None:
    _table(
        "versions",
        _key("version_hash", 64),
        _number("sequence", unique=True),
        _text("code_hash", 64),
        _text("name"),
        _number("version"),
        _text("status"),
        _number("entry"),
        *_record(),
        _text("created_at"),
        sa.UniqueConstraint("name", "version"),
    )
    active = sa.text("status = 'active'")
    op.create_index("one_active_version", "versions", ["name"], unique=True, sqlite_where=active, postgresql_where=active)
    op.create_index("versions_status", "versions", ["status"])
    op.create_index("ix_versions_code_hash", "versions", ["code_hash"])
    _table("calls", _key("caller", 64), _key("name"), _text("callee", 64))
    op.create_index("ix_calls_callee", "calls", ["callee"])
    _table("tests", _key("code_hash", 64), _number("number", key=True), *_record())
    _table("effects", _key("code_hash", 64), _number("number", key=True), *_record())
    counts = (_number(name) for name in ("retrieved", "called", "solved", "failed", "trials", "successes"))
    means = (sa.Column(name, sa.Float, nullable=False) for name in ("lower_bound", "world_steps"))
    _table("statistics", _key("code_hash", 64), *counts, *means)
    vector = sa.Column("vector", sa.LargeBinary, nullable=False)
    _table("vectors", _key("code_hash", 64), _key("fingerprint"), vector, _text("digest", 64))
    _table(
        "ledger",
        _number("number", key=True),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        _text("previous", 64),
        _text("hash", 64),
        _text("created_at"),
    )


def _runs() -> None:
    options = sa.Column("options", sa.Text, nullable=False)
    _table("runs", _key("run"), _number("sequence", unique=True), options, _text("created_at"))
    _table("notes", _key("run", None, sa.ForeignKey("runs.run")), _key("key"), sa.Column("value", sa.Text, nullable=False))
    run, trace = sa.ForeignKey("runs.run"), sa.ForeignKey("traces.trace")
    _table("traces", _key("trace"), _number("sequence", unique=True), _text("run", None, run), *_record(), _text("created_at"))
    op.create_index("ix_traces_run", "traces", ["run"])
    run = sa.ForeignKey("runs.run")
    _table(
        "attempts",
        _key("run", None, run),
        _number("number", key=True),
        _text("trace", None, trace),
        *_record(),
        _text("created_at"),
    )
    op.create_index("ix_attempts_trace", "attempts", ["trace"])
