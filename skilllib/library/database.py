"""The library's database: opening it safely, and transactions that happen as a whole or not at all."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, OperationalError, SQLAlchemyError

from skilllib.errors import (
    ForeignLibrary,
    InvalidRecord,
    LibraryDamaged,
    LibraryError,
    LibraryNotFound,
    NewerLibrary,
    StorageFailed,
)
from skilllib.library import tables
from skilllib.library.admission import Policy
from skilllib.library.lock import ServerLock, WriterLock
from skilllib.library.migrations import FORMAT, upgrade
from skilllib.library.place import Place, folder_engine, server_engine

FILE = "library.db"
_OURS = frozenset({FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal", "index", "writer.lock", "writer.json"})
"""What we put into a library's folder; a folder with only these and no database is one whose making was interrupted."""
_TURN = 0x736B696C6C77
"""Key of the lock that makes the transactions of writers on a server follow one another."""


class Database:
    """Transactions on one SQLite file or one PostgreSQL database. Readers never wait for the writer.

    Args:
        place: The database file, or the server's address, for messages.
        engine: Connections to it.
    """

    def __init__(self, place: Place, engine: sa.Engine) -> None:
        self.place = place
        self._engine = engine
        self._local = threading.local()
        self._watch: sa.PoolProxiedConnection | None = None
        self._watching = threading.Lock()
        self._closed = False

    def refuse_closed(self) -> None:
        """Raise if it was closed: a connection that is made afterwards is closed by nobody.

        Raises:
            LibraryError: It was.
        """
        if self._closed:
            library = self.place.parent if isinstance(self.place, Path) else self.place
            raise LibraryError(f"the library {library} was closed; open it again")

    def state(self) -> int | None:
        """Return a number that is another one after anybody committed anything; None where that cannot be said cheaply.

        It costs a glance at the head of SQLite's log, a hundredth of a query. A server has nothing like it, and inside a
        transaction of this thread there is a state that nobody else knows.
        """
        found = self.glance("PRAGMA data_version")
        return int(found[0][0]) if found else None

    def glance(self, statement: str, parameters: Sequence[str] | Sequence[int] = ()) -> list[tuple[Any, ...]] | None:
        """Return what one statement reads, from the driver itself: for what is asked with every look-up.

        Half of the time of a small query goes into the layer between. None where this way is not open: on a server, inside a
        transaction of this thread, or where something is wrong, which the ordinary way will tell.
        """
        if self._current is not None or not isinstance(self.place, Path):
            return None
        self.refuse_closed()
        with self._watching, suppress(sqlite3.Error, SQLAlchemyError, UnicodeDecodeError):
            if self._watch is None:  # a connection that writes nothing, as it is told of commits by others alone
                self._watch = self._engine.raw_connection()
            driver: Any = self._watch.driver_connection
            found: list[tuple[Any, ...]] = driver.execute(statement, parameters).fetchall()
            return found
        return None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection that sees one consistent state; inside a transaction of this thread, that one."""
        if (current := self._current) is not None:
            yield current
            return
        self.refuse_closed()
        with self.guarded(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, wait: bool = True) -> Iterator[sa.Connection]:
        """Give a connection whose changes are kept together, or not at all if the block raises.

        A block inside another is a part of it: if it raises, its own changes alone are undone.

        Args:
            wait: For a transaction of somebody else, such as another thread, to end.

        Raises:
            StorageFailed: The disk or the server refused, or somebody else is writing; nothing of the transaction was kept.
            LibraryDamaged: The file is not readable as a database.
            InvalidRecord: The database cannot hold such a value.
        """
        if (current := self._current) is not None:
            with self.guarded(), current.begin_nested():
                yield current
            return
        self.refuse_closed()
        with self.guarded(), self._engine.connect() as connection, self._begun(connection, wait) as begun:
            self._local.connection = begun
            try:
                yield begun
            finally:
                self._local.connection = None

    @contextmanager
    def _begun(self, connection: sa.Connection, wait: bool) -> Iterator[sa.Connection]:
        if connection.dialect.name == "sqlite":
            with connection.execution_options(skilllib_writes="wait" if wait else "at once").begin():
                yield connection
            return
        connection = connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():  # even a writer that lost its lock with its connection never meets another
            if wait:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN)))
            elif not connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(_TURN))).scalar():
                raise StorageFailed(f"{self.place}: somebody else is writing; nothing of this change was kept")
            yield connection

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn the driver's errors into ours."""
        try:
            yield
        except IntegrityError:
            raise
        except DataError as error:
            raise InvalidRecord(f"{self.place} cannot hold this: {error.orig}") from error
        except OperationalError as error:
            raise StorageFailed(f"{self.place}: {_line(error)}; nothing of this change was kept. {self._advice}") from error
        except DatabaseError as error:
            raise LibraryDamaged(f"{self.place}: {_line(error)}; restore a copy, or look closer with `skilllib doctor`") from error
        except UnicodeEncodeError as error:
            raise InvalidRecord(f"{self.place} cannot hold this: {error}") from error
        except UnicodeDecodeError as error:  # SQLite quotes what is damaged in its message, and Python cannot read that
            raise LibraryDamaged(f"{self.place}: {error}; restore a copy, or look closer with `skilllib doctor`") from error

    @property
    def _advice(self) -> str:
        if isinstance(self.place, Path):
            return "Check free space and permissions, then try again"
        return "Check that the server runs and lets you in, then try again"

    def close(self) -> None:
        """Close all connections; none is made any more."""
        self._closed = True
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._engine.dispose()

    @property
    def _current(self) -> sa.Connection | None:
        current: sa.Connection | None = getattr(self._local, "connection", None)
        return current


def writer_lock(place: Place) -> WriterLock | ServerLock:
    """Return the right to write to the library at a place, not yet held."""
    return WriterLock(place) if isinstance(place, Path) else ServerLock(place)


def open_database(place: Place, *, create: bool, policy: Policy = "evidence") -> Database:
    """Open a library's database, making or upgrading it where that is due; one that is made is stamped with a policy.

    Raises:
        LibraryNotFound: Nothing there, and `create` is False.
        ForeignLibrary: Something else is there.
        NewerLibrary: It was written by a newer skilllib.
        LibraryLocked: It has to be made or upgraded, and another process is writing.
        StorageFailed: The disk refuses, or the server does not answer.
    """
    database = _in_folder(place, create=create) if isinstance(place, Path) else Database(place, server_engine(place))
    try:
        if (written := _format(database)) != FORMAT:
            if written is None and not create:
                raise LibraryNotFound(_absent(place))
            _upgrade(database, writer_lock(place), policy)
    except BaseException:
        database.close()
        raise
    return database


def _absent(place: Place) -> str:
    remedy = f"make it with: skilllib learn ENV --library {place}"
    return (
        f"the making of {place} was interrupted; {remedy}" if isinstance(place, Path) else f"no skill library at {place}; {remedy}"
    )


def _in_folder(folder: Path, *, create: bool) -> Database:
    found = _looks_like(folder)
    if not found and not create:
        raise LibraryNotFound(f"no skill library at {folder}; make one with: skilllib learn ENV --library {folder}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"cannot make {folder}: {error}") from error
    return Database(folder / FILE, folder_engine(folder / FILE, create=not found))


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
        if "not a database" in str(error) or "no such column" in str(error) or "does not exist" in str(error):
            raise ForeignLibrary(f"{database.place} is not a skill library's database") from error
        raise
    if rows.get("application") != "skilllib" or not rows.get("format", "").isdigit():
        raise ForeignLibrary(f"{database.place} is the database of another program")
    if (written := int(rows["format"])) > FORMAT:
        raise NewerLibrary(
            f"{database.place} has format {written}, this skilllib reads up to {FORMAT}; upgrade it with: pip install -U skilllib"
        )
    return written


def _upgrade(database: Database, lock: WriterLock | ServerLock, policy: Policy) -> None:
    with lock.hold("making or upgrading the library"):
        if (written := _format(database)) != FORMAT:  # another process may have done it while we waited
            try:
                with database.writing() as connection:
                    upgrade(connection)
                    if written is None:
                        connection.execute(sa.insert(tables.meta), {"key": "policy", "value": policy})
            except IntegrityError as error:
                raise LibraryDamaged(
                    f"{database.place} cannot be brought from format {written} to {FORMAT}: {_line(error)}; it was left as it "
                    "is. Restore a copy"
                ) from error


def _line(error: DatabaseError) -> str:
    return " ".join(str(error.orig).split())
