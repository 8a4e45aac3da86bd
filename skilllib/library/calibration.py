"""From which score on a skill fits, and from which likeness on two are near copies: read off the library itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from statistics import median

import numpy as np

from skilllib.library.pools import Pool
from skilllib.library.text import terms
from skilllib.protocols import Embedder, Vectors
from skilllib.records.base import Record

QUANTILE = 1.2816
"""Of the standard normal distribution, for 90 %: one in ten questions about other things may seem to fit."""
_MAD = 1.4826
"""What makes a median deviation a standard deviation, for a normal distribution."""
_SAMPLE = 200
"""Skills whose nearest neighbour is looked at."""
_NEAR = 0.95
DRIFT = 0.1
"""Share by which the number of skills may change before it is read off anew."""


class Calibration(Record):
    """What was read off a library in one state."""

    fits: float
    """Relevance that only one in ten questions about other things would exceed."""
    near: float
    """Cosine that only one in twenty skills exceeds with its nearest neighbour."""
    skills: int
    fingerprint: str

    def holds(self, skills: int, fingerprint: str) -> bool:
        """Return whether it may be used for a library of so many skills."""
        return self.fingerprint == fingerprint and abs(self.skills - skills) <= DRIFT * self.skills


@cache
def background() -> tuple[str, ...]:
    """Return questions about everyday things, which few libraries answer."""
    return tuple((files(__package__) / "background.txt").read_text(encoding="utf-8").splitlines())


def calibrate(pool: Pool, embedder: Embedder, vectors: Callable[[Sequence[str]], Vectors], fingerprint: str) -> Calibration:
    """Read off a library where fitting begins.

    The best relevance is taken for each question about other things. A library may well answer some of these, so what the
    rest would exceed in one case of ten is estimated from the median and the median deviation, which few outliers move.
    """
    questions = background()
    best = [
        max((one.relevance for one in pool.candidates(vector, terms(text), k=1, most=1)), default=0.0)
        for text, vector in zip(questions, embedder.embed(questions), strict=True)
    ]
    middle = median(best)
    spread = _MAD * median(abs(score - middle) for score in best)
    return Calibration(
        fits=middle + QUANTILE * spread, near=_nearest(pool, vectors), skills=len(pool.keys), fingerprint=fingerprint
    )


def _nearest(pool: Pool, vectors: Callable[[Sequence[str]], Vectors]) -> float:
    step = max(1, len(pool.keys) // _SAMPLE)
    keys = list(pool.keys)[::step]
    if len(pool.keys) < 2:
        return 1.0
    found = []
    for key, vector in zip(keys, vectors(keys), strict=True):
        found.append(next(cosine for other, cosine in pool.near(vector, 2) if other != key))
    return float(np.quantile(found, _NEAR))
