"""A neighbour graph in files that never change, and in memory what came after them. Derived, can be rebuilt."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from skilllib.errors import StorageFailed
from skilllib.library.index import ExactIndex, Stamp, nearest_among, read_stamp
from skilllib.protocols import Vectors

Mask: TypeAlias = npt.NDArray[np.bool_]

_LINKS, _BUILD_WIDTH, _SEARCH_WIDTH = 16, 128, 96
"""Neighbours of a node, and candidates kept while building and searching: of the true ten nearest it finds 98 in 100 and more."""
_SPARE = 16
"""Candidates beyond those that are asked for, since the graph orders them by rounded vectors."""
_MOST = 8
"""The graph is asked for less than one in so many of its nodes; for more, all vectors are looked at."""
_SETS = 16
"""Sets of keys whose rows are remembered."""
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
        self._held: Mask = np.empty(0, dtype=bool)
        """Which nodes count; the others were dropped."""
        self._masks: dict[frozenset[str], Mask] = {}
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

    def nearest(self, vector: Vectors, *, k: int, among: frozenset[str] | None = None) -> list[tuple[str, float]]:
        """Return at most k (key, cosine) pairs, best first; ties keep the smaller key.

        Args:
            vector: The query's, (d,).
            k: How many.
            among: The keys that count; all by default.
        """
        if k < 1:
            return []
        pairs = self._tail.nearest(vector, k=k) if among is None else nearest_among(self._tail, vector, among, k=k)
        rows = self._near(asked := np.asarray(vector, dtype=np.float32), self._held if among is None else self._mask(among), k)
        cosines = self._vectors[rows].astype(np.float32) @ asked if len(rows) else np.empty(0, dtype=np.float32)
        names = self._keys[rows]
        best = np.lexsort((names, -cosines))[:k]
        pairs += zip([name.decode() for name in names[best].tolist()], cosines[best].tolist(), strict=True)
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:k]

    def _near(self, vector: Vectors, held: Mask, k: int) -> Any:
        """Return at least k rows of those that are held, or all there are, among them the nearest."""
        if not (count := int(np.count_nonzero(held))):
            return np.empty(0, dtype=np.int64)
        wanted = (k + _SPARE) * len(held) // count
        while wanted * _MOST < len(held):
            rows = self._graph.search(vector, wanted).keys.astype(np.int64)
            if len(rows := rows[held[rows]]) >= min(k, count):
                return rows
            wanted *= 4  # what is held lies far from the query
        return np.flatnonzero(held)

    def _mask(self, among: frozenset[str]) -> Mask:
        """Return which rows are held and among these keys; a set is asked for many times in turn."""
        if (known := self._masks.get(among)) is None:
            known = np.zeros(len(self._keys), dtype=bool)
            known[self._rows(sorted(among))] = True
            self._masks = {**(self._masks if len(self._masks) < _SETS else {}), among: known & self._held}
        return self._masks[among]

    def vectors(self, keys: Sequence[str]) -> Vectors | None:
        """Return the vectors of keys in half precision, (n, d); None if one of them is not here."""
        rows = self._rows(keys)
        if len(rows) < len(keys) or not self._held[rows].all():
            return None
        return np.asarray(self._vectors[rows], dtype=np.float32)

    def keys(self) -> set[str]:
        """Return all keys."""
        return {key.decode() for key in self._keys[self._held].tolist()} | self._tail.keys()

    def __len__(self) -> int:
        return int(np.count_nonzero(self._held)) + len(self._tail)

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
        self._graph, self._keys, self._vectors, self._order = None, np.empty(0, dtype="S64"), None, None
        self._held, self._masks = np.empty(0, dtype=bool), {}

    def _lose(self, keys: Sequence[str]) -> None:
        rows = self._rows(keys)
        self._dropped += int(np.count_nonzero(self._held[rows]))
        self._held[rows] = False
        self._masks = {}

    def _rows(self, keys: Sequence[str]) -> Any:
        """Return where the keys are that the graph knows."""
        if not len(self._keys):
            return np.empty(0, dtype=np.int64)
        if self._order is None:
            self._order = np.argsort(self._keys)
        wanted = np.array([key.encode() for key in keys], dtype="S64")
        at = self._order[np.minimum(np.searchsorted(self._keys, wanted, sorter=self._order), len(self._keys) - 1)]
        return at[self._keys[at] == wanted]

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
            # Plain arrays: what numpy makes of a map takes longer at every step.
            self._keys, self._vectors = (np.asarray(np.load(file, mmap_mode="r")) for file in (keys, vectors))
            self._graph.expansion_search = _SEARCH_WIDTH
            self._held = self._keys != b""
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
            graph.remove(np.flatnonzero(~self._held).astype(np.uint64))
            first = len(kept)
        else:
            kept = np.flatnonzero(self._held)
            graph = Index(ndim=vectors.shape[1], metric="ip", dtype="i8", connectivity=_LINKS, expansion_add=_BUILD_WIDTH)
            first = 0
        keys = np.concatenate([self._keys[kept], names])
        held = np.concatenate([self._vectors[kept], added]) if len(kept) else added
        if first:
            keys[:first][~self._held] = b""
        graph.add(np.arange(first, len(keys)), held[first:].astype(np.float32), threads=1)  # one thread: the same graph again
        return graph, keys, held


def _check(file: Path) -> int:
    check = 0
    with open(file, "rb") as opened:
        while chunk := opened.read(_CHUNK):
            check = zlib.crc32(chunk, check)
    return check
