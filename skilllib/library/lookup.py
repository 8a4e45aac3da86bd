"""Finding skills: the part of a library that answers questions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import sqlalchemy as sa

from skilllib.library import ranking, store, tables
from skilllib.library.admission import Policy
from skilllib.library.database import Database
from skilllib.library.findable import Findable
from skilllib.library.lock import ServerLock, WriterLock
from skilllib.library.pools import Pool, Pools
from skilllib.library.ranking import Found
from skilllib.library.text import check_words, terms
from skilllib.protocols import Hit
from skilllib.records.query import Asked, Query

_RANKED = 20
"""Candidates whose records are read, at least; twice as many as are wanted."""


class Lookup:
    """The part of a library that finds. Readers never wait for the writer."""

    policy: Policy
    _database: Database
    _findable: Findable
    _lock: WriterLock | ServerLock
    _pools: Pools | None = None

    def _writes(self, purpose: str) -> AbstractContextManager[sa.Connection]:
        raise NotImplementedError

    def retrieve(self, query: str | Query, *, k: int) -> list[Hit]:
        """Return at most k skills that fit a query best, best first, each with the reasons.

        What is found follows from the library's state alone. All k are returned, however little they fit.

        Args:
            query: Words, or a record that also says what is missing, what holds, and which skills are meant.
            k: How many.

        Raises:
            ModelWeightsMissing: The embedder has no weights.
        """
        asked = Query(text=query) if isinstance(query, str) else query
        found, pool = self._ranked(asked, k)
        words = _words(asked)
        return [one.hit(asked, _shared(pool, one, words)) for one in found[: max(k, 0)]]

    def search(self, query: str | Query, *, k: int = 5) -> list[Hit]:
        """Return the k active skills that fit a query best; `retrieve` with a usual k."""
        return self.retrieve(query, k=k)

    def _ranked(self, query: Query, k: int) -> tuple[list[Found], Pool]:
        pool = self._pool_of(query)
        if k < 1 or not pool.keys:
            return [], pool
        vector = self._findable.embedder.embed([query.text])[0]
        candidates = pool.candidates(vector, _words(query), k=k)
        candidates.sort(key=lambda one: (-one.relevance, one.key))
        candidates = candidates[: max(2 * k, _RANKED)]
        keys = [one.key for one in candidates]
        with self._database.reading() as connection:
            skills = store.by_hash(connection, keys)
            counted = store.statistics_by_hash(connection, keys)
        present = {key: skill for key, skill in skills.items() if query.status in ("any", skill.status)}
        return ranking.ranked(query, candidates, present, counted), pool

    def _pool_of(self, query: Query) -> Pool:
        if self._pools is None:
            self._pools = Pools(self._database, self._findable, self._lock, promises=self.policy == "evidence")
        return self._pools.of(query)

    # ---- what came of it

    def record_use(self, query: str, retrieved: Sequence[Hit], *, called: Sequence[str] = (), solved: bool | None = None) -> None:
        """Record what became of a look-up, for whoever uses skills from an agent of their own.

        Args:
            query: What was asked.
            retrieved: What was found.
            called: Names of the skills that were called.
            solved: Whether what was wanted was done; None if nobody can say.
        """
        names = tuple(hit.skill.name for hit in retrieved)
        text, check = store.written(Asked(query=query, retrieved=names, called=tuple(called), solved=solved))
        table = tables.lookups
        with self._writes("recording a look-up") as connection:
            number = store.next_number(connection, table.c.number)
            connection.execute(sa.insert(table), {"number": number, "record": text, "digest": check, "created_at": store.now()})

    def lookups(self) -> tuple[Asked, ...]:
        """Return the look-ups that were recorded, oldest first."""
        table = tables.lookups.c
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(table.record, table.digest).order_by(table.number))
            return tuple(store.read(Asked, text, check) for text, check in rows)


def _words(query: Query) -> tuple[str, ...]:
    return terms(" ".join([query.text, *map(check_words, query.missing)]))


def _shared(pool: Pool, found: Found, words: Sequence[str]) -> list[str]:
    """Return the words of a query that a skill's text has, the weightiest first."""
    row = pool.rows.get(found.candidate.key, -1)
    weighed = {word: pool.lexicon.weight(word, row) for word in words}
    return sorted((word for word in words if weighed[word] > 0), key=lambda word: -weighed[word])
