"""A neighbour graph in files that never change, and in memory what came after them. Derived, can be rebuilt."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from skilllib.errors import StorageFailed
from skilllib.library.index import ExactIndex, Stamp, read_stamp
from skilllib.protocols import Vectors

_LINKS, _BUILD_WIDTH, _SEARCH_WIDTH = 16, 128, 96
"""Neighbours of a node, and candidates kept while building and searching: of the true ten nearest it finds 98 in 100 and more."""
_SPARE = 16
"""Candidates beyond those that are asked for, since the graph orders them by rounded vectors."""
TAIL = 1000
"""Vectors beside the graph that are scanned with every query, before they are taken into the next graph."""
_FILES = ("graph", "keys.npy", "vectors.npy")
_CHUNK = 1 << 22


class HnswIndex:
    """Approximate neighbours (HNSW, usearch) for large libraries.

    The graph finds candidates by vectors rounded to bytes: a search waits for memory, and so takes half the time. Beside it
    are the vectors in half precision, by which these are ordered. Both are files that are mapped into memory and never
    written again; a later state is other files beside them, and one small file, replaced at once, says which are valid. So
    any number of processes read and write without a lock, and one that dies leaves the old state. What changed since is held
    in memory and scanned exactly.

    Args:
        folder: Where the files are; made when a graph is first kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._graph: Any = None
        self._file = folder
        self._keys: Any = np.empty(0, dtype="S64")
        self._vectors: Any = None
        self._order: Any = None
        self._gone: set[int] = set()
        self._tail = ExactIndex()
        self._dropped = 0
        """Nodes that were dropped since the graph was written; it leaves out itself those that were dropped before."""
        self._stamp = self._opened()

    def put(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Store or replace vectors, (n, d)."""
        self._lose(keys)
        self._tail.put(keys, vectors)

    def drop(self, keys: Sequence[str]) -> None:
        """Forget keys; unknown ones are ignored."""
        self._lose(keys)
        self._tail.drop(keys)

    def nearest(self, vector: Vectors, *, k: int) -> list[tuple[str, float]]:
        """Return at most k (key, cosine) pairs, best first; ties keep the smaller key."""
        pairs = self._tail.nearest(vector, k=k)
        if k > 0 and len(self._keys) > len(self._gone):
            asked = np.asarray(vector, dtype=np.float32)
            rows = self._graph.search(asked, min(k + self._dropped + _SPARE, len(self._graph))).keys.astype(np.int64)
            cosines = (self._vectors[rows].astype(np.float32) @ asked).tolist()
            found = zip(self._keys[rows].tolist(), rows.tolist(), cosines, strict=True)
            pairs += [(key.decode(), cosine) for key, row, cosine in found if row not in self._gone]
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:k]

    def vectors(self, keys: Sequence[str]) -> Vectors | None:
        """Return the vectors of keys in half precision, (n, d); None if one of them is not here."""
        rows = self._rows(keys)
        if len(rows) < len(keys) or self._gone.intersection(rows):
            return None
        return np.asarray(self._vectors[rows], dtype=np.float32)

    def keys(self) -> set[str]:
        """Return all keys."""
        return {key.decode() for row, key in enumerate(self._keys) if row not in self._gone} | self._tail.keys()

    def __len__(self) -> int:
        return len(self._keys) - len(self._gone) + len(self._tail)

    def stamp(self) -> Stamp | None:
        """Return which state is held, None for none."""
        return self._stamp

    def sign(self, stamp: Stamp) -> None:
        """Say which state is held; a graph is written when enough has changed since the last one.

        Raises:
            StorageFailed: The disk refuses.
        """
        self._stamp = stamp
        if len(self._tail) > TAIL or self._dropped > TAIL:
            self._keep(stamp)

    def clear(self) -> None:
        """Hold nothing, and let no file count."""
        self.close()
        with suppress(OSError):
            (self.folder / "hnsw.json").unlink()
        self._tail, self._dropped, self._stamp = ExactIndex(), 0, None

    def close(self) -> None:
        """Let go of the files."""
        self._graph, self._keys, self._vectors, self._order, self._gone = None, np.empty(0, dtype="S64"), None, None, set()

    def _lose(self, keys: Sequence[str]) -> None:
        lost = set(self._rows(keys)) - self._gone
        self._gone |= lost
        self._dropped += len(lost)

    def _rows(self, keys: Sequence[str]) -> list[int]:
        """Return where the keys are that the graph knows."""
        if not len(self._keys):
            return []
        if self._order is None:
            self._order = np.argsort(self._keys)
        wanted = np.array([key.encode() for key in keys], dtype="S64")
        at = self._order[np.minimum(np.searchsorted(self._keys, wanted, sorter=self._order), len(self._keys) - 1)]
        return [int(row) for row in at[self._keys[at] == wanted]]

    def _opened(self) -> Stamp | None:
        """Map the files that are valid, if there are any and they are what was written."""
        from usearch.index import Index

        try:
            said = json.loads((self.folder / "hnsw.json").read_text(encoding="utf-8"))
            files = [self.folder / said["name"] / name for name in _FILES]
            if [_check(file) for file in files] != said["checks"]:  # a graph that is not what was written could end the process
                return None
            graph, keys, vectors = files
            self._file, self._graph = graph, Index.restore(str(graph), view=True)
            self._keys, self._vectors = np.load(keys, mmap_mode="r"), np.load(vectors, mmap_mode="r")
            self._graph.expansion_search = _SEARCH_WIDTH
            self._gone = set(np.flatnonzero(self._keys == b"").tolist())
            return read_stamp(said["stamp"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            self.close()
            return None

    def _keep(self, stamp: Stamp) -> None:
        name = f"hnsw-{uuid4().hex[:12]}"
        folder = self.folder / name
        new = self.folder / f"{name}.json"
        try:
            folder.mkdir(parents=True)
            graph, keys, vectors = self._grown()
            graph.save(str(folder / "graph"))
            np.save(folder / "keys.npy", keys)
            np.save(folder / "vectors.npy", vectors)
            checks = [_check(folder / file) for file in _FILES]
            new.write_text(json.dumps({"name": name, "stamp": stamp, "checks": checks}), encoding="utf-8")
            new.replace(self.folder / "hnsw.json")
        except OSError as error:
            raise StorageFailed(f"cannot write the index to {self.folder}: {error}") from error
        for other in self.folder.glob("hnsw-*"):
            if other != folder and other.is_dir():  # a process that has one mapped keeps it until it lets go
                shutil.rmtree(other, ignore_errors=True)
        self._tail, self._dropped, self._order = ExactIndex(), 0, None
        self._opened()

    def _grown(self) -> tuple[Any, Any, Any]:
        """Return a graph of what is held now, and the key and the vector of each of its nodes."""
        from usearch.index import Index

        new, vectors = self._tail.matrix()
        added, names = vectors.astype(np.float16), np.array([key.encode() for key in new], dtype="S64")
        if self._graph is not None and len(self) > (len(self._keys) + len(names)) // 2:
            kept = np.arange(len(self._keys))
            graph: Any = Index.restore(str(self._file), view=False)
            graph.remove(np.fromiter(self._gone, dtype=np.uint64))
            first = len(kept)
        else:
            kept = np.array([row for row in range(len(self._keys)) if row not in self._gone], dtype=np.int64)
            graph = Index(ndim=vectors.shape[1], metric="ip", dtype="i8", connectivity=_LINKS, expansion_add=_BUILD_WIDTH)
            first = 0
        keys = np.concatenate([self._keys[kept], names])
        held = np.concatenate([self._vectors[kept], added]) if len(kept) else added
        if first:
            keys[list(self._gone)] = b""
        graph.add(np.arange(first, len(keys)), held[first:].astype(np.float32), threads=1)  # one thread: the same graph again
        return graph, keys, held


def _check(file: Path) -> int:
    check = 0
    with open(file, "rb") as opened:
        while chunk := opened.read(_CHUNK):
            check = zlib.crc32(chunk, check)
    return check
