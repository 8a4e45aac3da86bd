"""Finding skills: the part of a library that answers questions."""

from __future__ import annotations

from skilllib.library import store
from skilllib.library.database import Database
from skilllib.library.findable import Findable
from skilllib.protocols import Hit

_SPARE = 5
"""Hits asked for beyond k, in case some were retired between the index and the database."""


class Lookup:
    """The part of a library that finds. Readers never wait for the writer."""

    _database: Database
    _findable: Findable

    def retrieve(self, query: str, *, k: int) -> list[Hit]:
        """Return at most k active skills with their cosine to the query, best first.

        Raises:
            ModelWeightsMissing: The embedder has no weights.
        """
        pairs = self._findable.nearest(query, k=k + _SPARE) if k > 0 else []
        with self._database.reading() as connection:
            skills = store.by_hash(connection, [code_hash for code_hash, _ in pairs])
        hits = [Hit(skills[key], score) for key, score in pairs if key in skills and skills[key].status == "active"]
        return hits[:k]

    def search(self, query: str, *, k: int = 5) -> list[Hit]:
        """Return the k active skills that fit a query best; `retrieve` with a usual k."""
        return self.retrieve(query, k=k)
