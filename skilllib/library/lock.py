"""One writer per library: a lock that names its holder and dies with it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from skilllib.errors import LibraryLocked, StorageFailed

BRIEF = "updating the index"
"""The purpose of a holder that will be done soon: whoever finds it waits for it."""
_BRIEF_S = 30.0


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
    def hold(self, purpose: str, *, timeout_s: float = 0.0) -> Iterator[None]:
        """Hold the lock for a block; at once if this object holds it already.

        Args:
            purpose: What is being done, for whoever has to wait.
            timeout_s: Seconds to wait for another holder.

        Raises:
            LibraryLocked: Another process holds it; the message names it.
            StorageFailed: The lock file cannot be written.
        """
        try:
            self._acquire(timeout_s)
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
            self._lock.acquire(timeout=timeout_s, poll_interval=0.02)
        except Timeout:
            # A reader that repairs the index must not turn away a writer that happens to start meanwhile.
            if self._holder().get("purpose") != BRIEF:
                raise
            self._lock.acquire(timeout=_BRIEF_S, poll_interval=0.02)

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
