"""Skill folders on disk or in an archive, read into memory under limits. Nothing is unpacked, nothing is followed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from skilllib.errors import ImportRefused
from skilllib.exchange.hidden import refuse_hidden

MAX_FILE = 1_000_000
"""Bytes of a file that is read; a larger one is there by name only."""
MAX_TOTAL = 64_000_000
"""Bytes of an archive, packed or unpacked, and of what is read of one skill's folder."""
MAX_RATIO = 200
"""How many times larger than its archive the contents may be; text shrinks to a tenth, rarely to a fiftieth."""
MAX_ENTRIES = 20_000
MAX_DEPTH = 16
HEAD = "SKILL.md"
_HEADS = (HEAD, "skill.md")  # the reference validator takes both
_STREAMS: dict[bytes, Callable[[Path, str], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, ValueError, NotImplementedError)


@dataclass(kw_only=True)
class Folder:
    """One skill's folder."""

    place: str
    """Where it was found, for messages."""
    name: str | None
    """Its own name; None for an archive that holds no folder around the skill."""
    files: dict[str, bytes | None] = field(default_factory=dict)
    """Path within the folder → contents; None where the file is too large to be read."""
    fault: str = ""
    """Why it cannot be taken in."""


def skill_folders(path: Path) -> list[Folder]:
    """Return the skill folders in a folder or an archive, sorted by place.

    Raises:
        ImportRefused: An archive is hostile or broken, or there is no skill.
    """
    if not path.exists():
        raise ImportRefused(f"there is no {str(path)!r}")
    found = [_read(root, place) for root, place in _roots(path)] if path.is_dir() else _grouped(_archived(path))
    if not found:
        raise ImportRefused(f"{str(path)!r} holds no {HEAD}; name a skill's folder, a folder of such, or an archive of them")
    return sorted(found, key=lambda folder: folder.place)


# ---- folders


def _roots(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the outermost folders that hold a SKILL.md; hidden ones and links are not entered."""
    pending, seen = [(path, 0)], 0
    while pending:
        folder, depth = pending.pop()
        entries = _entries(folder)
        seen += len(entries)
        if seen > MAX_ENTRIES or depth > MAX_DEPTH:
            raise ImportRefused(f"{str(path)!r} holds more than {MAX_ENTRIES} entries or {MAX_DEPTH} levels; name a skill's folder")
        if any(entry.name in _HEADS for entry in entries):
            yield folder, folder.relative_to(path).as_posix() if folder != path else folder.resolve().name
        else:
            pending += [(folder / entry.name, depth + 1) for entry in entries if _enters(entry)]


def _enters(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise ImportRefused(f"{str(folder)!r} cannot be read: {error.strerror}") from error


def _read(root: Path, place: str) -> Folder:
    folder = Folder(place=place, name=root.resolve().name)
    try:
        for name, entry in _walked(root):
            folder.files[name] = _contents(name, entry)
            if sum(len(data or b"") for data in folder.files.values()) > MAX_TOTAL:
                raise ImportRefused(f"more than {MAX_TOTAL} bytes")
        refuse_collisions(folder.files)
    except ImportRefused as error:
        folder.fault = str(error)
    return folder


def _walked(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    pending = [(root, "")]
    seen = 0
    while pending:
        folder, prefix = pending.pop()
        for entry in _entries(folder):
            seen += 1
            name = f"{prefix}{entry.name}"
            refuse_name(name)
            if seen > MAX_ENTRIES:
                raise ImportRefused(f"more than {MAX_ENTRIES} entries")
            if entry.is_dir(follow_symlinks=False):
                pending.append((Path(entry.path), f"{name}/"))
            else:
                yield name, entry


def _contents(name: str, entry: os.DirEntry[str]) -> bytes | None:
    found = entry.stat(follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        raise ImportRefused(f"{name!r} is a link; put a copy of the file there")
    if not stat.S_ISREG(found.st_mode):
        raise ImportRefused(f"{name!r} is neither a file nor a folder")
    if found.st_nlink > 1:
        raise ImportRefused(f"{name!r} is a hard link to a file that stands elsewhere too; put a copy there")
    if found.st_size > MAX_FILE:
        return None
    try:
        return Path(entry.path).read_bytes()
    except OSError as error:
        raise ImportRefused(f"{name!r} cannot be read: {error.strerror}") from error


# ---- archives


def _archived(path: Path) -> dict[str, bytes | None]:
    size = path.stat().st_size
    if size > MAX_TOTAL:
        raise ImportRefused(f"{str(path)!r} has {size} bytes; an archive has at most {MAX_TOTAL}")
    most = min(MAX_TOTAL, max(MAX_FILE, size * MAX_RATIO))
    files: dict[str, bytes | None] = {}
    try:
        members = _zipped(path, most) if zipfile.is_zipfile(path) else _tarred(path, most)
        for name, data in members:
            if name in files:
                raise ImportRefused(f"{name!r} is in the archive twice")
            files[name] = data
            if len(files) > MAX_ENTRIES:
                raise ImportRefused(f"the archive holds more than {MAX_ENTRIES} files")
        refuse_collisions(files)
    except ImportRefused as error:
        raise ImportRefused(f"{str(path)!r}: {error}") from None
    except _BROKEN as error:
        raise ImportRefused(f"{str(path)!r} is no folder, zip, tar or file of JSON lines that can be read: {error}") from None
    return files


def _zipped(path: Path, most: int) -> Iterator[tuple[str, bytes | None]]:
    unpacked = 0
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.orig_filename.rstrip("/")
            refuse_name(name)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ImportRefused(f"{name!r} is a link or a device; an archive of skills holds files")
            if member.flag_bits & 1:
                raise ImportRefused(f"{name!r} is encrypted")
            if member.is_dir():
                continue
            with archive.open(member) as stream:
                data = _bounded(stream, most - unpacked)
            unpacked += len(data)
            yield name, data if len(data) <= MAX_FILE else None


def _tarred(path: Path, most: int) -> Iterator[tuple[str, bytes | None]]:
    # Unpacked first, under the limit: a tar's own headers may claim any length, and Python reads them whole.
    with path.open("rb") as file:
        start = file.read(6)
    opened = next((opened for magic, opened in _STREAMS.items() if start.startswith(magic)), None)
    with (opened or open)(path, "rb") as stream:
        contents = io.BytesIO(_bounded(stream, most))
    with tarfile.open(fileobj=contents, mode="r:") as archive:
        for member in archive:
            name = member.name.rstrip("/")
            refuse_name(name.removeprefix("./") if name != "." else "root")
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                raise ImportRefused(f"{name!r} is a link or a device; an archive of skills holds files")
            stream_of = archive.extractfile(member)
            data = stream_of.read(MAX_FILE + 1) if stream_of else b""
            yield name.removeprefix("./"), data if len(data) <= MAX_FILE else None


def _bounded(stream: IO[bytes], most: int) -> bytes:
    data = stream.read(most + 1)
    if len(data) > most:
        raise ImportRefused(f"it unpacks to more than {MAX_TOTAL} bytes, or to more than {MAX_RATIO} times its size")
    return data


def _grouped(files: dict[str, bytes | None]) -> list[Folder]:
    """Return the outermost folders that hold a SKILL.md, as `_roots` does."""
    heads = {name.rpartition("/")[0] for name in files if name.rpartition("/")[2] in _HEADS}
    roots = sorted(root for root in heads if not any(_within(root, other) for other in heads if other != root))
    folders = []
    for root in roots:
        if any(part.startswith(".") for part in root.split("/")):
            continue
        start = len(root) + 1 if root else 0
        inside = {name[start:]: data for name, data in files.items() if _within(name, root)}
        folders.append(Folder(place=root or HEAD, name=root.rpartition("/")[2] or None, files=inside))
    return folders


def _within(name: str, root: str) -> bool:
    return not root or name.startswith(f"{root}/")


# ---- names


def refuse_name(name: str) -> None:
    """Raise if a path leads out of its folder, or is none that every disk can hold.

    Raises:
        ImportRefused: With the path.
    """
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or ":" in parts[0] or any(part in ("", ".", "..") for part in parts):
        raise ImportRefused(f"{name!r} leads out of its folder or is no plain path")
    if len(parts) > MAX_DEPTH or len(name) > 1000:
        raise ImportRefused(f"{name[:60]!r}… is nested more than {MAX_DEPTH} levels deep or too long")
    refuse_hidden(name.replace("\n", "\0").replace("\r", "\0"), f"the file name {name!r}")


def refuse_collisions(files: Iterable[str]) -> None:
    """Raise if two paths are one on a disk that knows no case or another form of Unicode.

    Raises:
        ImportRefused: With both.
    """
    seen: dict[str, str] = {}
    for name in files:
        parts = name.split("/")
        for prefix in ("/".join(parts[:i]) for i in range(1, len(parts) + 1)):
            first = seen.setdefault(unicodedata.normalize("NFC", prefix).casefold(), prefix)
            if first != prefix:
                raise ImportRefused(f"{first!r} and {prefix!r} are one name where case does not count")
