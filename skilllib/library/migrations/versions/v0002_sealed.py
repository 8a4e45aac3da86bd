"""A seal on every row, what a skill cost, and work for later."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from skilllib.library.seal import seal
from skilllib.records.ledger import Change

revision = "0002"
down_revision = "0001"

_APPEND_ONLY = ("ledger", "attempts")
_FORMAT_1 = (
    "attempts", "calls", "effects", "ledger", "meta", "notes", "runs", "statistics", "tests", "traces", "vectors", "versions",
)  # fmt: skip

_FIELDS = "name, summary, details"
_NEW, _OLD = (", ".join(f"{side}.{name}" for name in ("number", *_FIELDS.split(", "))) for side in ("new", "old"))
_INSERT = f"INSERT INTO words (rowid, {_FIELDS}) VALUES ({_NEW});"
_DELETE = f"INSERT INTO words (words, rowid, {_FIELDS}) VALUES ('delete', {_OLD});"
WORDS_SQLITE = (
    f"CREATE VIRTUAL TABLE words USING fts5({_FIELDS}, content='lexicon', content_rowid='number', columnsize=0, detail=column, "
    "tokenize='unicode61 remove_diacritics 0')",
    "CREATE VIRTUAL TABLE word_places USING fts5vocab('words', 'instance')",
    f"CREATE TRIGGER lexicon_in AFTER INSERT ON lexicon BEGIN {_INSERT} END",
    f"CREATE TRIGGER lexicon_out AFTER DELETE ON lexicon BEGIN {_DELETE} END",
    f"CREATE TRIGGER lexicon_new AFTER UPDATE ON lexicon BEGIN {_DELETE} {_INSERT} END",
)
WORDS_POSTGRESQL = (
    "CREATE INDEX lexicon_words ON lexicon USING gin (to_tsvector('simple', name || ' ' || summary || ' ' || details))",
)


def upgrade() -> None:
    """Add what is new, then seal every row."""
    _unprotect()
    op.add_column("statistics", sa.Column("tokens", sa.Integer, nullable=False, server_default="0"))
    op.add_column("statistics", sa.Column("usd", sa.Float, nullable=False, server_default="0"))
    _table("outbox", _number("number", key=True), _text("kind"), _text("payload", sa.Text), _text("state"), _text("created_at"))
    op.execute(sa.text("INSERT INTO meta (key, value) VALUES ('identity', :word)").bindparams(word=uuid4().hex))
    _records()
    _following()
    _lookup()
    for name in _FORMAT_1:
        op.add_column(name, _sealed())
        _seal(name)
    for name in ("records", "uses", "rejections"):
        _seal(name)
    _protect()


def _records() -> None:
    """Take the records out of the versions, whose rows become short."""
    digest = sa.Column("digest", sa.String(64), nullable=False)
    _table("records", _key("version_hash", 64), _text("record", sa.Text), digest)
    op.execute("INSERT INTO records (version_hash, record, digest) SELECT version_hash, record, digest FROM versions")
    for name in ("record", "digest"):
        op.drop_column("versions", name)


def _following() -> None:
    """Make the tables that follow from the attempts and the ledger, and fill them."""
    trace = sa.Column("trace", sa.String, sa.ForeignKey("traces.trace"), primary_key=True)
    uses = _table("uses", _key("code_hash", 64), trace)
    rejections = _table("rejections", _key("content", 64), _number("number"))
    _table("aliases", _key("name"), _text("skill"))
    op.bulk_insert(uses, [{"code_hash": code, "trace": trace_id} for code, trace_id in sorted(_used())])
    op.bulk_insert(rejections, [{"content": content, "number": number} for content, number in _rejected().items()])


def _lookup() -> None:
    """Make what look-ups need; the words themselves are taken in by the first change or search."""
    columns = [_text(name, sa.Text) for name in ("name", "summary", "details")]
    code = sa.Column("code_hash", sa.String(64), nullable=False, unique=True)
    _table("lexicon", _number("number", key=True), code, *columns, _number("length"))
    _table("labels", _key("label"), _key("code_hash", 64))
    op.create_index("ix_labels_code_hash", "labels", ["code_hash"])
    digest = sa.Column("digest", sa.String(64), nullable=False)
    _table("lookups", _number("number", key=True), _text("record", sa.Text), digest, _text("created_at"))
    op.execute("INSERT INTO meta (key, value) VALUES ('lexicon', '-1 0'), ('calibration', '')")
    for statement in WORDS_SQLITE if op.get_bind().dialect.name == "sqlite" else WORDS_POSTGRESQL:
        op.execute(statement)


def _used() -> set[tuple[str, str]]:
    connection = op.get_bind()
    codes = {version: code for version, code in connection.execute(sa.text("SELECT version_hash, code_hash FROM versions"))}
    found = set()
    for trace, record in connection.execute(sa.text("SELECT trace, record FROM attempts")):
        attempt = json.loads(record)
        hashes = {call["code_hash"] for call in attempt["execution"]["skill_calls"]} | {codes.get(attempt.get("reuses"))}
        found |= {(code, trace) for code in hashes if code}
    return found


def _rejected() -> dict[str, int]:
    found = {}
    query = sa.text("SELECT number, change, decision FROM ledger ORDER BY number")
    for number, change, decision in op.get_bind().execute(query):
        if json.loads(decision)["outcome"] == "reject":
            found[Change.model_validate_json(change).content] = number
    return found


def _table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return op.create_table(name, *columns, _sealed())


def _key(name: str, length: int | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), primary_key=True)


def _text(name: str, kind: type[sa.String] = sa.String) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _number(name: str, *, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, primary_key=key, nullable=False, autoincrement=False)


def _sealed() -> sa.Column[str]:
    return sa.Column("seal", sa.String(64), nullable=False, server_default="")


def _seal(name: str) -> None:
    connection = op.get_bind()
    table = sa.Table(name, sa.MetaData(), autoload_with=connection)
    keys = list(table.primary_key.columns)
    update = sa.update(table).where(*(key == sa.bindparam(f"key_{key.name}") for key in keys)).values(seal=sa.bindparam("new"))
    rows = connection.execute(sa.select(table)).mappings().all()
    if rows:
        connection.execute(update, [{"new": seal(row), **{f"key_{key.name}": row[key.name] for key in keys}} for row in rows])


def _unprotect() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in _APPEND_ONLY:
            for verb in ("update", "delete"):
                op.execute(f"DROP TRIGGER {name}_no_{verb}")


def _protect() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    if not sqlite:
        op.execute(
            "CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
    refuse = "BEGIN SELECT RAISE(ABORT, '{0} is append-only'); END" if sqlite else "FOR EACH ROW EXECUTE FUNCTION append_only()"
    for name in _APPEND_ONLY:
        for verb in ("update", "delete"):
            op.execute(f"CREATE TRIGGER {name}_no_{verb} BEFORE {verb.upper()} ON {name} {refuse.format(name)}")
