"""Where adapters lie among each other: distances of what they add (ΔW), a map of them, and whether families keep together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from skilllib.records.adapter import LoraWeights
from skilllib.records.base import Record

Table: TypeAlias = npt.NDArray[np.float64]
SHUFFLES = 999
"""Random namings of the families that a silhouette is compared with."""


class Clusters(Record):
    """How well families of adapters keep together."""

    adapters: int
    families: int
    silhouette: float
    """Mean over adapters (Rousseeuw 1987), from -1 to 1; above 0 an adapter is nearer to its own family than to any other."""
    p: float
    """Share of random namings of the families with a silhouette at least as large."""
    within: float
    """Mean distance of ΔW within a family."""
    between: float
    """Mean distance of ΔW between families."""
    ratio: float
    """within / between; below 1 where families keep together."""
    cosine_within: float
    cosine_between: float


def gram(adapters: Sequence[LoraWeights]) -> Table:
    """Return the inner products of all adapters' ΔW (n, n), from their factors: no matrix of a module's size is ever made."""
    n = len(adapters)
    total = np.zeros((n, n))
    for module in sorted({module for adapter in adapters for module in adapter.pairs}):
        having = [i for i, adapter in enumerate(adapters) if module in adapter.pairs]
        pairs = [adapters[i].pairs[module] for i in having]
        a = np.concatenate([pair.a for pair in pairs]).astype(np.float64)
        b = np.concatenate([adapters[i].alpha * pair.b.T for i, pair in zip(having, pairs, strict=True)]).astype(np.float64)
        starts = np.cumsum([0, *(pair.rank for pair in pairs[:-1])])
        # ⟨B₁A₁, B₂A₂⟩ = Σ (B₁ᵀB₂) ∘ (A₁A₂ᵀ), for all pairs at once
        products = np.add.reduceat(np.add.reduceat((a @ a.T) * (b @ b.T), starts, axis=0), starts, axis=1)
        total[np.ix_(having, having)] += products
    return total


def distances(products: Table) -> Table:
    """Return the Frobenius distances (n, n) that belong to inner products."""
    squares = np.diag(products)
    found = np.sqrt(np.maximum(0.0, squares[:, None] + squares[None] - 2 * products))
    np.fill_diagonal(found, 0.0)
    return found


def cosines(products: Table) -> Table:
    """Return the cosines (n, n) that belong to inner products; 0 for an adapter that changes nothing."""
    norms = np.sqrt(np.diag(products))
    size = norms[:, None] * norms[None]
    found: Table = np.divide(products, size, out=np.zeros_like(products), where=size > 0)
    return found


def placed(between: Table) -> tuple[Table, float]:
    """Return points (n, 2) whose distances are near the given ones, and what they leave out.

    Classical multidimensional scaling (Torgerson 1952): exact where the distances are those of a plane, and with no random start.

    Returns:
        The points, and Kruskal's stress: 0 for a perfect map, above 0.2 for one that shows little.
    """
    n = len(between)
    if n < 2:
        return np.zeros((n, 2)), 0.0
    centred = np.eye(n) - 1.0 / n
    values, vectors = np.linalg.eigh(-0.5 * centred @ between**2 @ centred)
    order = np.argsort(-values)[:2]
    axes = vectors[:, order] * np.sign(vectors[np.abs(vectors[:, order]).argmax(0), order])  # a sign that is always the same
    points = np.zeros((n, 2))
    points[:, : len(order)] = axes * np.sqrt(np.maximum(0.0, values[order]))
    shown = np.linalg.norm(points[:, None] - points[None], axis=-1)
    total = float((between**2).sum())
    return points, float(np.sqrt(((between - shown) ** 2).sum() / total)) if total > 0 else 0.0


def clusters(products: Table, families: Sequence[str], *, seed: int = 0) -> Clusters | None:
    """Return how well families keep together; None where there are fewer than two, or none has two adapters.

    Args:
        products: Inner products of the adapters' ΔW (n, n).
        families: The family of each.
        seed: Of the random namings.
    """
    names, family = np.unique(np.asarray(families), return_inverse=True)
    if len(names) < 2 or len(names) == len(families):
        return None
    between, cosine = distances(products), cosines(products)
    silhouette = _silhouette(between, family)
    draw = np.random.default_rng(seed)
    as_good = sum(_silhouette(between, draw.permutation(family)) >= silhouette for _ in range(SHUFFLES))
    same, apart = family[:, None] == family[None], ~np.eye(len(family), dtype=bool)
    within, outside = float(between[same & apart].mean()), float(between[~same].mean())
    return Clusters(
        adapters=len(family),
        families=len(names),
        silhouette=silhouette,
        p=(1 + as_good) / (1 + SHUFFLES),
        within=within,
        between=outside,
        ratio=within / outside if outside > 0 else 1.0,
        cosine_within=float(cosine[same & apart].mean()),
        cosine_between=float(cosine[~same].mean()),
    )


def _silhouette(between: Table, family: npt.NDArray[np.intp]) -> float:
    members = np.eye(family.max() + 1)[family]  # (n, families)
    sums, counts = between @ members, members.sum(0)
    mine = np.arange(len(family)), family
    own = sums[mine] / np.maximum(1, counts[family] - 1)
    means = sums / counts
    means[mine] = np.inf
    nearest = means.min(1)
    larger = np.maximum(own, nearest)
    scores = np.divide(nearest - own, larger, out=np.zeros_like(own), where=(larger > 0) & (counts[family] > 1))
    return float(scores.mean())
