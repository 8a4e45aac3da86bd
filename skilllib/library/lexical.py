"""The words of the active skills: kept and searched by the database, weighed by us (BM25), so that all databases agree.

SQLite searches them with FTS5, PostgreSQL with its own full text search. Either is asked one thing: in which skills does a
word stand, and in which fields? The answer is kept in memory until the active skills change. FTS5's own ranking goes through
every row that has any word of a query, which takes tens of milliseconds in a large library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from skilllib.library import store, tables
from skilllib.library.text import RECIPE, Fields, fields, terms
from skilllib.records.skill import Skill

Floats: TypeAlias = npt.NDArray[np.float32]
Posting: TypeAlias = tuple[npt.NDArray[np.int64], Floats]
"""Rows with a word, ascending, and the weight of the fields in which it stands."""

WEIGHTS = (3.0, 2.0, 1.0)
"""Of a word in the name, the summary and the details."""
K1, B = 1.2, 0.75
"""Saturation and the share of the length in BM25 (Robertson and Zaragoza 2009), at their usual values."""
_DERIVED = 100 * RECIPE + 1
"""How texts are derived, and how words are taken from them; raised when either changes."""
_CACHED = 4_000_000
"""Entries of postings that are kept in memory: 48 MB."""
_CHUNK = 500
# What a damaged row says is for the doctor to tell; here it says nothing.
_HELD, _NUMBER = re.compile(r"(-?[0-9]{1,9}) ([0-9]{1,9})"), re.compile(r"[0-9]{1,9}")

SQLITE = """
SELECT doc, SUM(CASE col WHEN 'name' THEN 3.0 WHEN 'summary' THEN 2.0 ELSE 1.0 END)
FROM word_places WHERE term = :word GROUP BY doc ORDER BY doc
"""
POSTGRESQL = """
SELECT number, 3.0 * (to_tsvector('simple', name) @@ asked)::int + 2.0 * (to_tsvector('simple', summary) @@ asked)::int
  + (to_tsvector('simple', details) @@ asked)::int
FROM lexicon, plainto_tsquery('simple', :word) asked
WHERE to_tsvector('simple', name || ' ' || summary || ' ' || details) @@ asked ORDER BY number
"""


def for_dialect(connection: sa.Connection) -> sa.TextClause:
    """Return what asks a database for the places of a word."""
    return sa.text(SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL)


class Lexicon:
    """Weighs skills by the words of a query.

    A word's weight is BM25's, divided by the largest inverse document frequency in a library of this size: so weights are of
    one scale in small and in large libraries.

    Args:
        lengths: How many words each row has.
        posting: Word → where it stands.
    """

    def __init__(self, lengths: Floats, posting: Callable[[str], Posting]) -> None:
        mean = float(lengths.mean()) if len(lengths) else 1.0
        self._norm = K1 * (1 - B + B * lengths / max(mean, 1.0))
        self._posting = posting
        self._cache: dict[str, Posting] = {}
        self._entries = 0

    def __len__(self) -> int:
        return len(self._norm)

    def scores(self, words: Iterable[str]) -> Floats:
        """Return the weight of each row."""
        found = np.zeros(len(self), dtype=np.float32)
        for word in words:
            rows, weights = self.weights(word)
            found[rows] += weights
        return found

    def weighed(self, words: Sequence[str], rows: Sequence[int]) -> Floats:
        """Return how much each word says for each of some rows, (words, rows)."""
        asked, found = np.asarray(rows, dtype=np.int64), np.zeros((len(words), len(rows)), dtype=np.float32)
        for one, word in enumerate(words):
            having, weights = self.weights(word)
            if len(having):
                at = np.minimum(having.searchsorted(asked), len(having) - 1)
                found[one] = np.where(having[at] == asked, weights[at], 0.0)
        return found

    def weights(self, word: str) -> Posting:
        """Return the rows with a word, and how much it says for each."""
        if (known := self._cache.get(word)) is not None:
            return known
        rows, counts = self._posting(word)
        n, df = len(self), len(rows)
        share = np.log1p((n - df + 0.5) / (df + 0.5)) / np.log1p(2 * n + 1)
        weights = (share * counts * (K1 + 1) / (counts + self._norm[rows])).astype(np.float32)
        if self._entries > _CACHED:
            self._cache, self._entries = {}, 0
        self._cache[word] = (rows, weights)
        self._entries += df
        return rows, weights


def in_memory(documents: Sequence[Fields]) -> Lexicon:
    """Return a lexicon of texts that are in no database."""
    found: dict[str, dict[int, float]] = {}
    lengths = np.zeros(len(documents), dtype=np.float32)
    for row, document in enumerate(documents):
        for text, weight in zip(document, WEIGHTS, strict=True):
            for word in terms(text):
                at = found.setdefault(word, {})
                at[row] = at.get(row, 0.0) + weight
                lengths[row] += 1
    return Lexicon(lengths, lambda word: _posting(list(found.get(word, {}).items())))


def _posting(pairs: Sequence[tuple[int, float]]) -> Posting:
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return table[:, 0].astype(np.int64), table[:, 1].astype(np.float32)


# ---- in the database


def stored(
    connection: sa.Connection, ask: Callable[[str], Sequence[tuple[int, float]]]
) -> tuple[list[str], npt.NDArray[np.int64], Lexicon]:
    """Return the code hashes of the rows of the stored words, the numbers of their versions, and the words.

    Args:
        connection: To read with now.
        ask: Word → (number, weight) pairs, later.
    """
    table = tables.lexicon.c
    found = connection.execute(sa.select(table.number, table.code_hash, table.length).order_by(table.number)).all()
    numbers = np.array([number for number, *_ in found], dtype=np.int64)
    lengths = np.array([length for *_, length in found], dtype=np.float32)

    def posting(word: str) -> Posting:
        places, weights = _posting(ask(word))
        rows = np.searchsorted(numbers, places)
        known = rows < len(numbers)  # what another process has added since is in the next state
        known[known] = numbers[rows[known]] == places[known]
        return rows[known], weights[known]

    return [code_hash for _, code_hash, _ in found], numbers, Lexicon(lengths, posting)


def places(connection: sa.Connection, word: str) -> list[tuple[int, float]]:
    """Return the numbers of the skills with a word, and the weight of the fields in which it stands."""
    return [(number, float(weight)) for number, weight in connection.execute(for_dialect(connection), {"word": word})]


def summaries(connection: sa.Connection, most: int) -> list[tuple[str, str]]:
    """Return (code hash, words of the summary) of at most so many active skills, evenly spread over all."""
    table = tables.lexicon.c
    found = connection.execute(sa.select(table.code_hash, table.summary).order_by(table.number)).all()
    return [(code_hash, summary) for code_hash, summary in found[:: max(1, -(-len(found) // most))]]


def behind(connection: sa.Connection) -> bool:
    """Return whether skills became active, or ceased to be, without their words being taken in."""
    return _held(connection) != _head(connection)


def since(connection: sa.Connection) -> int:
    """Return the entry of the ledger up to which words are taken in as they are derived now, -1 for none."""
    entry, recipe = _held(connection)
    return entry if recipe == _DERIVED else -1


def follow(connection: sa.Connection, *, promises: bool = True) -> None:
    """Take in the words of skills that became active, and drop those of others, within a transaction."""
    versions, table = tables.versions.c, tables.lexicon
    head = _head(connection)
    if _held(connection) == head:
        return
    taken_in = since(connection)
    recent = sa.select(versions.code_hash).where(versions.entry > taken_in)
    connection.execute(sa.delete(tables.labels).where(tables.labels.c.code_hash.in_(recent)))
    connection.execute(sa.delete(table).where(table.c.code_hash.in_(recent)))
    if taken_in < 0:
        connection.execute(sa.delete(tables.labels))
        connection.execute(sa.delete(table))
    active = sa.select(sa.func.min(versions.sequence), versions.code_hash).where(
        versions.status == "active", versions.code_hash.in_(recent)
    )
    due = connection.execute(active.group_by(versions.code_hash).order_by(sa.func.min(versions.sequence))).all()
    for start in range(0, len(due), _CHUNK):
        _put(connection, [(number, code_hash) for number, code_hash in due[start : start + _CHUNK]], promises)
    store.set_meta(connection, "lexicon", f"{head[0]} {_DERIVED}")


def rebuild(connection: sa.Connection, *, promises: bool = True) -> None:
    """Take in all words anew."""
    store.set_meta(connection, "lexicon", "-1 0")
    if connection.dialect.name == "sqlite":
        connection.execute(sa.text("INSERT INTO words (words) VALUES ('rebuild')"))
    follow(connection, promises=promises)


def _held(connection: sa.Connection) -> tuple[int, int]:
    found = _HELD.fullmatch(str(store.get_meta(connection, "lexicon")))
    return (int(found[1]), int(found[2])) if found else (-1, 0)


def _head(connection: sa.Connection) -> tuple[int, int]:
    found = str(store.get_meta(connection, "findable"))
    return int(found) if _NUMBER.fullmatch(found) else 0, _DERIVED


def _put(connection: sa.Connection, due: Sequence[tuple[int, str]], promises: bool) -> None:
    skills = store.by_hash(connection, [code_hash for _, code_hash in due])
    rows, marks = [], []
    for number, code_hash in due:
        skill = skills[code_hash]
        texts = [" ".join(terms(text)) for text in fields(skill, store.effects_of(connection, code_hash), promises=promises)]
        name, summary, details = texts
        length = sum(len(text.split()) for text in texts)
        rows.append(
            {"number": number, "code_hash": code_hash, "name": name, "summary": summary, "details": details, "length": length}
        )
        marks += [{"label": label, "code_hash": code_hash} for label in sorted(labels(skill))]
    connection.execute(sa.insert(tables.lexicon), rows)
    if marks:
        connection.execute(sa.insert(tables.labels), marks)


def labels(skill: Skill) -> set[str]:
    """Return by what a skill can be picked out: its environment, its capabilities and its tags."""
    found = {f"capability:{name}" for name in skill.contract.capabilities} | {f"tag:{tag}" for tag in tags(skill)}
    return found | {f"environment:{skill.environment}"}


def tags(skill: Skill) -> set[str]:
    """Return the tags that a skill came with: `tags` in its provenance, words with commas or spaces between them."""
    said = skill.provenance.frontmatter
    return set((said.get("tags") or said.get("metadata.tags") or "").lower().replace(",", " ").split())
