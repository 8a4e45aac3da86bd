"""A deterministic embedder without a model: feature hashing of words and character trigrams."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

import numpy as np

from skilllib.protocols import Vectors

_WORD = re.compile(r"\w+")


class HashingEmbedder:
    """The public test double of an embedder: texts that share words are near each other, and nothing is downloaded.

    Every word and every trigram of a word adds +1 or -1 to one of `dims` places, both chosen by its hash
    (Weinberger et al., arXiv 0902.2206). It knows nothing of meaning; use `MiniLMEmbedder` for that.

    >>> HashingEmbedder().embed(["make a rope"]).shape
    (1, 256)
    """

    def __init__(self, dims: int = 256) -> None:
        self.dims = dims

    @property
    def fingerprint(self) -> str:
        """Identifies the scheme and its size."""
        return f"hashing-1-{self.dims}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector per text, (n, dims) float32; a text without a word points along the first axis."""
        vectors = np.zeros((len(texts), self.dims), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for feature, weight in _features(text):
                digest = int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "replace"), digest_size=8).digest(), "big")
                row[(digest >> 1) % self.dims] += weight if digest & 1 else -weight
            if not row.any():
                row[0] = 1.0
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in _WORD.findall(text.lower()):
        yield word, 1.0
        padded = f"<{word}>"
        for start in range(len(padded) - 2):
            # Trigrams count less than words, so that whole words decide and spelling breaks ties.
            yield f"#{padded[start : start + 3]}", 0.25
