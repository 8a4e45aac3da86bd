"""A neighbour graph in files that never change, and in memory what came after them. Derived, can be rebuilt."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from skilllib.errors import StorageFailed
from skilllib.library.index import ExactIndex, Stamp, read_stamp
from skilllib.protocols import Vectors

Mask: TypeAlias = npt.NDArray[np.bool_]

_LINKS, _BUILD_WIDTH, _SEARCH_WIDTH = 24, 300, 64
"""Neighbours of a node, and candidates kept while building and searching. Skills lie in clusters, between which a graph of fewer
links, or one built with less care, loses its way: then all that it finds is wrong."""
_SPARE = 16
"""Candidates beyond those that are asked for, since the graph orders them by rounded vectors."""
_MOST = 8
"""The graph is asked for less than one in so many of its nodes; for more, all vectors are looked at."""
_SETS = 16
"""Sets of keys whose rows are remembered."""
_BLOCK = 4096
"""Vectors that are looked at at once."""
TAIL = 1000
"""Vectors beside the graph that are scanned with every query, before they are taken into the next graph."""
_MADE_WITH = [_LINKS, _BUILD_WIDTH]
"""A graph that was made otherwise is made anew."""
_FILES = ("graph", "keys.npy", "vectors.npy")
_CHUNK = 1 << 22


@dataclass
class _Nodes:
    """A graph that is mapped, and what belongs to it; replaced as a whole, so that whoever searches has parts of one state."""

    file: Path
    graph: Any
    keys: Any
    """(n,) bytes."""
    vectors: Any
    """(n, d) in half precision."""
    held: Mask
    """Which nodes count; the others were dropped."""
    masks: dict[frozenset[str] | None, tuple[Mask, int]] = field(default_factory=dict)
    """For sets of keys that are asked for in turn, and for all, which nodes count and how many; another dictionary as soon as
    one is dropped."""

    @cached_property
    def order(self) -> Any:
        """Rows in the order of their keys."""
        return np.argsort(self.keys)

    def rows(self, keys: Sequence[str]) -> Any:
        """Return where the keys are that it knows."""
        if not len(self.keys):
            return np.empty(0, dtype=np.int64)
        wanted = np.array([key.encode() for key in keys], dtype="S64")
        at = self.order[np.minimum(np.searchsorted(self.keys, wanted, sorter=self.order), len(self.keys) - 1)]
        return at[self.keys[at] == wanted]

    def drop(self, keys: Sequence[str]) -> int:
        """Count nodes no longer; return how many did."""
        rows = self.rows(keys)
        lost = int(np.count_nonzero(self.held[rows]))
        self.held[rows] = False
        self.masks = {}
        return lost

    def among(self, keys: frozenset[str] | None) -> tuple[Mask, int]:
        """Return which nodes count and are of these keys, or of any, and how many they are."""
        masks = self.masks
        if (found := masks.get(keys)) is None:
            mask = self.held
            if keys is not None:
                mask = np.zeros(len(self.keys), dtype=bool)
                mask[self.rows(sorted(keys))] = True
                mask &= self.held
            if len(masks) >= _SETS:
                masks.clear()
            found = masks[keys] = mask, int(np.count_nonzero(mask))
        return found

    def nearest(self, vector: Vectors, k: int, among: frozenset[str] | None) -> list[tuple[str, float]]:
        rows = self._near(vector, *self.among(among), k)
        cosines = self._cosines(rows, vector)
        if len(rows) > max(k, _BLOCK):
            best = np.flatnonzero(cosines >= np.partition(cosines, -k)[-k])
            rows, cosines = rows[best], cosines[best]
        # Of so few Python makes an order sooner than numpy, whose every function has left the processor's caches.
        pairs = sorted(zip((-cosines).tolist(), self.keys[rows].tolist(), strict=True))[:k]
        return [(name.decode(), -cosine) for cosine, name in pairs]

    def _near(self, vector: Vectors, held: Mask, count: int, k: int) -> Any:
        """Return at least k rows of those that are held, or all there are, among them the nearest."""
        if not count:
            return np.empty(0, dtype=np.int64)
        wanted = (k + _SPARE) * len(held) // count
        while wanted * _MOST < len(held):
            rows = self.graph.search(vector, wanted, threads=1).keys.astype(np.int64)
            places = np.flatnonzero(held[rows])
            # What lies in the outer half alone lies at the margin of the search, where a graph misses most.
            if len(places) >= min(k, count) and places[0] < wanted // 2:
                return rows[places]
            wanted *= 2  # what is held lies far from the query
        return np.flatnonzero(held)

    def _cosines(self, rows: Any, vector: Vectors) -> Any:
        # einsum and not `@`: see `ExactIndex`.
        if len(rows) <= _BLOCK:
            return np.einsum("ij,j->i", self.vectors[rows].astype(np.float32), vector)
        return np.concatenate([self._cosines(rows[at : at + _BLOCK], vector) for at in range(0, len(rows), _BLOCK)])


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
        self._dropped = 0
        """Nodes that were dropped since the graph was written; those that were dropped before have no key in its files."""
        self._state: tuple[_Nodes | None, ExactIndex] = (None, ExactIndex())
        """What is in files, and what came after it."""
        self._stamp = self._opened()

    def put(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Store or replace vectors, (n, d)."""
        nodes, tail = self._state
        self._dropped += nodes.drop(keys) if nodes else 0
        tail.put(keys, vectors)

    def drop(self, keys: Sequence[str]) -> None:
        """Forget keys; unknown ones are ignored."""
        nodes, tail = self._state
        self._dropped += nodes.drop(keys) if nodes else 0
        tail.drop(keys)

    def nearest(self, vector: Vectors, *, k: int, among: frozenset[str] | None = None) -> list[tuple[str, float]]:
        """Return at most k (key, cosine) pairs, best first; ties keep the smaller key.

        Args:
            vector: The query's, (d,).
            k: How many.
            among: The keys that count; all by default.
        """
        if k < 1:
            return []
        nodes, tail = self._state
        pairs = tail.nearest(vector, k=k, among=among)
        pairs += nodes.nearest(np.asarray(vector, dtype=np.float32), k, among) if nodes else []
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:k]

    def vectors(self, keys: Sequence[str]) -> Vectors | None:
        """Return the vectors of keys in half precision, (n, d); None if one of them is not here."""
        nodes, _ = self._state
        rows = nodes.rows(keys) if nodes else []
        if nodes is None or len(rows) < len(keys) or not nodes.held[rows].all():
            return None
        return np.asarray(nodes.vectors[rows], dtype=np.float32)

    def keys(self) -> set[str]:
        """Return all keys."""
        nodes, tail = self._state
        return {key.decode() for key in nodes.keys[nodes.held].tolist()} | tail.keys() if nodes else tail.keys()

    def __len__(self) -> int:
        nodes, tail = self._state
        return (int(np.count_nonzero(nodes.held)) if nodes else 0) + len(tail)

    def stamp(self) -> Stamp | None:
        """Return which state is held, None for none."""
        return self._stamp

    def sign(self, stamp: Stamp) -> None:
        """Say which state is held; a graph is written when enough has changed since the last one.

        Raises:
            StorageFailed: The disk refuses.
        """
        self._stamp = stamp
        if len(self._state[1]) > TAIL or self._dropped > TAIL:
            self._keep(stamp)

    def clear(self) -> None:
        """Hold nothing, and let no file count."""
        with suppress(OSError):
            (self.folder / "hnsw.json").unlink()
        self._state, self._dropped, self._stamp = (None, ExactIndex()), 0, None

    def close(self) -> None:
        """Let go of the files."""
        self._state = (None, self._state[1])

    def _opened(self) -> Stamp | None:
        """Map the files that are valid, if there are any and they are what was written; then nothing comes after them."""
        from usearch.index import Index

        try:
            said = json.loads((self.folder / "hnsw.json").read_text(encoding="utf-8"))
            files = [self.folder / said["name"] / name for name in _FILES]
            # A graph that is not what was written could end the process.
            if said["made_with"] != _MADE_WITH or [_check(file) for file in files] != said["checks"]:
                return None
            graph: Any = Index.restore(str(files[0]), view=True)
            # Plain arrays: what numpy makes of a map takes longer at every step.
            keys, vectors = (np.asarray(np.load(file, mmap_mode="r")) for file in files[1:])
            if graph is None:
                return None
            graph.expansion_search = _SEARCH_WIDTH
            stamp = read_stamp(said["stamp"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            return None
        self._state, self._dropped = (_Nodes(files[0], graph, keys, vectors, keys != b""), ExactIndex()), 0
        return stamp

    def _keep(self, stamp: Stamp) -> None:
        if not len(self):  # a graph without nodes is nothing that could be mapped
            self.clear()
            self._stamp = stamp
            return
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
            new.write_text(json.dumps({"name": name, "stamp": stamp, "checks": checks, "made_with": _MADE_WITH}), encoding="utf-8")
            new.replace(self.folder / "hnsw.json")
        except OSError as error:
            raise StorageFailed(f"cannot write the index to {self.folder}: {error}") from error
        for other in self.folder.glob("hnsw-*"):
            if other != folder and other.is_dir():  # a process that has one mapped keeps it until it lets go
                shutil.rmtree(other, ignore_errors=True)
        self._opened()

    def _grown(self) -> tuple[Any, Any, Any]:
        """Return a graph of what is held now, and the key and the vector of each of its nodes."""
        from usearch.index import Index

        nodes, tail = self._state
        names, matrix = tail.matrix()
        added = np.array([key.encode() for key in names], dtype="S64")
        if nodes is not None and len(self) > (len(nodes.keys) + len(added)) // 2:
            kept, first = np.arange(len(nodes.keys)), len(nodes.keys)
            # Nodes that were dropped stay in it, without a key: what usearch saves after a removal is damaged.
            graph: Any = Index.restore(str(nodes.file), view=False)
        else:
            kept, first = np.flatnonzero(nodes.held) if nodes else np.empty(0, dtype=np.int64), 0
            dims = nodes.vectors.shape[1] if nodes else matrix.shape[1]
            graph = Index(ndim=dims, metric="ip", dtype="i8", connectivity=_LINKS, expansion_add=_BUILD_WIDTH)
        keys, vectors = added, matrix.astype(np.float16)
        if nodes is not None:
            keys = np.concatenate([nodes.keys[kept], added])
            vectors = np.concatenate([nodes.vectors[kept], vectors.reshape(len(added), nodes.vectors.shape[1])])
            keys[:first][~nodes.held[:first]] = b""
        if first < len(keys):
            # One thread: the same graph again.
            graph.add(np.arange(first, len(keys)), vectors[first:].astype(np.float32), threads=1)
        return graph, keys, vectors


def _check(file: Path) -> int:
    check = 0
    with open(file, "rb") as opened:
        while chunk := opened.read(_CHUNK):
            check = zlib.crc32(chunk, check)
    return check
