"""The library's database: opening it safely, and transactions that happen as a whole or not at all."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool

from skilllib.errors import ForeignLibrary, LibraryDamaged, LibraryNotFound, NewerLibrary, StorageFailed
from skilllib.library import tables
from skilllib.library.admission import Policy
from skilllib.library.lock import WriterLock
from skilllib.library.migrations import FORMAT, upgrade

FILE = "library.db"
_OURS = frozenset({FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal", "index", "writer.lock", "writer.json"})
"""What we put into a library's folder; a folder with only these and no database is one whose making was interrupted."""


class Database:
    """Transactions on one SQLite file. Readers never wait for the writer.

    Write-ahead logging with `synchronous=FULL`: what was committed survives the death of the process and of the machine.

    Args:
        file: The database file; it exists unless `create`.
        create: Make the file if it is not there.
    """

    def __init__(self, file: Path, *, create: bool = False) -> None:
        self.file = file
        self._local = threading.local()
        mode = "rwc" if create else "rw"

        def connect() -> sqlite3.Connection:
            # A URI, because only there SQLite can be told not to make a file that is missing.
            connection = sqlite3.connect(f"file:{quote(str(file))}?mode={mode}", uri=True, check_same_thread=False, timeout=10.0)
            connection.isolation_level = None  # SQLAlchemy's events below begin transactions, DDL included
            return connection

        self._engine = sa.create_engine("sqlite://", creator=connect, poolclass=QueuePool)
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection that sees one consistent state; inside a transaction of this thread, that one."""
        if (current := self._current) is not None:
            yield current
            return
        with self.guarded(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Give a connection whose changes are kept together, or not at all if the block raises.

        A block inside another is a part of it: if it raises, its own changes alone are undone.

        Raises:
            StorageFailed: The disk refused; nothing of the transaction was kept.
            LibraryDamaged: The file is not readable as a database.
        """
        if (current := self._current) is not None:
            with self.guarded(), current.begin_nested():
                yield current
            return
        with self.guarded(), self._engine.connect() as connection:
            connection = connection.execution_options(skilllib_writes=True)
            with connection.begin():
                self._local.connection = connection
                try:
                    yield connection
                finally:
                    self._local.connection = None

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn the driver's errors into ours."""
        try:
            yield
        except IntegrityError:
            raise
        except OperationalError as error:
            raise StorageFailed(
                f"{self.file}: {error.orig}; nothing of this change was kept. Check free space and permissions, then try again"
            ) from error
        except DatabaseError as error:
            raise LibraryDamaged(f"{self.file}: {error.orig}; restore a copy, or look closer with `skilllib doctor`") from error

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @property
    def _current(self) -> sa.Connection | None:
        current: sa.Connection | None = getattr(self._local, "connection", None)
        return current


def open_database(folder: Path, *, create: bool, lock: WriterLock | None = None, policy: Policy = "evidence") -> Database:
    """Open a library's database, making or upgrading it where that is due; one that is made is stamped with a policy.

    Raises:
        LibraryNotFound: Nothing there, and `create` is False.
        ForeignLibrary: Something else is there.
        NewerLibrary: It was written by a newer skilllib.
        LibraryLocked: It has to be made or upgraded, and another process is writing.
    """
    found = _looks_like(folder)
    if not found and not create:
        raise LibraryNotFound(f"no skill library at {folder}; make one with: skilllib learn ENV --library {folder}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"cannot make {folder}: {error}") from error
    database = Database(folder / FILE, create=not found)
    try:
        if (written := _format(database)) != FORMAT:
            if written is None and not create:
                raise LibraryNotFound(
                    f"the making of {folder} was interrupted; make it with: skilllib learn ENV --library {folder}"
                )
            _upgrade(database, lock or WriterLock(folder), policy)
    except BaseException:
        database.close()
        raise
    return database


def _looks_like(folder: Path) -> bool:
    """Return whether there is something to open; raise if what is there is not ours."""
    if not folder.exists() and not folder.is_symlink():
        return False
    if not folder.is_dir():
        raise ForeignLibrary(f"{folder} is a file; a skill library is a folder")
    try:
        entries = {entry.name for entry in folder.iterdir()}
    except OSError as error:
        raise StorageFailed(f"cannot read {folder}: {error}") from error
    if FILE not in entries:
        if strangers := sorted(entries - _OURS):
            raise ForeignLibrary(f"{folder} holds {strangers[0]!r} and no library; name another folder with `--library PATH`")
        return False
    return True


def _format(database: Database) -> int | None:
    """Return the format the library was written in, None where it has no tables yet."""
    try:
        with database.reading() as connection:
            names = set(sa.inspect(connection).get_table_names())
            if not names:
                return None
            rows: dict[str, str] = {}
            if "meta" in names:
                rows = {key: value for key, value in connection.execute(sa.text("SELECT key, value FROM meta"))}
    except (LibraryDamaged, StorageFailed) as error:
        if "not a database" in str(error) or "no such column" in str(error):
            raise ForeignLibrary(f"{database.file} is not a skill library's database") from error
        raise
    if rows.get("application") != "skilllib" or not rows.get("format", "").isdigit():
        raise ForeignLibrary(f"{database.file} is the database of another program")
    if (written := int(rows["format"])) > FORMAT:
        raise NewerLibrary(
            f"{database.file} has format {written}, this skilllib reads up to {FORMAT}; upgrade it with: pip install -U skilllib"
        )
    return written


def _upgrade(database: Database, lock: WriterLock, policy: Policy) -> None:
    with lock.hold("making or upgrading the library", timeout_s=10.0):
        if (written := _format(database)) != FORMAT:  # another process may have done it while we waited
            with database.writing() as connection:
                upgrade(connection)
                if written is None:
                    connection.execute(sa.insert(tables.meta), {"key": "policy", "value": policy})


def _prepare(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    # IMMEDIATE: a writer that began by reading could otherwise find its snapshot outdated at its first write.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("skilllib_writes") else "BEGIN")
