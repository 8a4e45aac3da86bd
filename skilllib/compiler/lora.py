"""Arithmetic on ΔW = α · B @ A: merging, padding and comparing adapters, always by what they add and never by their factors.

A product of sums is not a sum of products: whoever adds A to A and B to B gets another change. `direct` does it all the same,
as the control that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, sqrt

import numpy as np

from skilllib.errors import AdapterRefused
from skilllib.records.adapter import LoraWeights, Matrix, Pair

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that vLLM has kernels for."""
ABSURD = 100.0
"""Norm of a module's ΔW, in norms of the module itself, beyond which weights are refused."""
ABSURD_ALONE = 1e4
"""Norm of ΔW beyond which weights are refused where the module's own norm is not known."""


def cat(adapters: Sequence[LoraWeights], weights: Sequence[float] | None = None) -> LoraWeights:
    """Return the weighted sum of adapters, exactly: ranks are concatenated, and √weight goes to either factor.

    Args:
        adapters: At least one.
        weights: One for each, 1 by default.

    Raises:
        AdapterRefused: There is none, or their modules are of different shapes.
    """
    scaled = _scaled(adapters, weights)
    modules = sorted({module for pairs in scaled for module in pairs})
    return LoraWeights({module: _stacked([pairs[module] for pairs in scaled if module in pairs], module) for module in modules})


def svd(adapters: Sequence[LoraWeights], rank: int, weights: Sequence[float] | None = None) -> LoraWeights:
    """Return the nearest adapter of a rank to the weighted sum. No matrix of the module's size is ever made.

    Raises:
        AdapterRefused: As `cat`.
    """
    return LoraWeights({module: _truncated(pair, rank) for module, pair in cat(adapters, weights).pairs.items()})


def direct(adapters: Sequence[LoraWeights], weights: Sequence[float] | None = None) -> LoraWeights:
    """Return what comes of adding factors to factors, for experiments alone: it is not the sum of the adapters.

    Raises:
        AdapterRefused: As `cat`.
    """
    rank = max((adapter.rank for adapter in adapters), default=0)
    scaled = _scaled(adapters, weights)
    modules = sorted({module for pairs in scaled for module in pairs})
    _ = cat(adapters, weights)  # refuses what does not fit together
    sums = {}
    for module in modules:
        widened = [_widened(pairs[module], rank) for pairs in scaled if module in pairs]
        sums[module] = Pair(_sum([pair.a for pair in widened]), _sum([pair.b for pair in widened]))
    return LoraWeights(sums)


def aligned(adapters: Sequence[LoraWeights]) -> list[LoraWeights]:
    """Return the same adapters with the same modules and one rank, and α within the factors; zeros stand for what is not there.

    Raises:
        AdapterRefused: As `cat`.
    """
    modules, rank = cat(adapters).pairs, max(one.rank for one in adapters)
    found = []
    for pairs in _scaled(adapters, None):
        nothing = {name: Pair(np.zeros_like(pair.a[:rank]), np.zeros_like(pair.b[:, :rank])) for name, pair in modules.items()}
        found.append(LoraWeights({name: _widened(pairs.get(name, nothing[name]), rank) for name in modules}))
    return found


def padded(adapter: LoraWeights, ranks: Sequence[int] = RANKS) -> LoraWeights:
    """Return the same adapter with zeros up to one rank for all modules that servers accept.

    Raises:
        AdapterRefused: Its rank is beyond the largest.
    """
    rank = next((rank for rank in ranks if rank >= adapter.rank), None)
    if rank is None:
        raise AdapterRefused(
            f"the adapter has rank {adapter.rank}, servers take at most {ranks[-1]}; merge with `--mode svd`, or fewer at once"
        )
    return LoraWeights({module: _widened(pair, rank) for module, pair in adapter.pairs.items()}, adapter.alpha, adapter.details)


def delta(adapter: LoraWeights, module: str) -> Matrix:
    """Return ΔW of one module, (out, in)."""
    pair = adapter.pairs[module]
    return np.asarray(adapter.alpha * (pair.b @ pair.a), np.float32)


def inner(left: LoraWeights, right: LoraWeights) -> float:
    """Return the inner product of two adapters' ΔW over all modules, from their factors."""
    shared = left.pairs.keys() & right.pairs.keys()
    total = sum(_inner(left.pairs[module], right.pairs[module]) for module in sorted(shared))
    return float(left.alpha * right.alpha * total)


def norm(adapter: LoraWeights) -> float:
    """Return the Frobenius norm of an adapter's ΔW over all modules."""
    return sqrt(max(0.0, inner(adapter, adapter)))


def distance(left: LoraWeights, right: LoraWeights) -> float:
    """Return the Frobenius distance of two adapters' ΔW."""
    return sqrt(max(0.0, inner(left, left) + inner(right, right) - 2 * inner(left, right)))


def refuse_unsound(
    adapter: LoraWeights,
    shapes: Mapping[str, tuple[int, int]] | None = None,
    norms: Mapping[str, float] | None = None,
) -> None:
    """Refuse weights that would break a model.

    Args:
        adapter: The weights.
        shapes: Module of the base → (out, in).
        norms: Module of the base → Frobenius norm of its weight.

    Raises:
        AdapterRefused: No module, another base's modules, a NaN, or a change that is absurdly large.
    """
    if not adapter.pairs:
        raise AdapterRefused("the adapter has no weights; its backend made nothing")
    if not isfinite(adapter.alpha):
        raise AdapterRefused(f"the adapter's α is {adapter.alpha}; it must be a number")
    for module, pair in adapter.pairs.items():
        _refuse_shape(module, pair, shapes)
        if not (np.isfinite(pair.a).all() and np.isfinite(pair.b).all()):
            raise AdapterRefused(f"{module}: the adapter has NaN or infinity in it; lower the learning rate of its backend")
        bound = ABSURD * norms[module] if norms and module in norms else ABSURD_ALONE
        if (size := abs(adapter.alpha) * sqrt(max(0.0, _inner(pair, pair)))) > bound:
            raise AdapterRefused(
                f"{module}: the change has norm {size:.3g}, more than {bound:.3g}, so it would drown the base model; "
                "lower α or the learning rate"
            )


def _refuse_shape(module: str, pair: Pair, shapes: Mapping[str, tuple[int, int]] | None) -> None:
    if pair.a.ndim != 2 or pair.b.ndim != 2 or pair.a.shape[0] != pair.b.shape[1] or pair.rank < 1:
        raise AdapterRefused(f"{module}: factors of shapes {pair.a.shape} and {pair.b.shape} do not make a product")
    if shapes is None:
        return
    if module not in shapes:
        raise AdapterRefused(f"the base model has no linear module {module!r}; the adapter is for another base")
    if (pair.b.shape[0], pair.a.shape[1]) != tuple(shapes[module]):
        raise AdapterRefused(
            f"{module}: the adapter changes a {pair.b.shape[0]} x {pair.a.shape[1]} matrix, the base has "
            f"{shapes[module][0]} x {shapes[module][1]}; the adapter is for another base"
        )


def _scaled(adapters: Sequence[LoraWeights], weights: Sequence[float] | None) -> list[dict[str, Pair]]:
    """Return the pairs of adapters with α and weight worked into both factors, so that B @ A is the whole change."""
    if not adapters:
        raise AdapterRefused("there is nothing to merge; name two adapters or more")
    shares = list(weights) if weights is not None else [1.0] * len(adapters)
    if len(shares) != len(adapters):
        raise AdapterRefused(f"{len(adapters)} adapters have {len(shares)} weights; give one for each")
    found = []
    for adapter, share in zip(adapters, shares, strict=True):
        scale = share * adapter.alpha
        root = np.float32(sqrt(abs(scale)))
        sign = np.float32(-1 if scale < 0 else 1)
        found.append({module: Pair(root * pair.a, sign * root * pair.b) for module, pair in adapter.pairs.items()})
    return found


def _stacked(pairs: Sequence[Pair], module: str) -> Pair:
    sizes = {(pair.b.shape[0], pair.a.shape[1]) for pair in pairs}
    if len(sizes) > 1:
        raise AdapterRefused(f"{module}: the adapters change matrices of different sizes {sorted(sizes)}; they are for other bases")
    return Pair(np.concatenate([pair.a for pair in pairs]), np.concatenate([pair.b for pair in pairs], axis=1))


def _truncated(pair: Pair, rank: int) -> Pair:
    # With B = Qb Rb and Aᵀ = Qa Ra the product is Qb (Rb Raᵀ) Qaᵀ, and only the small matrix within needs to be decomposed.
    (q_b, r_b), (q_a, r_a) = np.linalg.qr(pair.b), np.linalg.qr(pair.a.T)
    left, values, right = np.linalg.svd(r_b @ r_a.T, full_matrices=False)
    roots = np.sqrt(values[:rank]).astype(np.float32)
    return Pair(
        np.ascontiguousarray(roots[:, None] * (right[:rank] @ q_a.T), np.float32),
        np.ascontiguousarray((q_b @ left[:, :rank]) * roots, np.float32),
    )


def _widened(pair: Pair, rank: int) -> Pair:
    more = rank - pair.rank
    return pair if more <= 0 else Pair(np.pad(pair.a, ((0, more), (0, 0))), np.pad(pair.b, ((0, 0), (0, more))))


def _inner(left: Pair, right: Pair) -> float:
    # ⟨B₁A₁, B₂A₂⟩ = Σ (B₁ᵀB₂) ∘ (A₁A₂ᵀ)
    b = left.b.astype(np.float64).T @ right.b.astype(np.float64)
    a = left.a.astype(np.float64) @ right.a.astype(np.float64).T
    return float((b * a).sum())


def _sum(matrices: Sequence[Matrix]) -> Matrix:
    return np.asarray(np.sum(matrices, axis=0), np.float32)
