"""Ranks calls by how their words match what is wanted."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from skilllib.protocols import Embedder
from skilllib.records.world import EnvironmentSpec
from skilllib.writer.plan import Call

_WORD = re.compile(r"[a-z]+|\d+")
_EMPTY = frozenset(
    {"a", "an", "the", "of", "to", "in", "at", "least", "most", "is", "and", "or", "be", "have", "get", "near", "until"}
)
LEXICAL, SEMANTIC = 0.6, 0.4
"""Weights of shared words and of the cosine of embeddings."""
DOC = 0.3
"""Weight of a word that occurs in a primitive's documentation only."""


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, with plural and -ing endings cut off, without empty ones.

    >>> words("collect_saplings in the garden")
    ['collect', 'sapling', 'garden']
    """
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in _EMPTY]


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


class WordRanking:
    """Scores calls against words: shared words count most, the cosine of sentence embeddings breaks the rest.

    Args:
        spec: The environment whose primitives' documentation is read.
        embedder: Gives the vectors.
    """

    def __init__(self, spec: EnvironmentSpec, embedder: Embedder) -> None:
        self._docs = {primitive.name: frozenset(words(f"{primitive.doc} {primitive.fails}")) for primitive in spec.primitives}
        self._embedder = embedder

    def scores(self, wanted: str, calls: Sequence[Call]) -> list[float]:
        """Return one score per call, at most 1; higher is better."""
        if not calls:
            return []
        vectors = self._embedder.embed([" ".join(words(wanted)) or wanted, *(_text(call) for call in calls)])
        cosines = np.maximum(vectors[1:] @ vectors[0], 0.0)
        tokens = words(wanted)
        return [
            round(LEXICAL * self._lexical(tokens, call) + SEMANTIC * float(cosine), 4)
            for call, cosine in zip(calls, cosines, strict=True)
        ]

    def names(self, wanted: str, call: Call) -> bool:
        """Return whether a call's own name and arguments bear all the words that are wanted."""
        tokens = words(wanted)
        return bool(tokens) and set(tokens) <= set(words(_text(call)))

    def _lexical(self, tokens: Sequence[str], call: Call) -> float:
        if not tokens:
            return 0.0
        named = set(words(_text(call)))
        documented = self._docs.get(call.name, frozenset())
        return sum(1.0 if token in named else DOC if token in documented else 0.0 for token in tokens) / len(tokens)


def _text(call: Call) -> str:
    return " ".join([call.name, *(str(value) for _, value in call.arguments)]).replace("_", " ")
