"""Where a library is: a folder here, or a PostgreSQL database anywhere; and connections to it."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, QueuePool

from skilllib.errors import StorageFailed

Place: TypeAlias = Path | sa.URL
"""A folder, or the address of a database server; the text of an address hides its password."""

_SERVER = re.compile(r"postgres(?:ql)?(?:\+psycopg)?:/{1,2}(?=[^/]|/\w)")  # one slash: an address that was taken for a path
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # one letter is a drive of Windows
_CONNECT_S = 10
_WAIT_S = 10.0
"""For another connection's transaction on the same file to end."""


def located(where: str | Path | sa.URL) -> Place:
    """Return the place that a user named.

    Raises:
        StorageFailed: It begins like an address and is none, or none of a PostgreSQL database.

    >>> located("postgresql://me@host/name"), located("skills:new/a//b")
    (postgresql://me@host/name, PosixPath('skills:new/a/b'))
    """
    if isinstance(where, sa.URL):
        if where.get_backend_name() != "postgresql":
            raise _elsewhere(f"{where.drivername}://")
        return where
    if (found := _SERVER.match(str(where))) is None:
        if other := _SCHEME.match(str(where)):
            raise _elsewhere(other[0])
        return Path(where).expanduser()
    try:
        return sa.make_url(f"postgresql://{str(where)[found.end() :]}")
    except (ArgumentError, ValueError) as error:
        raise StorageFailed(f"{str(where)!r} is no address of a database: {error}; write postgresql://USER@HOST/NAME") from error


def _elsewhere(scheme: str) -> StorageFailed:
    # The rest of the address may hold a password.
    return StorageFailed(f"no library is at an address with {scheme!r}; write the path of a folder, or postgresql://USER@HOST/NAME")


def bare(url: sa.URL) -> tuple[sa.URL, str]:
    """Return an address without its password, and the password; empty where there is none.

    >>> bare(sa.make_url("postgresql://me:secret@host/name"))
    (postgresql://me@host/name, 'secret')
    """
    given = url.password or url.query.get("password") or ""
    # `URL.set` takes None for "leave it as it is".
    return url._replace(password=None).difference_update_query(["password"]), given if isinstance(given, str) else given[0]


def folder_engine(file: Path, *, create: bool) -> sa.Engine:
    """Return connections to a SQLite file.

    Write-ahead logging with `synchronous=FULL`: what was committed survives the death of the process and of the machine.
    """
    mode = "rwc" if create else "rw"

    def connect() -> sqlite3.Connection:
        # A URI, because only there SQLite can be told not to make a file that is missing.
        connection = sqlite3.connect(f"file:{quote(str(file))}?mode={mode}", uri=True, check_same_thread=False, timeout=_WAIT_S)
        connection.isolation_level = None  # SQLAlchemy's events below begin transactions, DDL included
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=QueuePool)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def server_engine(url: sa.URL, *, name: str = "skilllib", pooled: bool = True) -> sa.Engine:
    """Return connections to a PostgreSQL database.

    Args:
        url: Its address.
        name: What the server's administrator sees of a connection.
        pooled: Whether connections are kept; if not, each dies when it is given back.

    Raises:
        StorageFailed: There is no driver.
    """
    arguments = {"application_name": name, "connect_timeout": _CONNECT_S}
    try:
        # Readers see one state for a whole transaction; a writer is alone, and must see what the one before it wrote.
        return sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=arguments,
            isolation_level="REPEATABLE READ",
            poolclass=QueuePool if pooled else NullPool,
            pool_pre_ping=pooled,
        )
    except ModuleNotFoundError as error:
        raise StorageFailed(f"{url} needs psycopg, which is not installed: pip install 'skilllib[scale]'") from error


def _prepare(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("skilllib_writes")
    if writes is None:
        connection.exec_driver_sql("BEGIN")
        return
    # IMMEDIATE: a writer that began by reading could otherwise find its snapshot outdated at its first write.
    if writes == "wait":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(1000 * _WAIT_S)}")
