"""What active skills were shown to do, as vectors: what speaks for them besides what is written of them.

They are made of facts that kept tests check and that runs here changed, so no author's words have a part in them. A byte a
component is enough: it moves a cosine by less than 0.005.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from skilllib.errors import LibraryLocked, StorageFailed
from skilllib.library import store, tables
from skilllib.library.database import Database
from skilllib.library.findable import Findable
from skilllib.library.index import Stamp
from skilllib.library.lock import BRIEF, ServerLock, WriterLock
from skilllib.library.text import evident
from skilllib.protocols import Embedder, Vectors

_CHUNK = 500


def put(connection: sa.Connection, findable: Findable, hashes: Sequence[str]) -> dict[str, bytes]:
    """Make vectors of what skills were shown to do, in place of earlier ones by the same embedder; return them by code hash."""
    found, table, fingerprint = made(connection, findable.embedder, hashes), tables.evidence, findable.fingerprint
    keys = list(found)
    for start in range(0, len(keys), _CHUNK):
        part = keys[start : start + _CHUNK]
        connection.execute(sa.delete(table).where(table.c.code_hash.in_(part), table.c.fingerprint == fingerprint))
        rows = [{"code_hash": key, "vector": found[key], "digest": store.digest(found[key])} for key in part]
        connection.execute(sa.insert(table), [{**row, "fingerprint": fingerprint} for row in rows])
    return found


def renew(connection: sa.Connection, findable: Findable, hashes: Sequence[str]) -> None:
    """Make the vectors of skills of which something was just shown; those that other embedders made are out of date."""
    for start in range(0, len(hashes), _CHUNK):
        connection.execute(sa.delete(tables.evidence).where(tables.evidence.c.code_hash.in_(hashes[start : start + _CHUNK])))
    put(connection, findable, hashes)


def made(connection: sa.Connection, embedder: Embedder, hashes: Sequence[str]) -> dict[str, bytes]:
    """Return the vectors of what skills were shown to do, by code hash; an empty one where nothing was shown."""
    said = {key: evident(store.tests_of(connection, key), store.effects_of(connection, key)) for key in hashes}
    texts = list(dict.fromkeys(filter(None, said.values())))
    vectors = dict(zip(texts, map(written, embedder.embed(texts)), strict=True)) if texts else {}
    return {key: vectors.get(text, b"") for key, text in said.items()}


def written(vector: Vectors) -> bytes:
    """Return a vector with a signed byte a component; its length is lost, its direction stays."""
    most = max(float(np.abs(vector).max()), 1e-12)
    return bytes(np.rint(vector * (127 / most)).astype(np.int8).tobytes())


def cosines(vector: Vectors, rows: npt.NDArray[np.int8]) -> Vectors:
    """Return the cosines of a vector, (d,), and of rows of signed bytes, (n, d); 0 for rows of nothing."""
    found = rows.astype(np.float32)
    lengths = np.sqrt(np.einsum("nd,nd->n", found, found))
    return np.asarray(found @ vector / np.maximum(lengths, 1e-12), dtype=np.float32)


class _State(NamedTuple):
    """The active skills in one state of the library."""

    stamp: Stamp
    keys: Sequence[str]
    """Code hashes, by row."""
    numbers: npt.NDArray[np.int64]
    """Of their versions, ascending."""


@dataclass(slots=True)
class _Held:
    """What is in memory of a state, by row."""

    state: _State
    vectors: npt.NDArray[np.int8]
    known: npt.NDArray[np.bool_]
    """Which rows were read or made."""
    whole: bool
    """Whether all that is stored was read."""
    asked: bool = False

    def take(self, row: int, vector: bytes) -> None:
        if len(vector) in (0, self.vectors.shape[1]):
            self.vectors[row] = np.frombuffer(vector, dtype=np.int8) if vector else 0
            self.known[row] = True

    def unknown(self, rows: Sequence[int]) -> list[int]:
        return [row for row in dict.fromkeys(rows) if row >= 0 and not self.known[row]]


class Evidence:
    """The evidence for the active skills, in memory.

    Args:
        database: The library.
        findable: Whose embedder makes the vectors.
        lock: Under which they are kept.
    """

    def __init__(self, database: Database, findable: Findable, lock: WriterLock | ServerLock) -> None:
        self._database, self._findable, self._lock = database, findable, lock
        self._held: _Held | None = None

    def of(
        self, stamp: Stamp, keys: Sequence[str], numbers: npt.NDArray[np.int64]
    ) -> Callable[[Vectors, Sequence[int]], list[float]]:
        """Return what says how like a query, (d,), is what skills were shown to do in one state of the library.

        It takes rows of these keys, -1 for a skill that is not active, and gives a cosine for each, 0 where nothing was shown.

        Args:
            stamp: The state.
            keys: Code hashes of the active skills.
            numbers: Of their versions, ascending.
        """
        return partial(self._likeness, _State(stamp, keys, numbers))

    def _likeness(self, state: _State, vector: Vectors, rows: Sequence[int]) -> list[float]:
        if not rows:
            return []
        held = self._held
        if held is None or held.state is not state or held.vectors.shape[1] != len(vector):
            held = self._held = self._taken_over(state, held, len(vector))
        at = np.array(rows, dtype=np.int64)
        if not held.known[at[at >= 0]].all():
            self._learn(held, rows)
        likeness: list[float] = np.where(at >= 0, cosines(vector, held.vectors[at]), 0.0).tolist()
        return likeness

    def _taken_over(self, state: _State, before: _Held | None, dimensions: int) -> _Held:
        """Return what is known of a state from an earlier one, but for what changed since."""
        n = len(state.keys)
        held = _Held(state, np.zeros((n, dimensions), dtype=np.int8), np.zeros(n, dtype=np.bool_), whole=False)
        if before is None or before.vectors.shape[1] != dimensions or not self._findable.precedes(before.state.stamp, state.stamp):
            return held
        _carry_over(before, held)
        rows = {key: row for row, key in enumerate(state.keys)}
        recent = sa.select(tables.versions.c.code_hash).where(tables.versions.c.entry > before.state.stamp.entry)
        with self._database.reading() as connection:
            for key in connection.execute(recent).scalars():
                if key in rows:
                    held.known[rows[key]] = False
        held.whole, held.asked = before.whole, before.asked
        return held

    def _learn(self, held: _Held, rows: Sequence[int]) -> None:
        """Read what is stored for some rows, and make what is not."""
        self._read(held, held.unknown(rows))
        if missing := held.unknown(rows):
            found = self._made([held.state.keys[row] for row in missing])
            for row in missing:
                held.take(row, found[held.state.keys[row]])

    def _read(self, held: _Held, missing: Sequence[int]) -> None:
        """Read what is stored for some rows; when asked a second time, for all: then others will follow."""
        everything = (held.asked and not held.whole) or len(missing) > _CHUNK
        held.asked = True
        keys, table = held.state.keys, tables.evidence.c
        wanted = dict(zip(keys, range(len(keys)), strict=True)) if everything else {keys[row]: row for row in missing}
        query = sa.select(table.code_hash, table.vector, table.digest).where(table.fingerprint == held.state.stamp.fingerprint)
        with self._database.reading() as connection:
            for key, vector, check in connection.execute(query if everything else query.where(table.code_hash.in_(wanted))):
                if key in wanted and store.digest(vector) == check:  # what is damaged is made anew
                    held.take(wanted[key], vector)
        held.whole = held.whole or everything

    def _made(self, hashes: Sequence[str]) -> dict[str, bytes]:
        """Make what is missing, and keep it if nobody else is writing."""
        lock = self._lock.hold(BRIEF, timeout_s=0.0)
        with suppress(LibraryLocked, StorageFailed), lock, self._database.writing(wait=False) as connection:
            return put(connection, self._findable, hashes)
        with self._database.reading() as connection:
            return made(connection, self._findable.embedder, hashes)


def _carry_over(before: _Held, held: _Held) -> None:
    """Copy the rows of the versions that both states have."""
    old, new = before.state.numbers, held.state.numbers
    if len(new):
        at = np.minimum(np.searchsorted(new, old), len(new) - 1)
        same = np.flatnonzero(new[at] == old)
        held.vectors[at[same]], held.known[at[same]] = before.vectors[same], before.known[same]
