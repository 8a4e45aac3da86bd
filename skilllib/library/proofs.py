"""What active skills were shown to do, as vectors: what speaks for them besides what is written of them.

They are made from the checks of kept tests alone, so an author's words have no part in them. A byte a component is enough: it
moves a cosine by less than 0.005.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import sqlalchemy as sa

from skilllib.library import store, tables
from skilllib.library.text import shown
from skilllib.protocols import Embedder, Vectors

_CHUNK = 500


def put(connection: sa.Connection, embedder: Embedder, fingerprint: str, hashes: Sequence[str]) -> dict[str, bytes]:
    """Make vectors of what skills were shown to do, in place of earlier ones by the same embedder, and return them."""
    found = made(connection, embedder, hashes)
    table, keys = tables.proofs, list(found)
    for start in range(0, len(keys), _CHUNK):
        part = keys[start : start + _CHUNK]
        connection.execute(sa.delete(table).where(table.c.code_hash.in_(part), table.c.fingerprint == fingerprint))
        connection.execute(sa.insert(table), [{"code_hash": key, "fingerprint": fingerprint, "vector": found[key]} for key in part])
    return found


def made(connection: sa.Connection, embedder: Embedder, hashes: Iterable[str]) -> dict[str, bytes]:
    """Return the vectors of what skills were shown to do, by code hash; an empty one where nothing was shown."""
    said = {key: shown(store.tests_of(connection, key)) for key in hashes}
    texts = list(dict.fromkeys(filter(None, said.values())))
    vectors = dict(zip(texts, map(written, embedder.embed(texts)), strict=True)) if texts else {}
    return {key: vectors.get(text, b"") for key, text in said.items()}


def written(vector: Vectors) -> bytes:
    """Return a vector with a byte a component; its length is lost, its direction stays."""
    most = max(float(np.abs(vector).max()), 1e-12)
    return bytes(np.rint(vector * (127 / most)).astype(np.int8).tobytes())


def likeness(vector: Vectors, proofs: Sequence[bytes]) -> list[float]:
    """Return how like a query, (d,), each of some proofs is: a cosine, 0 for what has none or one that cannot be read."""
    found, d = [0.0] * len(proofs), len(vector)
    have = [at for at, proof in enumerate(proofs) if len(proof) == d]
    if have:
        rows = np.frombuffer(b"".join(proofs[at] for at in have), dtype=np.int8).reshape(-1, d).astype(np.float32)
        cosines = rows @ vector / np.maximum(np.sqrt(np.einsum("nd,nd->n", rows, rows)), 1e-12)
        for at, cosine in zip(have, cosines.tolist(), strict=True):
            found[at] = cosine
    return found
