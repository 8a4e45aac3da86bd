"""Vectors in Chroma: in a directory of our own making, or on a server. Derived from the database, and can be rebuilt."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from skilllib.errors import InvalidRecord, StorageFailed
from skilllib.library.index import Stamp, read_stamp
from skilllib.protocols import Vectors

BATCH = 5461
"""Most vectors Chroma takes at once: SQLite's 32,766 variables at six per row."""
_SEARCH_WIDTH = 200
"""Candidates HNSW keeps while it searches; the approximation is exact up to about this many neighbours."""
_HNSW = {"space": "cosine", "ef_search": _SEARCH_WIDTH, "ef_construction": _SEARCH_WIDTH, "max_neighbors": 32}


class ChromaIndex:
    """Vectors in a Chroma directory of our own making: approximate (HNSW), cosine.

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

    def stamp(self) -> Stamp | None:
        """Return what `sign` wrote last, None where that is nothing or cannot be read."""
        try:
            return read_stamp(json.loads((self.folder / "stamp.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None

    def sign(self, stamp: Stamp) -> None:
        """Say which state is held; last, and at once: an index whose writer died half-way has an old stamp or none.

        Raises:
            StorageFailed: The disk refuses.
        """
        new = self.folder / "stamp.new"
        try:
            self.folder.mkdir(exist_ok=True)
            new.write_text(json.dumps(stamp), encoding="utf-8")
            new.replace(self.folder / "stamp.json")
        except OSError as error:
            raise StorageFailed(f"cannot write to {self.folder}: {error}") from error

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

    def __str__(self) -> str:
        return str(self.folder)

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
        return self._client.get_or_create_collection("skills", embedding_function=None, configuration={"hnsw": _HNSW})


class ChromaServer(ChromaIndex):
    """Vectors on a Chroma server, in one collection for each library and embedder; the collection carries its stamp.

    The server has no password of its own: keep it behind a firewall.

    Args:
        url: `http://HOST:PORT`.

    Raises:
        InvalidRecord: It is no such address.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidRecord(f"{url!r} is no address of a Chroma server; write http://HOST:PORT, or start one with `chroma run`")
        self.url = url
        self._address: dict[str, Any] = {"host": parts.hostname, "port": parts.port or 8000, "ssl": parts.scheme == "https"}
        self._name = "skills"

    def name(self, library: str, fingerprint: str) -> None:
        """Use the collection of a library and an embedder from now on."""
        self.close()
        self._name = f"skilllib-{library[:24]}-{fingerprint[:24]}"

    def stamp(self) -> Stamp | None:
        """Return what `sign` wrote last, None where that is nothing or cannot be read."""
        try:
            return read_stamp(json.loads((self._collection.metadata or {}).get("stamp", "")))
        except ValueError:
            return None

    def sign(self, stamp: Stamp) -> None:
        """Say which state is held; last: a collection whose writer died half-way has an old stamp or none."""
        self._collection.modify(metadata={"stamp": json.dumps(stamp)})

    def clear(self) -> None:
        """Delete the collection."""
        self._client.delete_collection(self._collection.name)
        self.close()

    def close(self) -> None:
        """Forget what is known of the server; the next use asks it again."""
        self.__dict__.pop("_collection", None)
        self.__dict__.pop("_client", None)

    def __str__(self) -> str:
        return self.url

    @cached_property
    def _client(self) -> Any:
        import chromadb
        from chromadb.config import Settings

        try:
            return chromadb.HttpClient(**self._address, settings=Settings(anonymized_telemetry=False))
        except chroma_errors() as error:
            raise StorageFailed(
                f"no Chroma server answers at {self.url}: {error}; start one with: chroma run --port 8000"
            ) from error

    @cached_property
    def _collection(self) -> Any:
        return self._client.get_or_create_collection(self._name, embedding_function=None, configuration={"hnsw": _HNSW})


def chroma_errors() -> tuple[type[Exception], ...]:
    """Return what Chroma raises when it cannot use a directory or reach a server."""
    import httpx
    from chromadb.errors import ChromaError

    return (ChromaError, ValueError, OSError, httpx.HTTPError)
