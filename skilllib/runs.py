"""A run on disk: its options, an append-only event log, and a summary.

The library's database is the truth about what was tried; a run folder is the account of it that a person reads and other
programs follow. `events.jsonl` has one JSON object a line, `summary.json` is replaced in one move.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skilllib.errors import RunError, StorageFailed
from skilllib.records.base import Json

FORMAT = 1
"""Version of the run folder's layout."""


class RunFolder:
    """One run folder. Make one with `create`, open an existing one with `open`."""

    def __init__(self, path: Path, options: dict[str, Json]) -> None:
        self.path, self.options = path, options

    @classmethod
    def create(cls, path: str | Path, options: dict[str, Json]) -> RunFolder:
        """Make a new run folder.

        Raises:
            RunError: There is something at that path already.
            StorageFailed: The disk refuses.
        """
        folder = Path(path)
        if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
            raise RunError(f"{str(folder)!r} is not empty; continue it with --resume or choose another --run folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            run = cls(folder, {"format": FORMAT, **options})
            run._replace("run.json", run.options)
        except OSError as error:
            raise StorageFailed(f"the run folder {str(folder)!r} cannot be written: {error}") from error
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Open an existing run folder.

        Raises:
            RunError: There is none, it is something else, or it was made by a newer skilllib.
        """
        file = Path(path) / "run.json"
        try:
            options = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"{str(path)!r} is not a run folder (no run.json); start one with `skilllib learn`") from None
        except (OSError, ValueError) as error:
            raise RunError(f"{str(file)!r} cannot be read: {error}") from error
        if not isinstance(options, dict) or options.get("format", 0) > FORMAT:
            raise RunError(f"{str(path)!r} was made by a newer skilllib; upgrade to read it")
        return cls(Path(path), options)

    def __call__(self, event: str, **fields: Json) -> None:
        """Append one event; it is on disk when this returns.

        Raises:
            StorageFailed: The disk refuses.
        """
        line = json.dumps({"event": event, **fields, "at": round(time.time(), 3)}, ensure_ascii=False, allow_nan=False)
        try:
            with (self.path / "events.jsonl").open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
        except OSError as error:
            raise StorageFailed(f"the event log in {str(self.path)!r} cannot be written: {error}") from error

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the events so far; a last line that was cut off by a crash is left out."""
        file = self.path / "events.jsonl"
        if not file.exists():
            return
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                return

    def mend(self) -> None:
        """Cut off a last line that a crash left unfinished, so that what is appended starts on a line of its own."""
        file = self.path / "events.jsonl"
        if file.exists() and (text := file.read_bytes()) and not text.endswith(b"\n"):
            with file.open("r+b") as open_file:
                open_file.truncate(text.rfind(b"\n") + 1)

    def write_summary(self, summary: dict[str, Json]) -> None:
        """Replace `summary.json` in one move.

        Raises:
            StorageFailed: The disk refuses.
        """
        try:
            self._replace("summary.json", summary)
        except OSError as error:
            raise StorageFailed(f"the summary in {str(self.path)!r} cannot be written: {error}") from error

    def summary(self) -> dict[str, Any]:
        """Return the last summary.

        Raises:
            RunError: There is none yet.
        """
        try:
            found = json.loads((self.path / "summary.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{str(self.path)!r} has no readable summary.json: {error}") from error
        return dict(found)

    def _replace(self, name: str, value: Json) -> None:
        temporary = self.path / f".{name}.{os.getpid()}"
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(value, file, indent=2, ensure_ascii=False, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path / name)
