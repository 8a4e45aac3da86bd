"""Keeps an index equal to the active skills: a cache of the database, checked before each search and repaired when stale."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import sqlalchemy as sa

from skilllib.embedders.onnx import cache
from skilllib.errors import LibraryLocked, StorageFailed
from skilllib.library import ledger, store, tables
from skilllib.library.chroma import ChromaIndex, ChromaServer, chroma_errors
from skilllib.library.database import Database
from skilllib.library.hnsw import HnswIndex
from skilllib.library.index import ExactIndex, IndexWord, Stamp, nearest_among
from skilllib.library.lock import BRIEF, ServerLock, WriterLock
from skilllib.library.text import RECIPE, indexed_texts
from skilllib.protocols import Embedder, Index, Vectors
from skilllib.records.skill import Skill

_log = logging.getLogger(__name__)

IndexChoice: TypeAlias = IndexWord | Index
"""What the vectors are searched with: all of them, a graph in files of ours, Chroma, or something of one's own; `auto` is
`exact` up to `LARGE` skills and `hnsw` beyond."""
_CHUNK = 5000
"""Vectors that are read at once."""
LARGE = 10_000
"""Up to this many, a scan takes less than a third of the time that embedding the query takes, and needs no file."""

DETAILS = 0.5
"""Weight of the vector of a skill's details beside that of its name and summary."""
NAME = 0.5
"""Most that the vector of a name counts beside that of the summary: as much as they are alike, so an opaque name hardly counts."""


# PostgreSQL casts nothing that is no number; what a damaged row says is for the doctor to tell.
_NUMBER = sa.case((tables.meta.c.value.regexp_match("^[0-9]{1,9}$"), sa.cast(tables.meta.c.value, sa.Integer)), else_=0)
_DUE = (
    sa.select(_NUMBER, tables.ledger.c.hash)
    .join(tables.ledger, tables.ledger.c.number == _NUMBER, isouter=True)
    .where(tables.meta.c.key == "findable")
)


class Some(NamedTuple):
    """The skills that a filter leaves."""

    keys: frozenset[str]
    of: int
    """How many there are without it."""


class Findable:
    """The active skills as an index.

    Nothing is imported or read before the first search. Every search compares one stamp (two rows); if a change was
    committed since, by us or by another process, only what changed is put into the index. A process that cannot use the
    index (another one writes to Chroma's directory, a server does not answer) scans the vectors of the database instead.

    Args:
        folder: Where an index with files has them; None for a library on a server, whose index is in the user's cache.
    """

    def __init__(
        self,
        folder: Path | None,
        database: Database,
        lock: WriterLock | ServerLock,
        *,
        index: IndexChoice,
        embedder: Embedder | None,
        promises: bool = True,
    ) -> None:
        self._given = folder
        self._database = database
        self._lock = lock
        self._choice = index
        self._embedder = embedder
        self._promises = promises
        self._index: Index | None = None
        self._holds: Stamp | None = None
        self._turn = threading.RLock()
        self._known: tuple[int | None, Stamp] | None = None
        """The stamp in a state of the database."""

    @property
    def embedder(self) -> Embedder:
        """The embedder; the default one is made when first asked for."""
        if self._embedder is None:
            from skilllib.embedders.minilm import MiniLMEmbedder

            self._embedder = MiniLMEmbedder()
        return self._embedder

    @property
    def fingerprint(self) -> str:
        """Identifies by what and from what the vectors were made; others are never compared with them."""
        return f"{self.embedder.fingerprint}-{RECIPE}"

    def nearest(self, query: str, *, k: int) -> list[tuple[str, float]]:
        """Return at most k (code hash, cosine) pairs of active skills, best first."""
        if k < 1:
            return []
        return self.near(self.embedder.embed([query])[0], k=k)

    def near(self, vector: Vectors, *, k: int, at: Stamp | None = None, among: Some | None = None) -> list[tuple[str, float]]:
        """Return at most k (code hash, cosine) pairs of active skills, nearest to a vector, best first.

        Args:
            vector: The query's, (d,).
            k: How many.
            at: The present state of the library, where the caller has just asked for it.
            among: The skills that count; all by default.
        """
        index = self._index if at is not None and at == self._holds and self._index is not None else self.current()
        try:
            if isinstance(index, ChromaIndex) and not isinstance(index, ChromaServer):
                with self._turn:  # while one thread follows, its files are closed and may be made anew
                    return nearest(self.current(), vector, k, among)
            return nearest(index, vector, k, among)
        except Exception as error:
            if not isinstance(index, ChromaServer):
                raise
            return nearest(self._without(index, error), vector, k, among)

    def current(self) -> Index:
        """Return the index, equal to the active skills as of now."""
        due, index = self._due(), self._index
        if index is not None and self._holds == due:
            return index
        with self._turn:  # of the threads of a process one follows, and the others find it done
            due = self._due()
            if self._index is None or self._holds != due:
                self._follow(due)
            if self._index is None:
                raise RuntimeError("following a stamp always leaves an index")
            return self._index

    def stamp(self) -> Stamp:
        """Return which state of the library is the present one."""
        return self._due()

    def vectors(self, keys: Sequence[str]) -> Vectors:
        """Return the vectors of skills of any status, (n, d), computing those that are missing."""
        held = self._index.vectors(keys) if isinstance(self._index, ExactIndex | HnswIndex) and keys else None
        if held is not None and self._holds is not None and self._holds.fingerprint == self.fingerprint:
            return held
        return self._vectors(keys, self.fingerprint)

    def vector(self, skill: Skill) -> Vectors:
        """Return the vector that a skill has or would have, (d,); it need not be stored."""
        with self._database.reading() as connection:
            texts = self._texts(connection, [skill])
        (vector,) = self._embedded(texts)
        return np.asarray(vector, dtype=np.float32)

    def _due(self) -> Stamp:
        state = self._database.state()  # asked for before the stamp, which may be newer and never older
        if state is not None and (known := self._known) is not None and known[0] == state:
            return known[1]
        with self._database.reading() as connection:
            found = connection.execute(_DUE).first()
        entry, check = found or (0, None)
        stamp = Stamp(entry, check or ledger.FIRST, self.fingerprint)
        self._known = (state, stamp)
        return stamp

    def follow_if_open(self) -> None:
        """Take over what was just committed, if a search has opened the index; a failure is repaired by the next search."""
        if self._index is None:
            return
        try:
            self.current()
        except (StorageFailed, OSError) as error:
            _log.warning("the index could not be updated and will be rebuilt: %s", error)
            self._forget()

    def embed(self, connection: sa.Connection, skills: Sequence[Skill]) -> Vectors:
        """Compute and store the vectors of skills within a transaction; return them, (n, d)."""
        vectors = self._embedded(self._texts(connection, skills))
        store.add_vectors(connection, self.fingerprint, [skill.code_hash for skill in skills], vectors)
        return vectors

    def rebuild(self) -> None:
        """Compute all vectors and the index anew; the caller holds the writer lock."""
        self._forget()
        with self._database.writing() as connection:
            connection.execute(sa.delete(tables.vectors))
            connection.execute(sa.delete(tables.evidence))
            if active := [row.skill for row in store.rows(connection, tables.versions.c.status == "active")]:
                self.embed(connection, active)
        if (index := self._stored()) is not None:
            index.clear()
            index.close()

    def indexed(self) -> set[str] | None:
        """Return what the index says it holds; None if it has nothing of its own, is behind, or another process has it."""
        if isinstance(self._index, ExactIndex) or (index := self._index or self._stored()) is None:
            return None
        if not isinstance(index, ChromaIndex | HnswIndex):
            return index.keys()
        try:
            with self._turn, self._lock.hold(BRIEF, timeout_s=0.0):
                return index.keys() if index.stamp() == self._due() else None
        except chroma_errors():
            return set()
        except LibraryLocked:
            return None
        finally:
            if index is not self._index:
                index.close()

    def close(self) -> None:
        """Let go of the index."""
        self._forget()

    def _forget(self) -> None:
        if isinstance(self._index, ChromaIndex | HnswIndex):
            self._index.close()
        self._index = self._holds = None

    def _stored(self) -> ChromaIndex | HnswIndex | None:
        """Return the index that is kept outside this process, as the choice and the number of skills have it."""
        if self._choice == "chroma":
            return ChromaIndex(self._folder)
        if isinstance(self._choice, ChromaServer):
            self._choice.name(self._identity(), self.embedder.fingerprint)
            return self._choice
        if self._choice == "hnsw" or (self._choice == "auto" and self._active() > LARGE):
            return HnswIndex(self._folder)
        return None

    def _follow(self, due: Stamp) -> None:
        held = self._index if isinstance(self._index, ChromaIndex | HnswIndex) else None
        index = held or self._stored()
        if isinstance(index, ChromaIndex):
            self._follow_chroma(index, due)
        elif index is not None:
            try:
                self._follow_stored(index, due)
            except StorageFailed as error:  # what is in memory is whole; it is only not kept
                _log.warning("%s", error)
        elif self._choice in ("auto", "exact"):
            self._fill_exact(due)
        else:
            own: Index = self._choice  # type: ignore[assignment]  # the words were dealt with
            self._fill(own, due, since=-1, drop=own.keys())
        self._holds = due

    def _follow_chroma(self, index: ChromaIndex, due: Stamp) -> None:
        try:
            if isinstance(index, ChromaServer) and index.stamp() == due:  # a server may be read while others write
                self._index = index
                return
            with self._lock.hold(BRIEF, timeout_s=0.0):
                if index.stamp() != self._holds:
                    index.close()  # another process wrote; what Chroma has in memory is not what is there now
                self._follow_stored(index, due)
        except LibraryLocked:
            self._forget()
            self._fill_exact(due)
        except (StorageFailed, OSError) as error:
            if not isinstance(index, ChromaServer):
                raise
            self._without(index, error)

    def _without(self, server: ChromaServer, error: Exception) -> ExactIndex:
        """Go on with a scan of the library's own vectors."""
        _log.warning("the vectors at %s cannot be used, those of the library are scanned: %s", server, error)
        self._forget()
        index, due = ExactIndex(), self._due()
        self._fill(index, due, since=-1)
        self._holds = due
        return index

    def _fill_exact(self, due: Stamp) -> None:
        index, since = (self._index, self._holds) if isinstance(self._index, ExactIndex) else (ExactIndex(), None)
        grown = since is not None and self.precedes(since, due)
        if not grown:
            index = ExactIndex()
        self._fill(index, due, since=since.entry if grown and since else -1)

    def _follow_stored(self, index: ChromaIndex | HnswIndex, due: Stamp) -> None:
        stamp = index.stamp()
        whole = stamp is None or not self.precedes(stamp, due)
        for attempt in ("as it is", "anew"):
            whole = whole or attempt == "anew"
            try:
                if whole:
                    index.clear()
                if whole or stamp is None or stamp != due:
                    self._fill(index, due, since=-1 if whole or stamp is None else stamp.entry)
                self._index = index
                if len(index) == self._active():
                    break
                _log.warning("the index in %s disagrees with the library and is rebuilt", index)
            except chroma_errors() as error:
                _log.warning("the index in %s cannot be used and is rebuilt: %s", index, error)
                if attempt == "anew":
                    raise StorageFailed(f"cannot write the index in {index}: {error}") from error
        if index.stamp() != due:
            index.sign(due)

    def _fill(self, index: Index, due: Stamp, *, since: int, drop: set[str] | None = None) -> None:
        """Put into the index what became active after an entry of the ledger, and drop what is active no longer."""
        columns = tables.versions.c
        recent = sa.select(columns.code_hash).where(columns.entry > since)
        live = (
            sa.select(columns.code_hash).where(columns.status == "active", columns.code_hash.in_(recent)).order_by(columns.sequence)
        )
        with self._database.reading() as connection:
            changed = set(connection.execute(recent).scalars()) if since >= 0 else set()
            active = list(connection.execute(live).scalars())
        gone = ((drop or set()) | changed) - set(active)
        if gone:
            index.drop(sorted(gone))
        for start in range(0, len(active), _CHUNK):
            part = active[start : start + _CHUNK]
            index.put(part, self._vectors(part, due.fingerprint))
        self._index = index

    def _vectors(self, keys: Sequence[str], fingerprint: str) -> Vectors:
        """Return stored vectors, computing those that are missing; they are kept if we may write."""
        with self._database.reading() as connection:
            found = store.vectors_of(connection, fingerprint, keys)
            lacking = store.by_hash(connection, [key for key in keys if key not in found])
        if missing := list(lacking.values()):
            found.update(zip(lacking, self._compute(missing), strict=True))
        return np.stack([found[key] for key in keys])

    def _compute(self, skills: Sequence[Skill]) -> Vectors:
        if self._lock.held:
            # Another thread may have a transaction open that ends only after us; then nothing is kept.
            with suppress(StorageFailed), self._database.writing(wait=False) as connection:
                return self.embed(connection, skills)
        with self._database.reading() as connection:
            texts = self._texts(connection, skills)
        return self._embedded(texts)

    def _embedded(self, texts: Sequence[tuple[str, str, str]]) -> Vectors:
        """Return a unit vector for each skill: of its summary, and with less weight of its name and its details."""
        found = self.embedder.embed([text for each in texts for text in each if text])
        rows, vectors = iter(found), np.empty((len(texts), found.shape[1]), dtype=np.float32)
        for at, (name, summary, details) in enumerate(texts):
            named = next(rows) if name else np.zeros_like(vectors[at])
            told = next(rows) if summary else named
            main = told + min(max(float(named @ told), 0.0), NAME) * named
            vectors[at] = main / max(float(np.linalg.norm(main)), 1e-12) + (DETAILS * next(rows) if details else 0)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors

    def _texts(self, connection: sa.Connection, skills: Sequence[Skill]) -> list[tuple[str, str, str]]:
        return [indexed_texts(one, store.effects_of(connection, one.code_hash), promises=self._promises) for one in skills]

    def _active(self) -> int:
        query = sa.select(sa.func.count()).select_from(tables.versions).where(tables.versions.c.status == "active")
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def precedes(self, stamp: Stamp, due: Stamp) -> bool:
        """Return whether a stamp belongs to an earlier state of this very library and embedder."""
        with self._database.reading() as connection:
            known = ledger.hash_at(connection, stamp.entry)
        return known == stamp.hash and stamp.entry <= due.entry and stamp.fingerprint == due.fingerprint

    @cached_property
    def _folder(self) -> Path:
        return self._given or cache() / "indexes" / self._identity()

    def _identity(self) -> str:
        with self._database.reading() as connection:
            return store.identity(connection)


def nearest(index: Index, vector: Vectors, k: int, among: Some | None) -> list[tuple[str, float]]:
    """Return the k nearest of an index, of all its keys or of some, best first."""
    if among is None:
        return index.nearest(vector, k=k)
    if isinstance(index, HnswIndex | ExactIndex):
        return index.nearest(vector, k=k, among=among.keys)
    return nearest_among(index, vector, among.keys, k=k, most=among.of)
