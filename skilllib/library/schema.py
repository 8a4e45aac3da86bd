"""Is the schema what the migrations make? A trigger that is gone, or says something else, guards the ledger no more."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TypeAlias

import sqlalchemy as sa

_Parts: TypeAlias = dict[tuple[str, str, str], str]
"""Kind, name and table of a part of the schema → its statement, as far as it can be compared."""

_SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite!_stat%' ESCAPE '!'"
"""All but what `ANALYZE` leaves there."""
_POSTGRESQL = """
SELECT pg_trigger.tgname, pg_class.relname, pg_get_triggerdef(pg_trigger.oid, true), pg_trigger.tgenabled::text, pg_proc.prosrc
FROM pg_trigger JOIN pg_class ON pg_class.oid = pg_trigger.tgrelid JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid
WHERE NOT pg_trigger.tgisinternal AND pg_table_is_visible(pg_class.oid)
"""
_REFUSES = "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END"
_DOES_NOT_RUN = {"D": "disabled", "R": "enabled for replicas alone"}


def faults(connection: sa.Connection) -> Iterator[str]:
    """Yield in what the schema is not what the migrations make, and what to do.

    Not covered: on PostgreSQL only the triggers are compared; its tables and indexes it guards itself.
    """
    sqlite = connection.dialect.name == "sqlite"
    due, found = (_made(), _of_file(connection)) if sqlite else (_due_on_server(), _on_server(connection))
    for part in sorted(due.keys() | found.keys()):
        kind, name, table = part
        label = f"{kind} {name!r}{f' of {table!r}' if table != name else ''}"
        if part not in found:
            yield f"the schema lacks the {label}; restore a copy"
        elif part not in due:
            yield f"the schema holds the {label}, which is not ours; restore a copy"
        elif due[part] != found[part]:
            yield f"the {label} is {found[part]!r} and not {due[part]!r}; restore a copy"


@cache
def _made() -> _Parts:
    """Return what the migrations make of an empty file; running them takes a third of a second."""
    from skilllib.library.migrations import upgrade

    engine = sa.create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            upgrade(connection)
            return _of_file(connection)
    finally:
        engine.dispose()


def _of_file(connection: sa.Connection) -> _Parts:
    rows = connection.execute(sa.text(_SQLITE))
    return {(str(kind), str(name), str(table)): _comparable(kind, sql) for kind, name, table, sql in rows}


def _comparable(kind: object, statement: object) -> str:
    """Return a statement; of a table without its quotes and spaces, which SQLite sets as it likes when a table is altered."""
    text = str(statement)  # what is damaged may be bytes or a number
    return " ".join(text.replace('"', "").replace("'", "").split()) if kind == "table" else text


def _due_on_server() -> _Parts:
    made = "CREATE TRIGGER {0} BEFORE {1} ON {2} FOR EACH ROW EXECUTE FUNCTION append_only()"
    names = [(f"{table}_no_{verb.lower()}", verb, table) for table in ("ledger", "attempts") for verb in ("UPDATE", "DELETE")]
    return {("trigger", name, table): f"{made.format(name, verb, table)}: {_REFUSES}" for name, verb, table in names}


def _on_server(connection: sa.Connection) -> _Parts:
    found = {}
    for name, table, statement, enabled, function in connection.execute(sa.text(_POSTGRESQL)):
        how = _DOES_NOT_RUN.get(enabled)
        found["trigger", name, table] = f"{how}: {statement}" if how else f"{statement}: {function.strip()}"
    return found
