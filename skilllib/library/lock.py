"""One writer per library: a lock that names its holder and dies with it."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.exc import DBAPIError, OperationalError

from skilllib.errors import LibraryLocked, StorageFailed
from skilllib.library.place import server_engine

BRIEF = "updating the index"
"""The purpose of a holder that will be done soon."""
PATIENCE_S = 300.0
"""Seconds that a writer waits for another one, where it does not say otherwise."""
_SILENCE_S = 2.0
"""Seconds of waiting after which it says for whom."""
_POLL_S = 0.02

_log = logging.getLogger(__name__)


class WriterLock:
    """The right to write to a library, held by one process at a time and any number of times within it.

    The operating system holds the lock (`writer.lock`), so it ends with its process however that ends. Beside it,
    `writer.json` says who holds it; that file is for people only and may be stale.

    Not covered: folders on network file systems that do not support `flock`.

    Args:
        folder: The library's folder; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Not per thread: a library object is one writer, whichever of its threads does the writing.
        self._lock = FileLock(folder / "writer.lock", thread_local=False)

    @property
    def held(self) -> bool:
        """True while this object holds the lock."""
        return self._lock.is_locked

    @contextmanager
    def hold(self, purpose: str, *, timeout_s: float | None = None) -> Iterator[None]:
        """Hold the lock for a block; at once if this object holds it already.

        Args:
            purpose: What is being done, for whoever has to wait.
            timeout_s: Seconds to wait for another holder; `PATIENCE_S` by default.

        Raises:
            LibraryLocked: Another process holds it; the message names it.
            StorageFailed: The lock file cannot be written.
        """
        try:
            self._acquire(PATIENCE_S if timeout_s is None else timeout_s)
        except Timeout:
            raise LibraryLocked(self._remedy()) from None
        except OSError as error:
            raise StorageFailed(f"cannot lock {self._folder}: {error}; check that the folder can be written") from error
        try:
            if self._lock.lock_counter == 1:
                self._sign(purpose)
            yield
        finally:
            self._lock.release()

    def _acquire(self, timeout_s: float) -> None:
        try:
            self._lock.acquire(timeout=min(timeout_s, _SILENCE_S), poll_interval=_POLL_S)
        except Timeout:
            if timeout_s <= _SILENCE_S:
                raise
            _log.warning("waiting up to %.0f s: %s", timeout_s, self._remedy())
            self._lock.acquire(timeout=timeout_s - _SILENCE_S, poll_interval=_POLL_S)

    def _holder(self) -> dict[str, Any]:
        try:
            holder = json.loads((self._folder / "writer.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return holder if isinstance(holder, dict) else {}

    def _sign(self, purpose: str) -> None:
        holder = {
            "pid": os.getpid(),
            "command": " ".join(Path(word).name if at == 0 else word for at, word in enumerate(sys.argv)) or "python",
            "purpose": purpose,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            (self._folder / "writer.json").write_text(json.dumps(holder), encoding="utf-8")
        except OSError as error:
            raise StorageFailed(f"cannot write to {self._folder}: {error}") from error

    def _remedy(self) -> str:
        holder = self._holder()
        try:
            who = f"process {holder['pid']} (`{holder['command']}`, {holder['purpose']}, since {holder['since']})"
            stop = f"wait for it, or stop it with `kill {holder['pid']}`"
        except KeyError:
            who, stop = "another process", "wait for it"
        return f"{self._folder} is being written by {who}; {stop}, or use another library with `--library PATH`"


class ServerLock:
    """The same right for a library on a PostgreSQL server: an advisory lock of one connection, which it dies with.

    The connection's `application_name` says who holds it, so that an administrator sees it too.

    Args:
        url: The server's address.
    """

    def __init__(self, url: sa.URL) -> None:
        self._url = url
        self._connection: sa.Connection | None = None
        self._depth = 0
        self._turn = threading.RLock()

    @property
    def held(self) -> bool:
        """True while this object holds the lock."""
        return self._depth > 0

    @contextmanager
    def hold(self, purpose: str, *, timeout_s: float | None = None) -> Iterator[None]:
        """Hold the lock for a block; at once if this object holds it already.

        Args:
            purpose: What is being done, for whoever has to wait.
            timeout_s: Seconds to wait for another holder; `PATIENCE_S` by default.

        Raises:
            LibraryLocked: Another connection holds it; the message names it.
            StorageFailed: The server does not answer.
        """
        patience_s = PATIENCE_S if timeout_s is None else timeout_s
        if not self._turn.acquire(timeout=patience_s):
            raise LibraryLocked(f"another thread of this process waits to write to {self._url}; wait for it")
        try:
            if not self._depth:
                self._acquire(purpose, patience_s)
            self._depth += 1
        finally:
            self._turn.release()
        try:
            yield
        finally:
            with self._turn:
                self._depth -= 1
                if not self._depth:
                    self._release()

    def _acquire(self, purpose: str, timeout_s: float) -> None:
        name = f"skilllib: {purpose} (process {os.getpid()} on {socket.gethostname()})"[:63]  # what the server keeps of it
        try:
            connection = server_engine(self._url, name=name, pooled=False).connect()
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        except OperationalError as error:
            raise StorageFailed(f"cannot lock {self._url}: {error.orig}; check that the server runs and lets you in") from error
        try:
            if not _granted(connection, min(timeout_s, _SILENCE_S)):
                if timeout_s > _SILENCE_S:
                    _log.warning("waiting up to %.0f s: %s", timeout_s, self._remedy(connection))
                if timeout_s <= _SILENCE_S or not _granted(connection, timeout_s - _SILENCE_S):
                    raise LibraryLocked(self._remedy(connection))
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError):  # a connection that died has let go of the lock by that
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_WRITER)))  # a server notices a close only later
            with suppress(DBAPIError):
                connection.close()

    def _remedy(self, connection: sa.Connection) -> str:
        row = connection.execute(sa.text(_HOLDER), {"key": _WRITER}).first()
        who = f"{row[1]}, connection {row[0]}, since {row[2]:%Y-%m-%d %H:%M:%S}" if row else "another connection"
        stop = f"wait for it, or end it there with `SELECT pg_terminate_backend({row[0]})`" if row else "wait for it"
        return f"{self._url} is being written by {who}; {stop}, or use another library with `--library PATH`"


_WRITER = 0x736B696C6C
_HOLDER = """
    SELECT pid, application_name, backend_start FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32) + objid::bigint = :key
      AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def _granted(connection: sa.Connection, timeout_s: float) -> bool:
    """Stand in the server's own queue, which is fair, for some seconds."""
    connection.execute(sa.text(f"SET lock_timeout = {max(1, round(timeout_s * 1000))}"))
    try:
        connection.execute(sa.select(sa.func.pg_advisory_lock(_WRITER)))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") == "55P03":  # lock_not_available
            return False
        raise
    return True
