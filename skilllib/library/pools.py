"""The skills among which a query is answered: all active ones, those a filter leaves, or those of another status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from skilllib.errors import LibraryLocked, StorageFailed
from skilllib.library import lexical, store, tables
from skilllib.library.database import Database
from skilllib.library.evidence import Evidence
from skilllib.library.findable import Findable, Some
from skilllib.library.index import ExactIndex, Stamp
from skilllib.library.lexical import Lexicon
from skilllib.library.lock import BRIEF, ServerLock, WriterLock
from skilllib.library.ranking import Candidate, relevance
from skilllib.library.text import fields
from skilllib.protocols import Vectors
from skilllib.records.query import Query
from skilllib.records.skill import Skill

Near: TypeAlias = Callable[[Vectors, int], list[tuple[str, float]]]
"""Vector, k → the k nearest (code hash, cosine) pairs."""

BY_MEANING, BY_WORDS = 30, 15
"""Candidates that are looked at of each kind."""
SMALL = 10_000
"""Up to this many skills that a filter leaves are scanned; of more, the index is asked for those that count."""
_PART = 64
_FILTERS = 16
"""Filters whose skills are remembered."""
_WHOLE = (None, None, None)
"""No filter."""


@dataclass(kw_only=True)
class Pool:
    """Skills by meaning and by words."""

    keys: Sequence[str]
    """Code hashes, by row of the lexicon."""
    lexicon: Lexicon
    near: Near
    cosines: Callable[[Vectors, Sequence[str]], dict[str, float]]
    numbers: npt.NDArray[np.int64] | None = None
    """Numbers of the versions that count, by row; None where only code hashes are known."""
    evidence: Callable[[Vectors, Sequence[int]], list[float]] | None = None
    """Vector, rows of `active` → how like it is what each was shown to do; None where opinions make skills active."""
    active: Pool | None = None
    """The pool of the active skills, where this is another one."""
    mask: lexical.Floats | None = None
    """1 for each row that a filter leaves, and 0 for the others; None for all."""

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row by code hash."""
        return {key: row for row, key in enumerate(self.keys)}

    def versions(self, keys: Sequence[str]) -> list[int] | None:
        """Return the numbers of the versions that count of some of its skills, where these are known."""
        if self.numbers is None or not all(key in self.rows for key in keys):
            return None
        return [int(self.numbers[self.rows[key]]) for key in keys]

    def likeness(self, vector: Vectors, keys: Sequence[str]) -> list[float] | list[None]:
        """Return how like a vector is what each of some skills was shown to do, here and by a check; what is not active was not."""
        if self.evidence is None:
            return [None] * len(keys)
        rows = (self.active or self).rows
        return self.evidence(vector, [rows.get(key, -1) for key in keys])

    def among(self, allowed: frozenset[str], near: Near) -> Pool:
        """Return those of its skills that a filter leaves."""
        mask = np.fromiter((key in allowed for key in self.keys), dtype=np.float32, count=len(self.keys))
        found = replace(self, near=near, mask=mask)
        found.rows = self.rows
        return found

    def candidates(self, vector: Vectors, words: Sequence[str], *, k: int, most: int | None = None) -> list[Candidate]:
        """Return what fits best: of the nearest by meaning, and of those that share the weightiest words.

        Args:
            vector: Of the query, (d,).
            words: Of the query.
            k: How many are wanted in the end; as many are looked at, and not only a few.
            most: How many to return; all that were looked at by default. Ties keep the smaller code hash.
        """
        near = self.near(vector, max(k, BY_MEANING))
        weights = self.lexicon.scores(words)
        if self.mask is not None:
            weights *= self.mask
        cosines, near_ranks = dict(near), {key: rank for rank, (key, _) in enumerate(near, 1)}
        word_ranks = {self.keys[row]: rank for rank, row in enumerate(_best(weights, BY_WORDS), 1)}
        cosines |= self.cosines(vector, [key for key in word_ranks if key not in cosines])
        keys, last = list(cosines), len(near) + 1
        rows = np.fromiter(map(self.rows.get, keys, repeat(-1)), dtype=np.int64, count=len(keys))
        shared = np.where(rows >= 0, weights[rows], 0.0).tolist() if len(weights) else [0.0] * len(keys)
        scores = [relevance(cosine, lexical) for cosine, lexical in zip(cosines.values(), shared, strict=True)]
        order = sorted(range(len(keys)), key=lambda at: (-scores[at], keys[at]))
        return [
            Candidate(
                key=(key := keys[at]),
                cosine=cosines[key],
                lexical=shared[at],
                near_rank=near_ranks.get(key, last),
                word_rank=word_ranks.get(key),
            )
            for at in order[:most]
        ]


def _best(weights: lexical.Floats, k: int) -> list[int]:
    """Return the rows of the k largest weights above zero, largest first; ties keep the smaller row.

    The largest of each of many parts are looked at first: what is smaller than k of these is not among the k largest of all.
    """
    parts = len(weights) // _PART
    tops = weights[: parts * _PART].reshape(_PART, parts).max(axis=0, initial=0.0)
    least = float(np.partition(tops, -k)[-k]) if parts > k else 0.0
    rows = np.flatnonzero(weights >= least) if least > 0 else np.flatnonzero(weights)
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
        self._evidence = Evidence(database, findable, lock) if promises else None

    def of(self, query: Query) -> Pool:
        """Return the skills among which a query is to be answered."""
        if self._stamp != (stamp := self._findable.stamp()):
            self._kept, self._stamp = {}, stamp
        if query.status != "active":
            return self._others(query)
        key = (query.environment, query.capability, query.tag)
        pool = self._kept.get(key)
        if pool is not None and pool.numbers is None and self._take_in():
            self._kept, pool = {}, None
        if pool is None:
            kept = self._room()
            pool = kept[key] = self._active() if key == _WHOLE else self._filtered(query)
        return pool

    def _room(self) -> dict[tuple[object, ...], Pool]:
        """Return where one more pool is kept; another thread may begin a new one while this one reads."""
        if len(self._kept) > _FILTERS:
            self._kept = {name: pool for name, pool in self._kept.items() if name == _WHOLE}
        return self._kept

    def _active(self) -> Pool:
        self._take_in()
        with self._database.reading() as connection:
            keys, numbers, lexicon = lexical.stored(connection, self._places)
            known = None if lexical.behind(connection) else numbers  # those of an earlier state may be retired
        pool = Pool(keys=keys, numbers=known, lexicon=lexicon, near=self._near, cosines=self._cosines)
        if self._evidence is not None and self._stamp is not None:
            pool.evidence = self._evidence.of(self._stamp, keys, numbers)
        return pool

    def _filtered(self, query: Query) -> Pool:
        whole = self.of(Query(text=""))
        allowed = self._labelled(query) if whole.numbers is not None else self._labelled(query) | self._unlabelled(query)
        few = len(allowed) <= SMALL
        return whole.among(allowed, _scan(self._index(sorted(allowed))) if few else self._near_of(Some(allowed, len(whole.keys))))

    def _others(self, query: Query) -> Pool:
        """Return skills that are not active, or all: read whole, since their words and vectors are not kept ready."""
        with self._database.reading() as connection:
            head = connection.execute(sa.select(sa.func.max(tables.ledger.c.number))).scalar()
            key = (query.status, query.environment, query.capability, query.tag, head)
            if (pool := self._kept.get(key)) is not None:
                return pool
            kept, columns = self._room(), tables.versions.c
            conditions = [] if query.status == "any" else [columns.status == query.status]
            found = dict[str, Skill]()
            for row in store.rows(connection, *conditions):
                known = found.get(row.skill.code_hash)
                found[row.skill.code_hash] = row.skill if known is None else store.farthest([known, row.skill])
            texts = [
                fields(one, store.effects_of(connection, code_hash), promises=self._promises) for code_hash, one in found.items()
            ]
            sequences = connection.execute(sa.select(columns.version_hash, columns.sequence).where(*conditions))
            numbers = {version_hash: sequence for version_hash, sequence in sequences}
        keys = [code_hash for code_hash, one in found.items() if _wanted(one, query)]
        active = self.of(Query(text=""))
        whole = Pool(
            keys=list(found),
            lexicon=lexical.in_memory(texts),
            near=_scan(self._index(keys)),
            cosines=self._cosines,
            numbers=np.array([numbers[one.version_hash] for one in found.values()], dtype=np.int64),
            evidence=active.evidence,
            active=active,
        )
        pool = kept[key] = whole.among(frozenset(keys), whole.near)
        return pool

    def _index(self, keys: Sequence[str]) -> ExactIndex:
        index = ExactIndex()
        if keys:
            index.put(keys, self._findable.vectors(keys))
        return index

    def _near(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        return self._findable.near(vector, k=k, at=self._stamp)

    def _near_of(self, some: Some) -> Near:
        return lambda vector, k: self._findable.near(vector, k=k, at=self._stamp, among=some)

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

    def _unlabelled(self, query: Query) -> frozenset[str]:
        """Return what a filter leaves of the skills that became active and whose labels are not taken in."""
        columns = tables.versions.c
        with self._database.reading() as connection:
            active = store.rows(connection, columns.status == "active", columns.entry > lexical.since(connection))
        return frozenset(row.skill.code_hash for row in active if _wanted(row.skill, query))

    def _take_in(self) -> bool:
        """Take in the words of a library that was filled without them, if nobody is writing; return whether none is missing."""
        with self._database.reading() as connection:
            if not lexical.behind(connection):
                return True
        try:
            with self._lock.hold(BRIEF, timeout_s=0.0), self._database.writing(wait=False) as connection:
                lexical.follow(connection, promises=self._promises)
                self._findable.current()
        except (LibraryLocked, StorageFailed):  # somebody is writing, or nobody may
            return False
        return True


def _scan(index: ExactIndex) -> Near:
    return lambda vector, k: index.nearest(vector, k=k)


def _wanted(skill: Skill, query: Query) -> bool:
    return (
        (query.environment is None or skill.environment in ("", query.environment))
        and (query.capability is None or query.capability in skill.contract.capabilities)
        and (query.tag is None or query.tag.lower() in lexical.tags(skill))
    )
