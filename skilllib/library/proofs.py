"""What active skills were shown to do, as vectors: what speaks for them besides what is written of them.

They are made from the checks of kept tests alone, so an author's words have no part in them. A byte a component is enough: it
moves a cosine by less than 0.005.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sqlalchemy as sa

from skilllib.library import store, tables
from skilllib.library.text import shown
from skilllib.protocols import Embedder, Vectors

_CHUNK = 500


def numbers(connection: sa.Connection, hashes: Sequence[str]) -> dict[str, int]:
    """Return under which number the proof of each active skill is kept, by code hash: that of its version that counts."""
    columns, found = tables.versions.c, dict[str, int]()
    query = (
        sa.select(columns.code_hash, sa.func.min(columns.sequence)).where(columns.status == "active").group_by(columns.code_hash)
    )
    for start in range(0, len(hashes), _CHUNK):
        part = query.where(columns.code_hash.in_(hashes[start : start + _CHUNK]))
        found.update((code_hash, number) for code_hash, number in connection.execute(part))
    return found


def put(connection: sa.Connection, embedder: Embedder, fingerprint: str, skills: Mapping[int, str]) -> dict[int, bytes]:
    """Make vectors of what skills were shown to do, in place of earlier ones, and return them by number.

    Args:
        connection: A transaction.
        embedder: Makes vectors of texts.
        fingerprint: Of the embedder and the texts.
        skills: Number → code hash.
    """
    found = made(connection, embedder, skills)
    table, due = tables.proofs, list(found)
    for start in range(0, len(due), _CHUNK):
        part = due[start : start + _CHUNK]
        connection.execute(sa.delete(table).where(table.c.number.in_(part)))
        rows = [{"number": number, "fingerprint": fingerprint, "vector": found[number]} for number in part]
        connection.execute(sa.insert(table), rows)
    return found


def made(connection: sa.Connection, embedder: Embedder, skills: Mapping[int, str]) -> dict[int, bytes]:
    """Return the vectors of what skills were shown to do, by number; an empty one where nothing was shown."""
    said = {number: shown(store.tests_of(connection, code_hash)) for number, code_hash in skills.items()}
    texts = list(dict.fromkeys(filter(None, said.values())))
    vectors = dict(zip(texts, map(written, embedder.embed(texts)), strict=True)) if texts else {}
    return {number: vectors.get(text, b"") for number, text in said.items()}


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
