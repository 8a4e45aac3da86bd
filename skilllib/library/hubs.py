"""Skills that turn up everywhere: descriptions that are near to most questions, by accident or on purpose.

A hub stands in the top five of far more questions than its peers (Radovanović, Nanopoulos and Ivanović 2010). The questions
are the peers' own texts and what was really asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from skilllib.library.pools import Pool
from skilllib.library.text import terms
from skilllib.protocols import Embedder, Vectors
from skilllib.records.ledger import Change, Decision

TOP = 5
PEERS, ASKED = 500, 500
"""Most questions of each kind."""
FALSE_ALARMS = 0.01
"""Chance that one sound library has a skill flagged, if its counts were spread as those of the middle half are."""
_LEAST_SPREAD = 0.3372
"""Median deviation of the square root of a Poisson count; a smaller one is chance."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A skill, and how often it turned up."""

    code_hash: str
    hits: int
    """Questions in whose top five it is; its own text is not among them."""
    questions: int
    usual: float
    """Median over all skills."""
    z: float
    """Robust deviation from the median, on the scale of square roots."""


def top_fives(
    pool: Pool, texts: Sequence[tuple[str, str]], vectors: Vectors, asked: Sequence[str], embedder: Embedder
) -> list[set[str]]:
    """Return the top five for each peer's text, itself left out, and for each question that was asked.

    Args:
        pool: The active skills.
        texts: (code hash, summary) of peers.
        vectors: Of the same peers, (n, d).
        asked: Real questions.
        embedder: Makes vectors of these.
    """
    found = []
    for (key, summary), vector in zip(texts, vectors, strict=True):
        found.append(_top(pool, vector, summary, besides=key))
    for text, vector in zip(asked, embedder.embed(asked), strict=True):
        found.append(_top(pool, vector, text))
    return found


def _top(pool: Pool, vector: Vectors, text: str, besides: str = "") -> set[str]:
    found = [one.key for one in pool.candidates(vector, terms(text), k=TOP + 1, most=TOP + 1)]
    return set([key for key in found if key != besides][:TOP])


def hubs(keys: Sequence[str], tops: Iterable[set[str]]) -> list[Hub]:
    """Return the hubs, the worst first.

    Counts are compared on the scale of their square roots, where chance has one size for all of them, with their median and
    median deviation, which the hubs themselves hardly move. The bound is corrected for the number of skills (Bonferroni).
    """
    from scipy.stats import norm

    counted, number = Counter[str](), 0
    for top in tops:
        counted.update(top)
        number += 1
    if len(keys) <= 2 * TOP:
        return []  # where five are half of all, everything turns up everywhere
    roots = np.sqrt([counted[key] for key in keys])
    middle = float(np.median(roots))
    spread = max(float(np.median(np.abs(roots - middle))), _LEAST_SPREAD)
    z = norm.ppf(0.75) * (roots - middle) / spread
    bound = norm.isf(FALSE_ALARMS / len(keys))
    flagged = [
        Hub(key, counted[key], number, middle**2, round(float(score), 2))
        for key, score in zip(keys, z, strict=True)
        if score > bound
    ]
    return sorted(flagged, key=lambda hub: (-hub.z, hub.code_hash))


def quarantine(hub: Hub, callers: Sequence[str]) -> tuple[Change, Decision]:
    """Return what puts a hub on trial, and the active skills that rest on it."""
    share = f"in the top five of {hub.hits} of {hub.questions} questions, where {hub.usual:.0f} is usual"
    change = Change(
        kind="quarantine", targets=(hub.code_hash, *callers), rationale=f"it turns up everywhere: {share}", proposer="hubs"
    )
    figures = {"hits": float(hub.hits), "questions": float(hub.questions), "usual": hub.usual, "z": hub.z}
    return change, Decision(outcome="promote", codes=("hub",), figures=figures, reason=share)
