"""Vectors by key, in memory and exact; and what says which state of a library an index holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from skilllib.errors import InvalidRecord
from skilllib.protocols import Index, Vectors

IndexWord: TypeAlias = Literal["auto", "exact", "hnsw", "chroma"]
"""A word for an index of ours."""


class Stamp(NamedTuple):
    """Says which state of which library an index holds: the last ledger entry that changed the active skills."""

    entry: int
    hash: str
    """Of that entry; it covers all entries before it, so two libraries never agree by accident."""
    fingerprint: str
    """Of the embedder."""


class ExactIndex:
    """All vectors in one matrix: exact, in memory, nothing on disk.

    One query over 10,000 vectors of 384 dimensions takes under a millisecond, over 100,000 about ten.
    """

    def __init__(self) -> None:
        self._rows: dict[str, Vectors] = {}
        self._order: list[str] = []
        self._matrix: Vectors | None = None

    def put(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Store or replace vectors, (n, d)."""
        self._rows.update(zip(keys, np.asarray(vectors, dtype=np.float32), strict=True))
        self._matrix = None

    def drop(self, keys: Sequence[str]) -> None:
        """Forget keys; unknown ones are ignored."""
        for key in keys:
            self._rows.pop(key, None)
        self._matrix = None

    def nearest(self, vector: Vectors, *, k: int, among: Collection[str] | None = None) -> list[tuple[str, float]]:
        """Return at most k (key, cosine) pairs, of all keys or of some, best first; ties keep the smaller key."""
        if not self._rows or k < 1:
            return []
        keys, matrix = self.matrix()
        # einsum and not `@`: BLAS with two threads on a busy machine was 100 times slower than one.
        cosines = np.einsum("ij,j->i", matrix, np.asarray(vector, dtype=np.float32))
        if among is not None:
            cosines[np.fromiter((key not in among for key in keys), dtype=bool, count=len(keys))] = -np.inf
            k = min(k, int(np.count_nonzero(cosines > -np.inf)))
        best = np.flatnonzero(cosines >= np.partition(cosines, -k)[-k]) if 0 < k < len(cosines) else np.arange(len(cosines))
        return [(keys[at], float(cosines[at])) for at in best[np.argsort(-cosines[best], kind="stable")[:k]]]

    def matrix(self) -> tuple[list[str], Vectors]:
        """Return all keys in sorted order, and their vectors, (n, d)."""
        if self._matrix is None:
            self._order = sorted(self._rows)
            self._matrix = np.stack([self._rows[key] for key in self._order]) if self._rows else np.empty((0, 0), dtype=np.float32)
            self._rows = dict(zip(self._order, self._matrix, strict=True))  # views: each vector is in memory once
        return self._order, self._matrix

    def vectors(self, keys: Sequence[str]) -> Vectors | None:
        """Return the vectors of keys, (n, d); None if one of them is not here."""
        found = [self._rows.get(key) for key in keys]
        return None if any(one is None for one in found) else np.stack([one for one in found if one is not None])

    def keys(self) -> set[str]:
        """Return all keys."""
        return set(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def nearest_among(index: Index, vector: Vectors, among: Collection[str], *, k: int, most: int) -> list[tuple[str, float]]:
    """Return the k nearest of some of the keys, best first: more and more are asked for until enough of them are there.

    Args:
        index: Whatever finds nearest ones of all keys.
        vector: The query's, (d,).
        among: The keys that count.
        k: How many.
        most: How many keys the index holds.
    """
    wanted = min(8 * k, most)
    while True:
        kept = [pair for pair in index.nearest(vector, k=wanted) if pair[0] in among]
        if len(kept) >= min(k, len(among)) or wanted >= most:
            return kept[:k]
        wanted = min(4 * wanted, most)


def read_stamp(found: Any) -> Stamp | None:
    """Return a stamp that was written as JSON; None for anything else."""
    if not isinstance(found, list) or [type(part) for part in found] != [int, str, str]:
        return None
    return Stamp(*found)


def refuse_no_index(choice: IndexWord | Index) -> None:
    """Raise unless something is an index, or a word for one.

    Raises:
        InvalidRecord: With what can be chosen.
    """
    verbs = (getattr(choice, verb, None) for verb in ("put", "drop", "nearest", "keys"))
    if choice not in get_args(IndexWord) if isinstance(choice, str) else not all(map(callable, verbs)):
        words = ", ".join(map(repr, get_args(IndexWord)))
        raise InvalidRecord(f"{choice!r} is no index; choose {words}, or give one that keeps skilllib.protocols.Index")
