"""Finding skills: the part of a library that answers questions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Literal, TypedDict, Unpack

import sqlalchemy as sa
from pydantic import ValidationError

from skilllib.errors import LibraryLocked, StorageFailed
from skilllib.library import hubs, lexical, ranking, standing, store, tables
from skilllib.library.activation import Activation, activation, occasions
from skilllib.library.calibration import Calibration, calibrate
from skilllib.library.door import Door
from skilllib.library.hubs import Hub
from skilllib.library.lock import BRIEF
from skilllib.library.pools import Pool, Pools
from skilllib.library.ranking import Found
from skilllib.library.runs import RunLog
from skilllib.library.text import check_words, terms
from skilllib.protocols import Hit
from skilllib.records.base import Json
from skilllib.records.ledger import LedgerEntry
from skilllib.records.query import Asked, Query
from skilllib.records.skill import Status

_RANKED, _WEIGHED = 10, 30
"""Candidates whose records are read, at least; more where contracts are weighed, which can move a skill far."""
_ROUNDING = 1e-5
"""Cosines of an index and of the vectors themselves differ by less; the nearest pair of a small library is no copy for that."""


class About(TypedDict, total=False):
    """What a query may say beside its words; see `Query`."""

    facts: dict[str, Json] | None
    missing: tuple[str, ...]
    environment: str | None
    status: Status | Literal["any"]
    capability: str | None
    tag: str | None


class Lookup(Door, RunLog):
    """The part of a library that finds. Readers never wait for the writer."""

    _pools: Pools | None = None
    _bounds: Calibration | None = None

    def retrieve(self, query: str | Query, *, k: int) -> list[Hit]:
        """Return at most k skills that fit a query best, best first, each with the reasons.

        What is found follows from the library's state alone. All k are returned, however little they fit.

        Args:
            query: Words, or a record that also says what is missing, what holds, and which skills are meant.
            k: How many.

        Raises:
            ModelWeightsMissing: The embedder has no weights.
            ValidationError: That is no query.
        """
        asked = query if isinstance(query, Query) else Query(text=query)
        found, pool = self._ranked(asked, k)
        found = found[: max(k, 0)]
        return [one.hit(asked, shared) for one, shared in zip(found, _shared(pool, found, _words(asked)), strict=True)]

    def search(self, query: str | Query, *, k: int = 5, fitting: bool = False, **about: Unpack[About]) -> list[Hit]:
        """Return the k skills that fit a query best, near copies counted once; each says whether it fits, and why.

        Args:
            query: Words, or a record.
            k: How many.
            fitting: Leave out what does not fit; an empty list says that nothing does.
            about: Fields of the `Query` beside its words: `environment`, `tag`, `missing` and so on.

        Raises:
            ModelWeightsMissing: The embedder has no weights.
            ValidationError: There is no such field, or its value is none.
        """
        said = dict(query) if isinstance(query, Query) else {"text": query}
        asked = Query.model_validate({**said, **about})
        found, pool = self._ranked(asked, 2 * k)
        if not found:
            return []
        bounds = self._calibration()
        kept, looked_at = self._different(found, bounds.near, k), 2 * k
        while len(kept) < k and len(found) >= looked_at:  # copies took the places of others
            looked_at *= 2
            found, pool = self._ranked(asked, looked_at)
            kept = self._different(found, bounds.near, k)
        words = _shared(pool, kept, _words(asked))
        hits = [one.hit(asked, shared, fits=one.fitness(asked) >= bounds.fits) for one, shared in zip(kept, words, strict=True)]
        return [hit for hit in hits if hit.why is not None and (hit.why.fits or not fitting)]

    def _different(self, found: Sequence[Found], near: float, k: int) -> list[Found]:
        return ranking.collapsed(found, lambda one, other: self._alike(one, other, near), k)

    def _alike(self, one: Found, other: Found, near: float) -> bool:
        if not ranking.same_contract(one.skill, other.skill):
            return False
        first, second = self._findable.vectors([one.candidate.key, other.candidate.key])
        return float(first @ second) > near + _ROUNDING

    def _calibration(self) -> Calibration:
        """Return what was read off this library, anew where it has changed much since."""
        pool, fingerprint = self._pool_of(Query(text="")), self._findable.fingerprint
        if self._bounds is None:
            with self._database.reading() as connection:
                text = store.get_meta(connection, "calibration")
            with suppress(ValidationError):  # what cannot be read is read off anew
                self._bounds = Calibration.model_validate_json(text) if text else None
        if self._bounds is None or not self._bounds.holds(len(pool.keys), fingerprint):
            self._bounds = calibrate(pool, self._findable.embedder, self._findable.vectors, fingerprint)
            held = self._lock.hold(BRIEF, timeout_s=0.0)
            with suppress(LibraryLocked, StorageFailed), held, self._database.writing(wait=False) as connection:
                store.set_meta(connection, "calibration", self._bounds.model_dump_json())
        return self._bounds

    def _ranked(self, query: Query, k: int) -> tuple[list[Found], Pool]:
        pool = self._pool_of(query)
        if k < 1 or not pool.keys:
            return [], pool
        vector = self._findable.embedder.embed([query.text])[0]
        candidates = pool.candidates(vector, _words(query), k=k)
        for one, likeness in zip(candidates, pool.likeness(vector, [one.key for one in candidates]), strict=True):
            one.evidence = likeness
        weighed = bool(query.missing) or query.facts is not None
        candidates = ranking.foremost(candidates, max(2 * k, _WEIGHED if weighed else _RANKED))
        counted = standing.counted(self._database, [one.key for one in candidates])
        candidates = ranking.promising(query, candidates, counted, k)
        keys = [one.key for one in candidates]
        standings = standing.standings(self._database, pool.versions(keys) or keys)
        skills = {key: one.skill() for key, one in standings.items() if query.status in ("any", one.status)}
        return ranking.ranked(query, candidates, skills, counted), pool

    def _pool_of(self, query: Query) -> Pool:
        if self._pools is None:
            self._pools = Pools(self._database, self._findable, self._lock, promises=self.policy == "evidence")
        return self._pools.of(query)

    # ---- what came of it

    def record_use(self, query: str, retrieved: Sequence[Hit], *, called: Sequence[str] = (), solved: bool | None = None) -> None:
        """Record what became of a look-up, for whoever uses skills from an agent of their own; waits for nobody, as `count`.

        Args:
            query: What was asked.
            retrieved: What was found.
            called: Names of the skills that were called.
            solved: Whether what was wanted was done; None if nobody can say.
        """
        names = tuple(hit.skill.name for hit in retrieved)
        text, check = store.written(Asked(query=query, retrieved=names, called=tuple(called), solved=solved))
        table, moment = tables.lookups, store.now()

        def record(connection: sa.Connection) -> None:
            number = store.next_number(connection, table.c.number)
            connection.execute(sa.insert(table), {"number": number, "record": text, "digest": check, "created_at": moment})

        self._in_passing(record)

    def lookups(self) -> tuple[Asked, ...]:
        """Return the look-ups that were recorded, oldest first."""
        table = tables.lookups.c
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(table.record, table.digest).order_by(table.number))
            return tuple(store.read(Asked, text, check) for text, check in rows)

    def activation(self) -> Activation:
        """Return how well look-ups served, from what was recorded of runs and of other look-ups."""
        traces = (trace for _, trace in self.traces())
        return activation(occasions(traces, self.lookups()))

    # ---- hubs

    def hubs(self) -> tuple[Hub, ...]:
        """Return the active skills that turn up in the top five of far more questions than their peers, the worst first.

        Questions are the skills' own texts, the goals of the tasks of recorded runs, and recorded look-ups.
        """
        pool = self._pool_of(Query(text=""))
        with self._database.reading() as connection:
            peers = lexical.summaries(connection, hubs.PEERS)
        asked = dict.fromkeys([trace.task.goal for _, trace in self.traces()] + [one.query for one in self.lookups()])
        if not peers:
            return ()
        vectors = self._findable.vectors([key for key, _ in peers])
        tops = hubs.top_fives(pool, peers, vectors, list(asked)[-hubs.ASKED :], self._findable.embedder)
        return tuple(hubs.hubs(pool.keys, tops))

    def quarantine_hubs(self) -> tuple[LedgerEntry, ...]:
        """Put hubs and what calls them on trial, each with an entry in the ledger; proved anew they are active again."""
        with self._writes("putting hubs on trial"):
            return tuple(self.commit(*hubs.quarantine(hub, self._active_callers(hub.code_hash))) for hub in self.hubs())

    def _active_callers(self, code_hash: str) -> list[str]:
        """Return the code hashes of what reaches a skill through calls, also through skills that are not active."""
        found, seen, due = dict[str, None](), {code_hash}, [code_hash]
        while due:
            callers = self.callers(due.pop())
            found |= dict.fromkeys(one.code_hash for one in callers if one.status == "active")
            new = dict.fromkeys(one.code_hash for one in callers if one.code_hash not in seen)
            seen |= new.keys()
            due += new
        return list(found)


def _words(query: Query) -> tuple[str, ...]:
    return terms(" ".join([query.text, *map(check_words, query.missing)]))


def _shared(pool: Pool, found: Sequence[Found], words: Sequence[str]) -> list[tuple[str, ...]]:
    """Return for each the words of a query that its text has, the weightiest first."""
    weighed = pool.lexicon.weighed(words, [pool.rows.get(one.candidate.key, -1) for one in found]).T.tolist()
    return [tuple(words[at] for at in sorted(range(len(words)), key=lambda at: -row[at]) if row[at] > 0) for row in weighed]
