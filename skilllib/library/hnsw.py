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

_LINKS, _BUILD_WIDTH, _SEARCH_WIDTH = 16, 128, 128
"""Neighbours of a node, and candidates kept while building and searching: of the true ten nearest it finds 98 in 100 and more."""
TAIL = 1000
"""Vectors beside the graph that are scanned with every query, before they are taken into the next graph."""
_CHUNK = 1 << 22


class HnswIndex:
    """Approximate neighbours (HNSW, usearch, half precision) for large libraries.

    The graph is a file that is mapped into memory and never written again; a later state is another file beside it, and one
    small file, replaced at once, says which is valid. So any number of processes read and write without a lock, and one that
    dies leaves the old state. What changed since is held in memory and scanned exactly.

    Args:
        folder: Where the files are; made when a graph is first kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._graph: Any = None
        self._file = folder
        self._keys: Any = np.empty(0, dtype="S64")
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
            found = self._graph.search(np.asarray(vector, dtype=np.float32), min(k + self._dropped, len(self._graph)))
            rows = zip(found.keys.tolist(), found.distances.tolist(), strict=True)
            pairs += [(self._keys[row].decode(), 1.0 - distance) for row, distance in rows if row not in self._gone]
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:k]

    def vectors(self, keys: Sequence[str]) -> Vectors | None:
        """Return the vectors of keys in the precision of the graph, (n, d); None if one of them is not here."""
        rows = self._rows(keys)
        if len(rows) < len(keys) or self._gone.intersection(rows):
            return None
        return np.asarray(self._graph.get(np.array(rows, dtype=np.uint64)), dtype=np.float32)

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
        self._graph, self._keys, self._order, self._gone = None, np.empty(0, dtype="S64"), None, set()

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
            graph, keys = self.folder / said["name"] / "graph", self.folder / said["name"] / "keys.npy"
            if [_check(graph), _check(keys)] != said["checks"]:  # a graph that is not what was written could end the process
                return None
            self._file, self._graph, self._keys = graph, Index.restore(str(graph), view=True), np.load(keys, mmap_mode="r")
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
            graph, keys = self._grown()
            graph.save(str(folder / "graph"))
            np.save(folder / "keys.npy", keys)
            checks = [_check(folder / "graph"), _check(folder / "keys.npy")]
            new.write_text(json.dumps({"name": name, "stamp": stamp, "checks": checks}), encoding="utf-8")
            new.replace(self.folder / "hnsw.json")
        except OSError as error:
            raise StorageFailed(f"cannot write the index to {self.folder}: {error}") from error
        for other in self.folder.glob("hnsw-*"):
            if other != folder and other.is_dir():  # a process that has one mapped keeps it until it lets go
                shutil.rmtree(other, ignore_errors=True)
        self._tail, self._dropped, self._order = ExactIndex(), 0, None
        self._opened()

    def _grown(self) -> tuple[Any, Any]:
        """Return a graph of what is held now, and the key of each of its nodes."""
        from usearch.index import Index

        new, vectors = self._tail.matrix()
        names = np.array([key.encode() for key in new], dtype="S64")
        keys = np.concatenate([self._keys, names])
        if self._graph is not None and len(self) > len(keys) // 2:
            graph: Any = Index.restore(str(self._file), view=False)
            graph.remove(np.fromiter(self._gone, dtype=np.uint64))
        else:
            graph = Index(ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=_LINKS, expansion_add=_BUILD_WIDTH)
            kept = [row for row in range(len(self._keys)) if row not in self._gone]
            keys = np.concatenate([self._keys[kept], names])
            if kept:
                vectors = np.concatenate([np.asarray(self._graph.get(np.array(kept)), dtype=np.float32), vectors])
        first = len(keys) - len(vectors)
        keys[[row for row in self._gone if row < first]] = b""
        graph.add(np.arange(first, len(keys)), vectors, threads=1)  # one thread: the same graph again
        return graph, keys


def _check(file: Path) -> int:
    check = 0
    with open(file, "rb") as opened:
        while chunk := opened.read(_CHUNK):
            check = zlib.crc32(chunk, check)
    return check
