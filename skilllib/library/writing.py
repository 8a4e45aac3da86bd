"""The right to write: one process at a time, and changes that happen as a whole or not at all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import sqlalchemy as sa

from skilllib.errors import LibraryLocked, SkillLibError, StorageFailed
from skilllib.library.database import Database
from skilllib.library.findable import Findable
from skilllib.library.lock import ServerLock, WriterLock
from skilllib.library.place import Place

_PASSING = "counting"
_PARTING_S = 0.2
"""Seconds for which the closing of a library waits to write what is due: nobody notices, and most writers are done by then."""

_log = logging.getLogger(__name__)

Write: TypeAlias = Callable[[sa.Connection], Any]
"""Writes something within a transaction."""


class Writing:
    """The part of a library through which everything is written."""

    path: Place
    """Its folder, or the address of its server."""
    _database: Database
    _findable: Findable
    _lock: WriterLock | ServerLock
    _turn: threading.RLock
    _due: list[Write]
    """What is to be written when nobody has to wait for it. Any thread adds at the end; what was written is taken out in turn."""
    _depth = 0

    @contextmanager
    def writing(self, purpose: str, *, timeout_s: float | None = None) -> Iterator[None]:
        """Be the one writer for a block, such as an import. Methods that change something do this by themselves.

        Args:
            purpose: What is being done; shown to whoever finds the library locked.
            timeout_s: Seconds to wait for another writer; five minutes by default.

        Raises:
            LibraryLocked: Another process is writing; the message names it.
        """
        self._database.refuse_closed()
        with self._lock.hold(purpose, timeout_s=timeout_s):
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several changes one: all are kept when the block ends, none if it raises."""
        with self._writes("transaction"):
            yield

    @contextmanager
    def _writes(self, purpose: str, *, timeout_s: float | None = None) -> Iterator[sa.Connection]:
        """Give a connection whose changes are kept together, or not at all if the block raises.

        Args:
            purpose: What is being done, for whoever has to wait.
            timeout_s: Seconds to wait for another writer, a thread or a process; by default as long as that takes for a
                thread, five minutes for a process.

        Raises:
            LibraryLocked: Another one is writing.
            LibraryError: The library was closed.
        """
        self._database.refuse_closed()
        if not self._turn.acquire(timeout=-1 if timeout_s is None else timeout_s):
            raise LibraryLocked(f"{self.path} is being written by another thread of this process; wait for it")
        try:
            with self._lock.hold(purpose, timeout_s=timeout_s):
                self._depth += 1
                try:
                    with self._database.writing(wait=timeout_s is None) as connection:
                        yield connection
                finally:
                    self._depth -= 1
                outermost = self._depth == 0 and timeout_s is None
                if outermost:
                    self._findable.follow_if_open()
        finally:
            self._turn.release()
        if outermost:
            self._write_due()

    def _in_passing(self, write: Write) -> None:
        """Have something small written without waiting for anybody.

        It is a part of this thread's transaction, if there is one; else it is on disk at once, unless somebody else is writing
        or the disk refuses. Then it is written after what this library writes next, or when it is closed.

        Args:
            write: Writes it; called again where what it wrote was undone.

        Raises:
            LibraryError: The library was closed.
        """
        self._database.refuse_closed()
        if self._turn.acquire(blocking=False):
            try:
                if self._depth:
                    with self._writes(_PASSING) as connection:
                        write(connection)
                    return
            finally:
                self._turn.release()
        self._due.append(write)
        self._write_due()

    def _write_due(self, *, timeout_s: float = 0.0) -> None:
        """Write what is due if that can be done within some seconds, also what other threads add meanwhile."""
        while self._due and self._turn.acquire(timeout=timeout_s):
            try:
                if not self._wrote_due(timeout_s):
                    return
            finally:
                self._turn.release()

    def _wrote_due(self, timeout_s: float) -> bool:
        """Write all that is due, or nothing of it, and return whether it is dealt with; the caller has the turn."""
        done = 0
        try:
            with self._writes(_PASSING, timeout_s=timeout_s) as connection:
                for write in tuple(self._due):
                    write(connection)
                    done += 1
        except (LibraryLocked, StorageFailed):
            return False
        except SkillLibError as error:  # what cannot be written at all is not in the way of everything after it
            _log.warning("the use of a skill could not be counted: %s", error)
            del self._due[done]
            return True
        del self._due[:done]
        return True

    def _part(self) -> None:
        """Write what is still due before the library is closed; what cannot be written by then is lost."""
        self._write_due(timeout_s=_PARTING_S)
        if self._due:
            _log.warning("%s is being written: %d times, what was used was not counted", self.path, len(self._due))
