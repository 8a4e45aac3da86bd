"""The right to write: one process at a time, and changes that happen as a whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from skilllib.errors import LibraryError
from skilllib.library.database import Database
from skilllib.library.findable import Findable
from skilllib.library.lock import ServerLock, WriterLock
from skilllib.library.place import Place


class Writing:
    """The part of a library through which everything is written."""

    path: Place
    """Its folder, or the address of its server."""
    _database: Database
    _findable: Findable
    _lock: WriterLock | ServerLock
    _turn: threading.RLock
    _depth = 0
    _closed = False

    @contextmanager
    def writing(self, purpose: str, *, timeout_s: float | None = None) -> Iterator[None]:
        """Be the one writer for a block, such as an import. Methods that change something do this by themselves.

        Args:
            purpose: What is being done; shown to whoever finds the library locked.
            timeout_s: Seconds to wait for another writer; five minutes by default.

        Raises:
            LibraryLocked: Another process is writing; the message names it.
        """
        with self._lock.hold(purpose, timeout_s=timeout_s):
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several changes one: all are kept when the block ends, none if it raises."""
        with self._writes("transaction"):
            yield

    @contextmanager
    def _writes(self, purpose: str) -> Iterator[sa.Connection]:
        if self._closed:
            raise LibraryError(f"the library {self.path} was closed; open it again")
        with self._turn, self._lock.hold(purpose):
            self._depth += 1
            try:
                with self._database.writing() as connection:
                    yield connection
            finally:
                self._depth -= 1
            if self._depth == 0:
                self._findable.follow_if_open()
