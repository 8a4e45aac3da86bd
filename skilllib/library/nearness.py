"""Skills whose texts are nearer to each other than those of different skills are, so that somebody should look."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skilllib.library.findable import Findable
from skilllib.protocols import Index
from skilllib.records.skill import Skill

LEAST = 0.9
"""Cosine below which two texts never count as near: with MiniLM the nearest two of 15 active skills that were learned in the
shipped world have 0.85, half of the versions that have the same name more than 0.93."""
QUANTILE = 0.95
"""Share of a library's skills whose nearest neighbour is farther away than what counts as near."""
SAMPLE = 128
"""Skills whose nearest neighbours are looked up, at most; fewer than a fifth of it say nothing."""


class Near(NamedTuple):
    """A skill with a near text, its cosine, and the one from which on it counts as near in this library."""

    code_hash: str
    cosine: float
    bound: float


class Nearness:
    """Finds active skills that are described like a new one. What counts as near is measured on the library itself.

    Args:
        findable: The vectors of the active skills.
    """

    def __init__(self, findable: Findable) -> None:
        self._findable = findable
        self._measured: tuple[int, float] | None = None

    def of(self, skill: Skill, *, k: int = 3) -> list[Near]:
        """Return at most k active skills whose texts are near, the nearest first; the skill need not be stored."""
        index = self._findable.current()
        bound = self._bound(index)
        found = index.nearest(self._findable.vector(skill), k=k + 1)
        return [Near(key, cosine, bound) for key, cosine in found if cosine >= bound and key != skill.code_hash][:k]

    def _bound(self, index: Index) -> float:
        """Return the cosine that the nearest neighbours of few skills exceed; measured again when the library has doubled."""
        keys = sorted(index.keys())
        if len(keys) < SAMPLE // 5:
            return LEAST
        if self._measured is None or not self._measured[0] <= len(keys) < 2 * self._measured[0]:
            sample = keys[:: -(-len(keys) // SAMPLE)]
            pairs = zip(sample, self._findable.vectors(sample), strict=True)
            nearest = [max(cosine for other, cosine in index.nearest(vector, k=2) if other != key) for key, vector in pairs]
            self._measured = len(keys), max(LEAST, float(np.quantile(nearest, QUANTILE)))
        return self._measured[1]
