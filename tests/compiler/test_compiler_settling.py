"""Adapters that are there learn to live together: mounted all at once, each does what it does alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skilllib.compiler import lora
from skilllib.compiler.cache import AdapterCache
from skilllib.compiler.evaluation import Held, scored
from skilllib.compiler.job import Compiled
from skilllib.compiler.merging import Part
from skilllib.compiler.settling import SettleOptions, Settling
from skilllib.errors import AdapterRefused, CompilerFailed, StorageFailed
from skilllib.gate.adapter import AdapterGate
from skilllib.models.base import TransformersBase
from skilllib.models.local import LocalModel
from skilllib.records.adapter import LoraWeights, Manifest, Pair

pytestmark = pytest.mark.xdist_group("compiled")  # what all of these read is compiled once

OPTIONS = SettleOptions(steps=120, rows=12, lr=1e-2, check_every=20)
SHORT = OPTIONS.model_copy(update={"steps": 9, "check_every": 3})


@pytest.fixture
def own(cache: AdapterCache, compiled: dict[str, Compiled], tmp_path: Path) -> AdapterCache:
    """A cache with the adapters of the toy language, for one test."""
    assert all(one.stored for one in compiled.values())
    return AdapterCache(shutil.copytree(cache.folder, tmp_path / "adapters"))


def parts(cache: AdapterCache) -> list[Part]:
    taught = [one for one in cache.all() if one.manifest.key.backend == "distill" and not one.manifest.parents]
    return [Part.of(cache, stored) for stored in taught]


def manifests(cache: AdapterCache) -> list[Manifest]:
    return [stored.manifest for stored in cache.all()]


def success(base: TransformersBase, part: Part, weights: LoraWeights) -> float:
    rows = tuple(one for one in part.examples if (one.kind, one.split) == ("own", "held_out"))
    return scored(LocalModel(base), weights, Held(text="", own=rows), told=False).success


def test_each_does_among_all_what_it_does_alone(base: TransformersBase, own: AdapterCache) -> None:
    before = parts(own)
    everything = lora.cat([part.weights for part in before])
    assert min(success(base, part, everything) for part in before) < 0.5, "as they were taught, they spoil each other"
    came = Settling(base, own, OPTIONS, AdapterGate().decide).settled(before)
    stored = [one.stored for one in came if one.stored]
    assert len(stored) == len(before), [one.decision for one in came]
    together = lora.cat([own.load(one) for one in stored])
    for part, one in zip(before, stored, strict=True):
        assert success(base, part, own.load(one)) >= 0.9 and success(base, part, together) >= 0.9
        arms = one.manifest.evaluation.arms if one.manifest.evaluation else {}
        assert arms["together"].success >= 0.9 and arms["wrong"].success == 0


def test_settled_adapters_stand_beside_those_they_come_from_and_are_found_again(
    base: TransformersBase, own: AdapterCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = parts(own)
    (first, *_) = came = Settling(base, own, SHORT).settled(before)
    assert first.manifest.parents[0] == before[0].manifest.adapter_hash
    assert set(first.manifest.parents) == {part.manifest.adapter_hash for part in before}
    assert {part.manifest.adapter_hash for part in before} < {stored.manifest.adapter_hash for stored in own.all()}
    skill = before[0].manifest.skill
    newest = [stored for stored in own.all() if stored.manifest.skill == skill and stored.manifest.key.backend == "distill"][-1]
    assert newest.manifest == first.manifest and newest.manifest.code_hash == before[0].manifest.code_hash
    monkeypatch.setattr("skilllib.compiler.settling._Course", None)
    again = Settling(base, own, SHORT).settled(before)
    assert all(one.found for one in again) and [one.manifest for one in again] == [one.manifest for one in came]


def test_what_was_interrupted_goes_on_to_the_very_same_weights(base: TransformersBase, own: AdapterCache, tmp_path: Path) -> None:
    def interrupted(event: str, **fields: Any) -> None:
        if event == "step" and fields["step"] == 5:
            raise KeyboardInterrupt

    other, before = AdapterCache(shutil.copytree(own.folder, tmp_path / "other")), manifests(own)
    whole = Settling(base, other, SHORT).settled(parts(other))
    with pytest.raises(KeyboardInterrupt):
        Settling(base, own, SHORT).settled(parts(own), progress=interrupted)
    assert list(own.folder.glob(".work-*")) and manifests(own) == before, "nothing is stored yet"
    steps = list[int]()
    resumed = Settling(base, own, SHORT).settled(
        parts(own), progress=lambda event, **fields: steps.append(fields["step"]) if event == "step" else None
    )
    assert steps[0] > 0 and not list(own.folder.glob(".work-*"))
    for one, same in zip(whole, resumed, strict=True):
        assert one.stored and same.stored
        assert lora.distance(other.load(one.stored), own.load(same.stored)) == 0


def test_if_one_loses_by_it_none_is_kept(base: TransformersBase, own: AdapterCache) -> None:
    before = manifests(own)
    harmful = SHORT.model_copy(update={"lr": 0.1, "locality": 0.0})
    came = Settling(base, own, harmful, AdapterGate().decide).settled(parts(own)[:2])
    assert any(one.decision and one.decision.outcome == "reject" for one in came)
    assert all(one.stored is None and not one.manifest.accepted for one in came) and manifests(own) == before
    assert not list(own.folder.glob(".work-*"))


def test_if_the_disk_refuses_one_none_stays_and_the_next_call_goes_on(
    base: TransformersBase, own: AdapterCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, store, calls = manifests(own), own.store, list[str]()

    def refused(*given: Any) -> Any:
        calls.append("")
        if len(calls) == 2:
            raise StorageFailed("the disk is full")
        return store(*given)

    monkeypatch.setattr(own, "store", refused)
    with pytest.raises(StorageFailed):
        Settling(base, own, SHORT).settled(parts(own)[:2])
    assert manifests(own) == before and list(own.folder.glob(".work-*"))
    steps = list[str]()
    came = Settling(base, own, SHORT).settled(parts(own)[:2], progress=lambda event, **fields: steps.append(event))
    assert all(one.stored for one in came) and "step" not in steps, "what was learned is not learned again"


def test_their_order_changes_nothing_but_the_order(base: TransformersBase, own: AdapterCache, tmp_path: Path) -> None:
    other = AdapterCache(shutil.copytree(own.folder, tmp_path / "other"))
    there, back = Settling(base, own, SHORT).settled(parts(own)[:2]), Settling(base, other, SHORT).settled(parts(other)[:2][::-1])
    assert [one.manifest.adapter_hash for one in there] == [one.manifest.adapter_hash for one in back[::-1]]
    assert [one.manifest.skill for one in there] == [part.manifest.skill for part in parts(own)[:2]]


def test_what_is_to_stay_as_it_was_is_not_taught_verified_answers(base: TransformersBase, own: AdapterCache) -> None:
    lessons = Settling(base, own, SHORT)._lessons(parts(own), None)
    assert lessons.still and not any(row.verified for row, _ in lessons.still)
    assert all(row.verified for rows in lessons.own for row in rows)


def test_what_was_never_measured_is_measured_when_somebody_asks(base: TransformersBase, own: AdapterCache) -> None:
    (first, *_) = Settling(base, own, SHORT).settled(parts(own)[:2])
    assert first.manifest.accepted is None
    (again, *_) = Settling(base, own, SHORT, AdapterGate(locality=100.0).decide).settled(parts(own)[:2])
    assert not again.found and again.decision is not None and again.manifest.evaluation is not None


def test_adapters_of_different_ranks_settle(base: TransformersBase, own: AdapterCache) -> None:
    one, other, *_ = parts(own)
    narrow = replace(one, weights=lora.svd([one.weights], 2))
    came = Settling(base, own, SHORT).settled([narrow, other])
    assert all(each.stored for each in came) and len({each.manifest.rank for each in came}) == 1


def test_the_gate_asks_what_is_left_among_others(base: TransformersBase, own: AdapterCache) -> None:
    (part, *_) = parts(own)
    assert part.manifest.evaluation is not None
    arms = part.manifest.evaluation.arms
    for among, outcome in ((0.9, "promote"), (0.8, "reject")):
        there = arms["adapter"].model_copy(update={"success": among * arms["adapter"].success})
        decision = AdapterGate().decide(part.manifest.evaluation.model_copy(update={"arms": {**arms, "together": there}}))
        assert decision.outcome == outcome and (outcome == "promote") == ("falls_among_others" not in decision.codes)


def test_what_cannot_live_together_is_refused_with_the_reason(base: TransformersBase, own: AdapterCache) -> None:
    (one, other, *_), before = parts(own), manifests(own)
    settle = Settling(base, own, SHORT).settled
    with pytest.raises(AdapterRefused, match="two adapters or more"):
        settle([one])
    with pytest.raises(AdapterRefused, match="named twice"):
        settle([one, one])
    with pytest.raises(AdapterRefused, match="is a merge"):
        settle([one, replace(other, manifest=other.manifest.model_copy(update={"mode": "cat"}))])
    with pytest.raises(CompilerFailed, match="no examples lie beside"):
        settle([one, replace(other, examples=())])
    key = other.manifest.key.model_copy(update={"base": "another"})
    with pytest.raises(AdapterRefused, match="for another base"):
        settle([one, replace(other, manifest=other.manifest.model_copy(update={"key": key}))])
    assert manifests(own) == before and not list(own.folder.glob(".work-*"))


@given(st.data())
def test_aligned_adapters_change_a_model_as_before(data: st.DataObject) -> None:
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    adapters = [
        LoraWeights(
            {
                name: Pair(draw.normal(size=(rank, 5)).astype(np.float32), draw.normal(size=(4, rank)).astype(np.float32))
                for name in data.draw(st.sets(st.sampled_from("xyz"), min_size=1))
            },
            alpha=data.draw(st.sampled_from([0.5, 1.0, -1.5])),
        )
        for rank in data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    ]
    aligned = lora.aligned(adapters)
    assert len({one.rank for one in aligned}) == 1 and len({tuple(one) for one in aligned}) == 1
    for one, same in zip(adapters, aligned, strict=True):
        for name in same:
            before = lora.delta(one, name) if name in one.pairs else np.zeros((4, 5))
            assert np.allclose(lora.delta(same, name), before, atol=1e-5)
