"""Keeps an index equal to the active skills: a cache of the database, checked before each search and repaired when stale."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import sqlalchemy as sa

from skilllib.errors import LibraryLocked, StorageFailed
from skilllib.library import ledger, store, tables
from skilllib.library.database import Database
from skilllib.library.index import ChromaIndex, ExactIndex
from skilllib.library.lock import BRIEF, WriterLock
from skilllib.library.text import indexed_text
from skilllib.protocols import Embedder, Index, Vectors
from skilllib.records.skill import Skill

_log = logging.getLogger(__name__)

IndexChoice = Literal["chroma", "exact"] | Index


class Stamp(NamedTuple):
    """Says which state of which library an index holds: the last ledger entry that changed the active skills."""

    entry: int
    hash: str
    """Of that entry; it covers all entries before it, so two libraries never agree by accident."""
    fingerprint: str
    """Of the embedder."""


class Findable:
    """The active skills as an index.

    Nothing is imported or read before the first search. Every search compares one stamp (two rows); if a change was
    committed since, by us or by another process, only what changed is put into the index. A process that cannot get
    the writer lock leaves the Chroma directory alone and scans the vectors of the database instead: same results.
    """

    def __init__(
        self,
        folder: Path,
        database: Database,
        lock: WriterLock,
        *,
        index: IndexChoice,
        embedder: Embedder | None,
        promises: bool = True,
    ) -> None:
        self._folder = folder / "index"
        self._database = database
        self._lock = lock
        self._choice = index
        self._embedder = embedder
        self._promises = promises
        self._index: Index | None = None
        self._holds: Stamp | None = None

    @property
    def embedder(self) -> Embedder:
        """The embedder; the default one is made when first asked for."""
        if self._embedder is None:
            from skilllib.embedders.minilm import MiniLMEmbedder

            self._embedder = MiniLMEmbedder()
        return self._embedder

    def nearest(self, query: str, *, k: int) -> list[tuple[str, float]]:
        """Return at most k (code hash, cosine) pairs of active skills, best first."""
        if k < 1:
            return []
        vector = self.embedder.embed([query])[0]
        return self.current().nearest(vector, k=k)

    def current(self) -> Index:
        """Return the index, equal to the active skills as of now."""
        with self._database.reading() as connection:
            entry = int(store.get_meta(connection, "findable") or 0)
            due = Stamp(entry, ledger.hash_at(connection, entry) or "", self.embedder.fingerprint)
        if self._index is None or self._holds != due:
            self._follow(due)
        if self._index is None:
            raise RuntimeError("following a stamp always leaves an index")
        return self._index

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
        vectors = self.embedder.embed(self._texts(connection, skills))
        store.add_vectors(connection, self.embedder.fingerprint, [skill.code_hash for skill in skills], vectors)
        return vectors

    def rebuild(self) -> None:
        """Compute all vectors and the index anew; the caller holds the writer lock."""
        self._forget()
        with self._database.writing() as connection:
            connection.execute(sa.delete(tables.vectors))
            if active := [row.skill for row in store.rows(connection, tables.versions.c.status == "active")]:
                self.embed(connection, active)
        ChromaIndex(self._folder).clear()

    def indexed(self) -> set[str] | None:
        """Return what the Chroma directory says it holds; None if there is none, or another process has it."""
        if self._choice != "chroma" or self._read_stamp() is None:
            return None
        try:
            with self._lock.hold(BRIEF):
                index = self._index if isinstance(self._index, ChromaIndex) else ChromaIndex(self._folder)
                try:
                    return index.keys()
                except _chroma_errors():
                    return set()
                finally:
                    if index is not self._index:
                        index.close()
        except LibraryLocked:
            return None

    def close(self) -> None:
        """Let go of the index."""
        self._forget()

    def _forget(self) -> None:
        if isinstance(self._index, ChromaIndex):
            self._index.close()
        self._index = self._holds = None

    def _follow(self, due: Stamp) -> None:
        if self._choice == "exact":
            self._fill_exact(due)
        elif self._choice == "chroma":
            try:
                with self._lock.hold(BRIEF):
                    self._follow_chroma(due)
            except LibraryLocked:
                self._forget()
                self._fill_exact(due)
        else:
            self._fill(self._choice, due, since=-1, drop=self._choice.keys())
        self._holds = due

    def _fill_exact(self, due: Stamp) -> None:
        index, since = (self._index, self._holds) if isinstance(self._index, ExactIndex) else (ExactIndex(), None)
        grown = since is not None and self._precedes(since, due)
        if not grown:
            index = ExactIndex()
        self._fill(index, due, since=since.entry if grown and since else -1)

    def _follow_chroma(self, due: Stamp) -> None:
        stamp = self._read_stamp()
        if stamp != self._holds:
            self._forget()  # another process wrote to the directory; what Chroma has in memory is not what is there now
        index = self._index if isinstance(self._index, ChromaIndex) else ChromaIndex(self._folder)
        whole = stamp is None or not self._precedes(stamp, due)
        for attempt in ("as it is", "anew"):
            if whole or attempt == "anew":
                index.clear()
            try:
                self._fill(index, due, since=-1 if whole or stamp is None or attempt == "anew" else stamp.entry)
                if len(index) == self._active():
                    break
                _log.warning("the index in %s disagrees with the library and is rebuilt", self._folder)
            except _chroma_errors() as error:
                _log.warning("the index in %s cannot be used and is rebuilt: %s", self._folder, error)
                if attempt == "anew":
                    raise StorageFailed(f"cannot write the index in {self._folder}: {error}") from error
        self._write_stamp(due)

    def _fill(self, index: Index, due: Stamp, *, since: int, drop: set[str] | None = None) -> None:
        """Put into the index what became active after an entry of the ledger, and drop what is active no longer."""
        columns = tables.versions.c
        with self._database.reading() as connection:
            changed = store.rows(connection, columns.entry > since)
        active = [row.skill for row in changed if row.skill.status == "active"]
        gone = (drop or set()) - {skill.code_hash for skill in active}
        if since >= 0:
            gone |= {row.skill.code_hash for row in changed if row.skill.status != "active"}
        if gone:
            index.drop(sorted(gone))
        if active:
            index.put([skill.code_hash for skill in active], self._vectors(active, due.fingerprint))
        self._index = index

    def _vectors(self, skills: Sequence[Skill], fingerprint: str) -> Vectors:
        """Return stored vectors, computing those that are missing; they are kept if we may write."""
        keys = [skill.code_hash for skill in skills]
        with self._database.reading() as connection:
            found = store.vectors_of(connection, fingerprint, keys)
        if missing := [skill for skill in skills if skill.code_hash not in found]:
            new = self._compute(missing)
            found.update(zip([skill.code_hash for skill in missing], new, strict=True))
        return np.stack([found[key] for key in keys])

    def _compute(self, skills: Sequence[Skill]) -> Vectors:
        if self._lock.held:
            with self._database.writing() as connection:
                return self.embed(connection, skills)
        with self._database.reading() as connection:
            texts = self._texts(connection, skills)
        return self.embedder.embed(texts)

    def _texts(self, connection: sa.Connection, skills: Sequence[Skill]) -> list[str]:
        return [indexed_text(one, store.effects_of(connection, one.code_hash), promises=self._promises) for one in skills]

    def _active(self) -> int:
        query = sa.select(sa.func.count()).select_from(tables.versions).where(tables.versions.c.status == "active")
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def _precedes(self, stamp: Stamp, due: Stamp) -> bool:
        """Return whether a stamp belongs to an earlier state of this very library and embedder."""
        with self._database.reading() as connection:
            known = ledger.hash_at(connection, stamp.entry)
        return known == stamp.hash and stamp.entry <= due.entry and stamp.fingerprint == due.fingerprint

    def _read_stamp(self) -> Stamp | None:
        try:
            entry, check, fingerprint = json.loads((self._folder / "stamp.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError):
            return None
        return Stamp(entry, check, fingerprint) if isinstance(entry, int) else None

    def _write_stamp(self, stamp: Stamp) -> None:
        # The stamp comes last and at once: an index that was being written when the process died has an old one or none.
        new = self._folder / "stamp.new"
        try:
            self._folder.mkdir(exist_ok=True)
            new.write_text(json.dumps(stamp), encoding="utf-8")
            new.replace(self._folder / "stamp.json")
        except OSError as error:
            raise StorageFailed(f"cannot write to {self._folder}: {error}") from error


def _chroma_errors() -> tuple[type[Exception], ...]:
    from chromadb.errors import ChromaError

    return (ChromaError, ValueError, OSError)
