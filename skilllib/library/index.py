"""Vectors by key: in memory and exact, or in Chroma. Both are derived from the database and can be rebuilt."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from skilllib.errors import StorageFailed
from skilllib.protocols import Vectors

BATCH = 5461
"""Most vectors Chroma takes at once: SQLite's 32,766 variables at six per row."""
_SEARCH_WIDTH = 200
"""Candidates HNSW keeps while it searches; the approximation is exact up to about this many neighbours."""


class ExactIndex:
    """All vectors in one matrix: exact, in memory, nothing on disk.

    One query over 10,000 vectors of 384 dimensions takes under a millisecond, over 100,000 about ten.
    """

    def __init__(self) -> None:
        self._rows: dict[str, Vectors] = {}
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

    def nearest(self, vector: Vectors, *, k: int) -> list[tuple[str, float]]:
        """Return at most k (key, cosine) pairs, best first; ties keep the smaller key."""
        if not self._rows or k < 1:
            return []
        if self._matrix is None:
            self._rows = dict(sorted(self._rows.items()))
            self._matrix = np.stack(list(self._rows.values()))
        # einsum and not `@`: BLAS with two threads on a busy machine was 100 times slower than one.
        cosines = np.einsum("ij,j->i", self._matrix, np.asarray(vector, dtype=np.float32))
        keys = list(self._rows)
        return [(keys[at], float(cosines[at])) for at in np.argsort(-cosines, kind="stable")[:k]]

    def keys(self) -> set[str]:
        """Return all keys."""
        return set(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class ChromaIndex:
    """Vectors in a Chroma directory of our own making: approximate (HNSW), cosine, for large libraries.

    Chroma is given vectors and no embedding function (its default one downloads), and sends no telemetry. One process at a
    time may have a directory open: two that write corrupt it silently, so callers hold the library's writer lock to open it.
    Never open a directory that somebody else made; delete it, it will be rebuilt.

    Args:
        folder: The directory; made when it is first written to.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._fresh = 1

    def put(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Store or replace vectors, (n, d), in batches."""
        for start in range(0, len(keys), BATCH):
            self._collection.upsert(ids=list(keys[start : start + BATCH]), embeddings=np.asarray(vectors[start : start + BATCH]))

    def drop(self, keys: Sequence[str]) -> None:
        """Forget keys; unknown ones are ignored."""
        for start in range(0, len(keys), BATCH):
            self._collection.delete(ids=list(keys[start : start + BATCH]))

    def nearest(self, vector: Vectors, *, k: int) -> list[tuple[str, float]]:
        """Return at most k (key, cosine) pairs, best first; ties keep the smaller key."""
        if k < 1 or not (count := len(self)):
            return []
        query = np.asarray(vector, dtype=np.float32)[None, :]
        found = self._collection.query(query_embeddings=query, n_results=min(k, count), include=["distances"])
        pairs = [(key, 1.0 - distance) for key, distance in zip(found["ids"][0], found["distances"][0], strict=True)]
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))

    def keys(self) -> set[str]:
        """Return all keys."""
        return set(self._pages())

    def __len__(self) -> int:
        return int(self._collection.count())

    def clear(self) -> None:
        """Delete the directory.

        Raises:
            StorageFailed: It cannot be deleted.
        """
        self.close()
        # Chroma remembers, for the life of a process, a directory that it failed to open: start in another one.
        self._fresh = self._number() + 1
        try:
            if self.folder.exists():
                shutil.rmtree(self.folder)
        except OSError as error:
            raise StorageFailed(f"cannot delete {self.folder}: {error}") from error

    def close(self) -> None:
        """Let go of the directory; the next use opens it again."""
        self.__dict__.pop("_collection", None)
        if (client := self.__dict__.pop("_client", None)) is not None:
            client.close()

    def _pages(self) -> Iterator[str]:
        for start in range(0, len(self), BATCH):
            yield from self._collection.get(limit=BATCH, offset=start, include=[])["ids"]

    def _number(self) -> int:
        names = [path.name.removeprefix("chroma-") for path in self.folder.glob("chroma-*")]
        return max((int(name) for name in names if name.isdecimal()), default=self._fresh)

    @cached_property
    def _client(self) -> Any:
        import chromadb
        from chromadb.config import Settings

        return chromadb.PersistentClient(
            path=str(self.folder / f"chroma-{self._number()}"), settings=Settings(anonymized_telemetry=False)
        )

    @cached_property
    def _collection(self) -> Any:
        hnsw = {"space": "cosine", "ef_search": _SEARCH_WIDTH, "ef_construction": _SEARCH_WIDTH, "max_neighbors": 32}
        return self._client.get_or_create_collection("skills", embedding_function=None, configuration={"hnsw": hnsw})
