"""The skills among which a query is answered: all active ones, those a filter leaves, or those of another status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from skilllib.errors import LibraryLocked
from skilllib.library import lexical, store, tables
from skilllib.library.database import Database
from skilllib.library.findable import Findable
from skilllib.library.index import ExactIndex, Stamp
from skilllib.library.lexical import Lexicon
from skilllib.library.lock import BRIEF, ServerLock, WriterLock
from skilllib.library.ranking import Candidate
from skilllib.library.text import fields
from skilllib.protocols import Vectors
from skilllib.records.query import Query
from skilllib.records.skill import Skill

BY_MEANING, BY_WORDS = 30, 15
"""Candidates that are looked at of each kind."""
SMALL = 10_000
"""Up to this many skills that a filter leaves are scanned; of more, enough are taken from the index and then filtered."""
_FILTERS = 16
"""Filters whose skills are remembered."""


@dataclass(kw_only=True)
class Pool:
    """Skills by meaning and by words."""

    keys: Sequence[str]
    """Code hashes, by row of the lexicon."""
    lexicon: Lexicon
    near: Callable[[Vectors, int], list[tuple[str, float]]]
    """Vector, k → the k nearest (code hash, cosine) pairs."""
    cosines: Callable[[Vectors, Sequence[str]], dict[str, float]]
    allowed: frozenset[str] | None = None
    """Code hashes that a filter leaves; None for all."""

    def __post_init__(self) -> None:
        self.rows = {key: row for row, key in enumerate(self.keys)}
        self._mask = None if self.allowed is None else np.array([key in self.allowed for key in self.keys], dtype=bool)

    def candidates(self, vector: Vectors, words: Sequence[str], *, k: int) -> list[Candidate]:
        """Return what may fit: the nearest by meaning, and those that share the weightiest words."""
        near = self._near(vector, max(k, BY_MEANING))
        weights = self.lexicon.scores(words)
        if self._mask is not None:
            weights = weights * self._mask
        by_words = [(self.keys[row], rank) for rank, row in enumerate(_best(weights, BY_WORDS), 1)]
        cosines = dict(near)
        near_ranks = {key: rank for rank, (key, _) in enumerate(near, 1)}
        ranks = dict(by_words)
        cosines |= self.cosines(vector, [key for key in ranks if key not in cosines])
        return [
            Candidate(
                key=key,
                cosine=cosine,
                lexical=float(weights[self.rows[key]]) if key in self.rows else 0.0,
                near_rank=near_ranks.get(key, len(near) + 1),
                word_rank=ranks.get(key),
            )
            for key, cosine in cosines.items()
        ]

    def _near(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        if self.allowed is None:
            return self.near(vector, k)
        share = max(len(self.allowed), 1) / max(len(self.keys), 1)
        found = self.near(vector, min(len(self.keys), int(k / share) + k))
        return [(key, cosine) for key, cosine in found if key in self.allowed][:k]


def _best(weights: lexical.Floats, k: int) -> list[int]:
    """Return the rows of the k largest weights above zero, largest first; ties keep the smaller row."""
    most = float(weights.max()) if len(weights) else 0.0
    rows = np.flatnonzero(weights > most * 0.5) if most > 0 else np.empty(0, dtype=np.int64)
    if most > 0 and len(rows) < k:
        rows = np.flatnonzero(weights > 0)
    if len(rows) > k:
        least = np.partition(weights[rows], -k)[-k]
        rows = rows[weights[rows] >= least]
    return [int(row) for row in rows[np.argsort(-weights[rows], kind="stable")][:k]]


class Pools:
    """Makes pools and keeps them until the library changes."""

    def __init__(self, database: Database, findable: Findable, lock: WriterLock | ServerLock, *, promises: bool) -> None:
        self._database, self._findable, self._lock, self._promises = database, findable, lock, promises
        self._stamp: Stamp | None = None
        self._kept: dict[tuple[object, ...], Pool] = {}

    def of(self, query: Query) -> Pool:
        """Return the skills among which a query is to be answered."""
        if self._stamp != (stamp := self._findable.stamp()):
            self._kept, self._stamp = {}, stamp
        if query.status != "active":
            return self._others(query)
        key = (query.environment, query.capability, query.tag)
        if key not in self._kept:
            if len(self._kept) > _FILTERS:
                self._kept = {name: pool for name, pool in self._kept.items() if not any(name)}
            self._kept[key] = self._filtered(query) if any(key) else self._active()
        return self._kept[key]

    def _active(self) -> Pool:
        self._take_in()
        with self._database.reading() as connection:
            keys, lexicon = lexical.stored(connection, self._places)
        return Pool(keys=keys, lexicon=lexicon, near=self._near, cosines=self._cosines)

    def _filtered(self, query: Query) -> Pool:
        whole = self.of(Query(text=""))
        allowed = self._labelled(query)
        if len(allowed) > SMALL:
            return Pool(keys=whole.keys, lexicon=whole.lexicon, near=self._near, cosines=self._cosines, allowed=allowed)
        index = self._index(sorted(allowed))
        near = _scan(index)
        return Pool(keys=whole.keys, lexicon=whole.lexicon, near=near, cosines=self._cosines, allowed=allowed)

    def _others(self, query: Query) -> Pool:
        """Return skills that are not active, or all: read whole, since their words and vectors are not kept ready."""
        with self._database.reading() as connection:
            head = connection.execute(sa.select(sa.func.max(tables.ledger.c.number))).scalar()
            key = (query.status, query.environment, query.capability, query.tag, head)
            if key in self._kept:
                return self._kept[key]
            conditions = [] if query.status == "any" else [tables.versions.c.status == query.status]
            found = {row.skill.code_hash: row.skill for row in store.rows(connection, *conditions)}
            kept = [skill for skill in found.values() if _wanted(skill, query)]
            texts = [fields(one, store.effects_of(connection, one.code_hash), promises=self._promises) for one in kept]
        keys = [skill.code_hash for skill in kept]
        near = _scan(self._index(keys))
        self._kept[key] = Pool(keys=keys, lexicon=lexical.in_memory(texts), near=near, cosines=self._cosines)
        return self._kept[key]

    def _index(self, keys: Sequence[str]) -> ExactIndex:
        index = ExactIndex()
        if keys:
            index.put(keys, self._findable.vectors(keys))
        return index

    def _near(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        return self._findable.near(vector, k=k, at=self._stamp)

    def _cosines(self, vector: Vectors, keys: Sequence[str]) -> dict[str, float]:
        if not keys:
            return {}
        return dict(zip(keys, (self._findable.vectors(keys) @ vector).tolist(), strict=True))

    def _places(self, word: str) -> list[tuple[int, float]]:
        with self._database.reading() as connection:
            return lexical.places(connection, word)

    def _labelled(self, query: Query) -> frozenset[str]:
        table = tables.labels.c
        wanted = [
            [f"environment:{query.environment}", "environment:"] if query.environment is not None else [],
            [f"capability:{query.capability}"] if query.capability is not None else [],
            [f"tag:{query.tag.lower()}"] if query.tag is not None else [],
        ]
        with self._database.reading() as connection:
            found = [
                frozenset(connection.execute(sa.select(table.code_hash).where(table.label.in_(names))).scalars())
                for names in wanted
                if names
            ]
        return frozenset.intersection(*found)

    def _take_in(self) -> None:
        """Take in the words of a library that was filled without them, if nobody is writing."""
        with self._database.reading() as connection:
            if not lexical.behind(connection):
                return
        try:
            with self._lock.hold(BRIEF, timeout_s=0.0), self._database.writing() as connection:
                lexical.follow(connection, promises=self._promises)
                self._findable.current()
        except LibraryLocked:
            return


def _scan(index: ExactIndex) -> Callable[[Vectors, int], list[tuple[str, float]]]:
    return lambda vector, k: index.nearest(vector, k=k)


def _wanted(skill: Skill, query: Query) -> bool:
    return (
        (query.environment is None or skill.environment in ("", query.environment))
        and (query.capability is None or query.capability in skill.contract.capabilities)
        and (query.tag is None or query.tag.lower() in lexical.tags(skill))
    )
