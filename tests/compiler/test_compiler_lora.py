"""Arithmetic on ΔW: what adapters add is added, whatever their factors are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skilllib.compiler import lora
from skilllib.errors import AdapterRefused
from skilllib.records.adapter import LoraWeights, Pair

OUT, IN = 6, 5
MODULES = ("model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.v_proj")


def adapter(seed: int, rank: int = 2, alpha: float = 1.0, modules: tuple[str, ...] = MODULES, scale: float = 1.0) -> LoraWeights:
    draw = np.random.default_rng(seed)
    return LoraWeights(
        {
            module: Pair(
                (scale * draw.normal(size=(rank, IN))).astype(np.float32),
                (scale * draw.normal(size=(OUT, rank))).astype(np.float32),
            )
            for module in modules
        },
        alpha,
    )


adapters = st.builds(
    adapter, st.integers(0, 99), st.integers(1, 4), st.floats(-2, 2, allow_nan=False).filter(lambda alpha: abs(alpha) > 1e-3)
)


def close(left: Any, right: Any) -> bool:
    return np.allclose(left, right, atol=1e-4)


@given(st.lists(adapters, min_size=1, max_size=4), st.data())
def test_concatenation_is_the_exact_sum(parts: list[LoraWeights], data: st.DataObject) -> None:
    shares = data.draw(st.lists(st.floats(-2, 2, allow_nan=False), min_size=len(parts), max_size=len(parts)))
    merged = lora.cat(parts, shares)
    for module in MODULES:
        assert close(lora.delta(merged, module), sum(s * lora.delta(p, module) for s, p in zip(shares, parts, strict=True)))
    assert merged.rank == sum(part.rank for part in parts)


@given(st.lists(adapters, min_size=2, max_size=3), st.integers(1, 4))
def test_truncation_is_the_nearest_of_its_rank(parts: list[LoraWeights], rank: int) -> None:
    merged = lora.svd(parts, rank)
    for module in MODULES:
        whole = sum(lora.delta(part, module) for part in parts)
        u, s, v = np.linalg.svd(whole, full_matrices=False)
        assert close(lora.delta(merged, module), (u[:, :rank] * s[:rank]) @ v[:rank])
    assert merged.rank <= rank


def test_adding_factors_is_not_adding_changes() -> None:
    one, other = adapter(1), adapter(2)
    wrong, right = lora.direct([one, other]), lora.cat([one, other])
    assert lora.distance(wrong, right) > 0.5 * lora.norm(right)


def test_factors_of_any_basis_give_the_same_merge() -> None:
    one, other = adapter(1), adapter(2)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(2, 2)))[0].astype(np.float32)
    turned = LoraWeights({module: Pair(turn.T @ pair.a, pair.b @ turn) for module, pair in one.pairs.items()}, one.alpha)
    assert lora.distance(lora.cat([one, other]), lora.cat([turned, other])) < 1e-3
    assert lora.distance(lora.svd([one, other], 2), lora.svd([turned, other], 2)) < 1e-3
    assert lora.distance(lora.direct([one, other]), lora.direct([turned, other])) > 0.1, "the control depends on the basis"


@given(adapters)
def test_padding_changes_nothing_but_the_rank(one: LoraWeights) -> None:
    wide = lora.padded(one)
    assert wide.rank in lora.RANKS and lora.distance(wide, one) < 1e-3 * (1 + lora.norm(one))
    assert all(pair.rank == wide.rank for pair in wide.pairs.values())


@given(adapters, adapters)
def test_products_and_distances_are_those_of_the_matrices(one: LoraWeights, other: LoraWeights) -> None:
    flat = [np.concatenate([lora.delta(a, module).ravel() for module in MODULES]) for a in (one, other)]
    assert np.isclose(lora.inner(one, other), flat[0] @ flat[1], atol=1e-2, rtol=1e-3)
    assert np.isclose(lora.distance(one, other), np.linalg.norm(flat[0] - flat[1]), atol=1e-2, rtol=1e-3)


def test_adapters_of_different_modules_merge_module_by_module() -> None:
    one, other = adapter(1, modules=MODULES[:1]), adapter(2, modules=MODULES[1:])
    merged = lora.cat([one, other])
    assert close(lora.delta(merged, MODULES[0]), lora.delta(one, MODULES[0]))
    assert close(lora.delta(merged, MODULES[1]), lora.delta(other, MODULES[1]))


def test_what_cannot_be_merged_is_refused() -> None:
    with pytest.raises(AdapterRefused, match="nothing to merge"):
        lora.cat([])
    with pytest.raises(AdapterRefused, match="2 adapters have 1 weights"):
        lora.cat([adapter(1), adapter(2)], [1.0])
    other = LoraWeights({MODULES[0]: Pair(np.ones((1, IN + 1), np.float32), np.ones((OUT, 1), np.float32))})
    with pytest.raises(AdapterRefused, match="for other bases"):
        lora.cat([adapter(1), other])
    with pytest.raises(AdapterRefused, match="rank 513, servers take at most 512"):
        lora.padded(adapter(1, rank=513))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused(value: float) -> None:
    bad = adapter(1)
    bad.pairs[MODULES[1]].b[0, 0] = value
    with pytest.raises(AdapterRefused, match="NaN or infinity"):
        lora.refuse_unsound(bad)
    with pytest.raises(AdapterRefused, match="α is"):
        lora.refuse_unsound(adapter(1).scaled(value))


def test_absurd_norms_are_refused() -> None:
    with pytest.raises(AdapterRefused, match="would drown the base model"):
        lora.refuse_unsound(adapter(1, scale=1e4))
    with pytest.raises(AdapterRefused, match="would drown the base model"):
        lora.refuse_unsound(adapter(1), norms=dict.fromkeys(MODULES, 1e-3))
    lora.refuse_unsound(adapter(1), norms=dict.fromkeys(MODULES, 1.0))


def test_weights_for_another_base_are_refused() -> None:
    with pytest.raises(AdapterRefused, match="no weights"):
        lora.refuse_unsound(LoraWeights({}))
    with pytest.raises(AdapterRefused, match="no linear module"):
        lora.refuse_unsound(adapter(1), shapes={MODULES[0]: (OUT, IN)})
    with pytest.raises(AdapterRefused, match="the base has 6 x 9"):
        lora.refuse_unsound(adapter(1), shapes=dict.fromkeys(MODULES, (OUT, 9)))
