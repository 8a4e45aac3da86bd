"""Where adapters lie: distances from factors are those of the matrices, maps keep them, families are told from chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skilllib.compiler import geometry, lora
from skilllib.records.adapter import LoraWeights, Pair


def adapter(seed: int, *, modules: int = 2, rank: int = 2, alpha: float = 1.0) -> LoraWeights:
    draw = np.random.default_rng(seed)
    return LoraWeights(
        {
            f"m{i}.q_proj": Pair(draw.normal(size=(rank, 6)).astype("f4"), draw.normal(size=(5, rank)).astype("f4"))
            for i in range(modules)
        },
        alpha,
    )


def families(n: int, each: int, apart: float) -> tuple[list[LoraWeights], list[str]]:
    """Adapters of some families: what a family shares, and a little of each one's own."""
    found = [
        lora.cat([adapter(family), adapter(100 + family * each + one)], [apart, 0.3]) for family in range(n) for one in range(each)
    ]
    return found, [f"family {family}" for family in range(n) for _ in range(each)]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4), st.floats(-2, 2)), min_size=1, max_size=5))
def test_inner_products_are_those_of_the_whole_matrices(given: list[tuple[int, int, float]]) -> None:
    adapters = [adapter(i, modules=modules, rank=rank, alpha=alpha) for i, (modules, rank, alpha) in enumerate(given)]
    products = geometry.gram(adapters)
    for i, left in enumerate(adapters):
        for j, right in enumerate(adapters):
            shared = left.pairs.keys() & right.pairs.keys()
            whole = sum(float((lora.delta(left, module).astype("f8") * lora.delta(right, module)).sum()) for module in shared)
            assert products[i, j] == pytest.approx(whole, rel=1e-3, abs=1e-3)
    assert np.allclose(geometry.distances(products), geometry.distances(products).T)


def test_a_distance_does_not_depend_on_the_factors() -> None:
    one = adapter(0)
    turned = LoraWeights({name: Pair(np.asarray(3 * pair.a), np.asarray(pair.b / 3)) for name, pair in one.pairs.items()})
    assert geometry.distances(geometry.gram([one, turned]))[0, 1] == pytest.approx(0, abs=1e-2)


@given(st.integers(0, 1000), st.integers(3, 12))
def test_points_of_a_plane_are_found_again(seed: int, n: int) -> None:
    points = np.random.default_rng(seed).normal(size=(n, 2))
    between = np.linalg.norm(points[:, None] - points[None], axis=-1)
    found, stress = geometry.placed(between)
    assert stress < 1e-6 and np.allclose(np.linalg.norm(found[:, None] - found[None], axis=-1), between, atol=1e-6)
    again, _ = geometry.placed(between)
    assert (found == again).all()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_points_are_placed_too(n: int) -> None:
    points, stress = geometry.placed(np.ones((n, n)) - np.eye(n))
    assert points.shape == (n, 2) and stress == pytest.approx(0)


def test_adapters_that_are_all_alike_lie_in_one_place() -> None:
    products = geometry.gram([adapter(0)] * 4)
    points, stress = geometry.placed(geometry.distances(products))
    assert np.allclose(points, 0, atol=1e-3) and stress < 1
    found = geometry.clusters(products, ["a", "a", "b", "b"])
    assert found is not None and found.cosine_between == pytest.approx(1)


def test_families_that_keep_together_are_told_from_chance() -> None:
    adapters, named = families(3, 5, apart=2.0)
    found = geometry.clusters(geometry.gram(adapters), named)
    assert found is not None and (found.adapters, found.families) == (15, 3)
    assert found.silhouette > 0.5 and found.p <= 0.01 and found.ratio < 0.5
    assert found.cosine_within > 0.9 > found.cosine_between
    assert geometry.clusters(geometry.gram(adapters), named) == found, "the same figures every time"


def test_families_that_mean_nothing_are_not_found() -> None:
    adapters, named = families(3, 5, apart=0.0)
    found = geometry.clusters(geometry.gram(adapters), named)
    assert found is not None and found.silhouette < 0.1 and found.p > 0.01


def test_a_silhouette_is_that_of_the_textbook() -> None:
    metrics: Any = pytest.importorskip("sklearn.metrics")
    adapters, named = families(3, 4, apart=0.7)
    named[0] = "alone"
    products = geometry.gram(adapters)
    found = geometry.clusters(products, named)
    wanted = metrics.silhouette_score(geometry.distances(products), named, metric="precomputed")
    assert found is not None and found.silhouette == pytest.approx(wanted)


@pytest.mark.parametrize("named", [["a", "a", "a"], ["a", "b", "c"]])
def test_without_families_there_are_no_clusters(named: list[str]) -> None:
    assert geometry.clusters(geometry.gram([adapter(i) for i in range(3)]), named) is None
