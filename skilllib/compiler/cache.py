"""Adapters in a folder, each under the hash of everything that shaped it. Derived: what is lost can be compiled again."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from skilllib.compiler import format as files
from skilllib.compiler.dataset import dataset_text
from skilllib.errors import AdapterRefused, StorageFailed
from skilllib.records.adapter import AdapterKey, Example, LoraWeights, Manifest

MAX_BYTES = 20_000_000_000
"""Bytes that a cache holds by default; what was used least recently goes first."""
_ABANDONED_S = 3600.0
"""Seconds after which something half written was left by a process that died."""
_FORGOTTEN_S = 30 * 86400.0
"""Seconds after which checkpoints that were not written to are dropped."""
_numbers = itertools.count()


@dataclass(frozen=True)
class Stored:
    """One adapter of a cache."""

    path: Path
    manifest: Manifest
    bytes: int
    used_at: float


class AdapterCache:
    """Adapters by key. What is there is whole: each is written under another name and then renamed.

    Args:
        folder: Is made when something is stored.
        max_bytes: Beyond it, adapters that were not used for longest are dropped.
    """

    def __init__(self, folder: str | Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.folder = Path(folder).expanduser()
        self.max_bytes = max_bytes

    def find(self, key: AdapterKey) -> Stored | None:
        """Return the adapter of a key and take note that it was used; None where there is none that can be read."""
        path = self.folder / key.hash
        try:
            found = _stored(path)
        except (AdapterRefused, OSError):
            return None
        _use(path)
        return found

    def store(self, weights: LoraWeights, manifest: Manifest, examples: Iterable[Example] = ()) -> Stored:
        """Store an adapter, in place of one of the same key.

        Args:
            weights: The weights.
            manifest: What is to stand beside them; the weights' hash, size and shape are filled in.
            examples: What it was trained on, if it was.

        Raises:
            StorageFailed: The disk refuses; what was there before is there still.
            AdapterRefused: The rank is beyond what servers accept.
        """
        final = self.folder / manifest.key.hash
        temporary = self.folder / f".new-{manifest.key.hash[:16]}-{os.getpid()}-{next(_numbers)}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            digest = files.write_adapter(temporary, weights, base=manifest.base)
            if text := dataset_text(examples):
                (temporary / files.DATASET).write_text(text, encoding="utf-8")
            size = (temporary / files.WEIGHTS).stat().st_size
            written = manifest.model_copy(
                update={
                    "adapter_hash": digest,
                    "alpha": weights.alpha,
                    "rank": weights.rank,
                    "targets": weights.targets,
                    "cost": manifest.cost.model_copy(update={"bytes": size}),
                    "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                }
            )
            files.write_manifest(temporary, written)
            _replace(temporary, final)
        except OSError as error:
            raise StorageFailed(
                f"cannot store an adapter in {self.folder}: {getattr(error, 'strerror', None) or error}; "
                "free some space, or drop adapters with `skilllib adapters prune`"
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self.shrink(self.max_bytes, spare=final)
        return _stored(final)

    def load(self, stored: Stored) -> LoraWeights:
        """Return the weights of an adapter and take note that it was used.

        Raises:
            AdapterRefused: The file is not what was written.
        """
        _use(stored.path)
        if files.file_hash(stored.path) != stored.manifest.adapter_hash:
            raise AdapterRefused(f"{stored.path} is not what was written; drop it and compile {stored.manifest.skill!r} again")
        return files.read_adapter(stored.path)

    def all(self) -> list[Stored]:
        """Return every adapter that can be read, by skill and time."""
        found = []
        with suppress(FileNotFoundError, NotADirectoryError):
            for path in self.folder.iterdir():
                with suppress(AdapterRefused, OSError):
                    if not path.name.startswith("."):
                        found.append(_stored(path))
        return sorted(found, key=lambda stored: (stored.manifest.skill, stored.manifest.created_at, stored.path.name))

    def drop(self, unwanted: Callable[[Stored], bool]) -> list[Stored]:
        """Drop adapters and return them."""
        dropped = [stored for stored in self.all() if unwanted(stored)]
        for stored in dropped:
            _remove(stored.path)
        return dropped

    def shrink(self, max_bytes: int, *, spare: Path | None = None) -> list[Stored]:
        """Drop what was not used for longest until the rest fits, and return what was dropped."""
        found = sorted(self.all(), key=lambda stored: stored.used_at)
        total, dropped = sum(stored.bytes for stored in found), []
        for stored in found:
            if total <= max_bytes:
                break
            if stored.path != spare:
                _remove(stored.path)
                dropped.append(stored)
                total -= stored.bytes
        return dropped

    def workspace(self, key: AdapterKey) -> Path:
        """Return the folder in which a compiler keeps its checkpoints for a key; made anew if it is not there.

        Raises:
            StorageFailed: The disk refuses.
        """
        path = self.folder / f".work-{key.hash}"
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageFailed(f"cannot make {path}: {error.strerror or error}") from error
        return path

    def leave(self, key: AdapterKey) -> None:
        """Drop the checkpoints of a key."""
        shutil.rmtree(self.folder / f".work-{key.hash}", ignore_errors=True)

    def _sweep(self) -> None:
        """Drop what processes left that died while they wrote, and checkpoints that nobody came back to."""
        for pattern, seconds in ((".new-*", _ABANDONED_S), (".old-*", _ABANDONED_S), (".work-*", _FORGOTTEN_S)):
            for path in self.folder.glob(pattern):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > seconds:
                        shutil.rmtree(path, ignore_errors=True)


def _use(path: Path) -> None:
    with suppress(OSError):  # a cache on a disk that only reads serves, too
        os.utime(path)


def _stored(path: Path) -> Stored:
    manifest = files.read_manifest(path)
    size = sum(file.stat().st_size for file in path.iterdir())
    return Stored(path, manifest, size, path.stat().st_mtime)


def _replace(new: Path, final: Path) -> None:
    for file in new.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    if final.exists():
        _remove(final)
    new.replace(final)


def _remove(path: Path) -> None:
    # Renamed first, so that nobody ever finds half of it.
    aside = path.with_name(f".old-{path.name[:16]}-{os.getpid()}-{next(_numbers)}")
    with suppress(FileNotFoundError):
        path.replace(aside)
        shutil.rmtree(aside, ignore_errors=True)
