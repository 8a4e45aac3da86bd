"""Every request and reply of a run on one file, so that nothing is paid twice and everything can be played again.

A tape is JSON lines: a header, then one `{hash, request, reply}` for each request, in the order in which they were asked.
A line is on the disk before its reply is used. What a crash cut off is mended when the tape is opened to be written.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from skilllib.errors import NotOnTape, StorageFailed, TapeError
from skilllib.protocols import LanguageModel
from skilllib.records.base import canonical
from skilllib.records.model import Reply, Request

FORMAT = 1
"""Version of the tape's layout, and of what is hashed."""
_KIND = "skilllib tape"
_HEADER = (canonical({"format": FORMAT, "kind": _KIND}) + "\n").encode()


class TapeFile:
    """One tape on the disk; several models may share it.

    Args:
        path: The file; when it is to be written, it is made if there is none.
        write: Whether requests may be added. One process at a time may do that; any number may read meanwhile.

    Raises:
        TapeError: The file is no tape, a damaged one or one of another format, or another process writes it; it is untouched.
        StorageFailed: The disk refuses.
    """

    def __init__(self, path: str | Path, *, write: bool = False) -> None:
        self.path = Path(path)
        self._where: dict[str, tuple[int, int]] = {}
        self._asked: set[str] = set()
        self._end = 0  # bytes up to the end of the last whole line
        self._lock: FileLock | None = None
        try:
            if write:
                self._claim()
            elif not self.path.exists():
                raise TapeError(f"there is no tape {str(path)!r}; record one first, without `--replay`")
            self._read()
            if write:
                self._mend()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> TapeFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._where)

    def __iter__(self) -> Iterator[tuple[Request, Reply]]:
        """All requests with their replies, in the order in which they were asked."""
        return (self._entry(request_hash) for request_hash in tuple(self._where))

    @property
    def writable(self) -> bool:
        """True while requests may be added."""
        return self._lock is not None

    def get(self, request_hash: str) -> tuple[Request, Reply] | None:
        """Return a request with its reply, or None if it is not on the tape, which may have grown meanwhile."""
        if request_hash not in self._where and not self.writable:
            self._read()
        if request_hash not in self._where:
            return None
        self._asked.add(request_hash)
        return self._entry(request_hash)

    @property
    def used_up(self) -> bool:
        """True once every request on the tape was asked again."""
        return self._asked == self._where.keys()

    def add(self, request: Request, reply: Reply) -> None:
        """Append a request with its reply; they are on the disk when this returns.

        Raises:
            StorageFailed: The disk refuses; the tape is as it was.
        """
        if self._lock is None:
            raise TapeError(f"the tape {str(self.path)!r} is not open to be written")
        entry = {"hash": request.hash, "request": request.model_dump(mode="json"), "reply": reply.model_dump(mode="json")}
        line = (canonical(entry) + "\n").encode()
        self._append(line)
        self._where[request.hash] = (self._end - len(line), len(line))

    def close(self) -> None:
        """Let other processes write; harmless when done twice."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _claim(self) -> None:
        lock = FileLock(f"{self.path}.lock", thread_local=False)
        try:
            with self._disk():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                lock.acquire(timeout=0)
        except Timeout:
            raise TapeError(f"another run writes the tape {str(self.path)!r}; wait for it, or use another `--tape`") from None
        self._lock = lock

    def _read(self) -> None:
        """Take note of the lines that came since this was last done."""
        if self.writable and not self.path.exists():
            return
        with self._disk(), self.path.open("rb") as file:
            file.seek(self._end)
            for line in file:
                if not self._take(line):
                    break

    def _take(self, line: bytes) -> bool:
        """Take note of one line; return False for one that was cut off, or is still being written."""
        first, whole = self._end == 0, line.endswith(b"\n")
        if not whole and (not first or _HEADER.startswith(line)):
            return False
        entry = _parsed(line)
        if first:
            self._check_header(entry)
        elif not (isinstance(entry, dict) and isinstance(entry.get("hash"), str)):
            raise self._damaged(self._end, "it is not what is recorded on a tape")
        else:
            self._where.setdefault(entry["hash"], (self._end, len(line)))
        self._end += len(line)
        return True

    def _check_header(self, header: Any) -> None:
        if not isinstance(header, dict) or header.get("kind") != _KIND:
            raise TapeError(f"{str(self.path)!r} is not a tape; it was left as it is, use another file with `--tape`")
        if header.get("format") != FORMAT:
            raise TapeError(
                f"the tape {str(self.path)!r} has format {header.get('format')!r}, and this version of skilllib knows "
                f"format {FORMAT}; use the version that made it, or record a new tape"
            )

    def _mend(self) -> None:
        if self.path.exists() and self._end < self.path.stat().st_size:
            with self._disk():
                os.truncate(self.path, self._end)
        if self._end == 0:
            self._append(_HEADER)

    def _append(self, line: bytes) -> None:
        with self._disk(), self.path.open("ab", buffering=0) as file:
            try:
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, "only a part of a line could be written")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(self._end)
                raise
        self._end += len(line)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except Timeout:
            raise
        except OSError as error:
            raise StorageFailed(f"the tape {str(self.path)!r} cannot be used: {error}; check the disk and the path") from error

    def _entry(self, request_hash: str) -> tuple[Request, Reply]:
        offset, length = self._where[request_hash]
        try:
            with self._disk(), self.path.open("rb") as file:
                file.seek(offset)
                entry = json.loads(file.read(length))
            request, reply = Request.model_validate(entry["request"]), Reply.model_validate(entry["reply"])
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(offset, str(error)) from error
        if request.hash != request_hash:
            raise self._damaged(offset, "the request was changed after it was recorded")
        return request, reply

    def _damaged(self, offset: int, found: str) -> TapeError:
        return TapeError(
            f"the tape {str(self.path)!r} is damaged at byte {offset}: {found}; restore it from a copy, or use another"
        )


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


@dataclass(frozen=True)
class Tape:
    """A model that is asked only what is not on a tape yet.

    Args:
        file: The tape.
        name: The model's name; a request to another model is another request.
        inner: The model to ask; without one, everything must be on the tape.
    """

    file: TapeFile
    name: str
    inner: LanguageModel | None = None

    def complete(self, request: Request) -> Reply:
        """Return the reply on the tape; else ask, and record.

        Raises:
            NotOnTape: The request is not on the tape and there is no model to ask; the message says which, and why if it can.
        """
        asked = request.model_copy(update={"model": self.name})
        if found := self.file.get(asked.hash):
            return found[1]
        if self.inner is None:
            words = " ".join(asked.messages[-1].content.split())[:120] if asked.messages else ""
            raise NotOnTape(
                f"the tape {str(self.file.path)!r} has no reply to the {asked.purpose!r} request {words!r}: {self._why(asked)}"
            )
        reply = self.inner.complete(request)
        self.file.add(asked, reply)
        return reply

    def _why(self, asked: Request) -> str:
        if self.file.used_up:
            return "the recorded run ended before it; go on from there without `--replay`"
        return f"{self._difference(asked)}; record a new tape, without `--replay`"

    def _difference(self, asked: Request) -> str:
        recorded = [request for request, _ in self.file if request.purpose == asked.purpose]
        if not recorded:
            return "it has no request of that kind"
        if asked.prompt not in {request.prompt for request in recorded}:
            return f"the prompt {asked.purpose!r} changed since the tape was made"
        for option in ("model", "max_tokens", "temperature"):
            found = sorted({getattr(request, option) for request in recorded})
            if getattr(asked, option) not in found:
                return f"{option} is {getattr(asked, option)!r} and was {', '.join(map(repr, found))} when the tape was made"
        return "something that came before differs from the recorded run"
