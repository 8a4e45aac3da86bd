"""Context distillation, the gate, and adapters that live together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import toy

from skilllib.compiler import lora
from skilllib.compiler.cache import AdapterCache
from skilllib.compiler.distill import make
from skilllib.compiler.evaluation import Held, locality
from skilllib.compiler.job import Compiled, Compiling
from skilllib.errors import AdapterRefused, CompilerFailed, InvalidRecord
from skilllib.gate.adapter import AdapterGate
from skilllib.models.base import TransformersBase
from skilllib.models.local import LocalModel
from skilllib.records.adapter import CompileRequest, LoraWeights

pytestmark = pytest.mark.xdist_group("compiled")  # what all of these read is compiled once

SHORT = {**toy.DISTIL, "steps": 12, "check_every": 4, "rows": 4, "negatives": 4}


def weights(cache: AdapterCache, one: Compiled) -> LoraWeights:
    assert one.stored is not None
    return cache.load(one.stored)


def held(request: CompileRequest) -> Held:
    return Held(text=request.text.text, own=request.rows("own", "held_out"), negatives=request.rows("negative", "held_out"))


def test_an_adapter_does_without_the_text_what_it_was_taught(compiled: dict[str, Compiled]) -> None:
    for one in compiled.values():
        assert one.decision is not None and one.decision.outcome == "promote", one.decision
        arms = one.manifest.evaluation.arms if one.manifest.evaluation else {}
        assert arms["adapter"].success >= 0.9 and arms["none"].success == 0
        assert arms["wrong"].success == 0, "an adapter of another skill teaches nothing of this one"


def test_what_was_measured_stands_in_the_manifest(compiled: dict[str, Compiled]) -> None:
    manifest = compiled["tidy"].manifest
    assert manifest.accepted and manifest.text == toy.text("tidy") and manifest.code_hash == "code of tidy"
    assert manifest.evaluation is not None and len(manifest.evaluation.alphas) == 6
    assert manifest.cost.cpu_s > 0 and manifest.cost.bytes > 0 and manifest.cost.steps > 0 and manifest.cost.peak_bytes > 0
    assert f"{manifest.alpha:g}" == min(manifest.evaluation.alphas, key=lambda alpha: manifest.evaluation.alphas[alpha])


def test_the_dataset_stands_beside_the_weights(compiled: dict[str, Compiled], base: TransformersBase) -> None:
    from skilllib.compiler.dataset import read_dataset

    stored = compiled["tidy"].stored
    assert stored is not None and read_dataset(stored.path / "dataset.jsonl") == toy.request("tidy", base).examples


def test_without_negatives_other_prompts_are_answered_otherwise(base: TransformersBase) -> None:
    request = toy.request("tidy", base)
    alone = make(base, **{**SHORT, "negatives": 0}).compile(request)
    kept = make(base, **SHORT).compile(request)
    where = [locality(LocalModel(base), one, held(request).negatives) or 0.0 for one in (alone, kept)]
    assert where[0] > 2 * where[1]


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(base: TransformersBase) -> None:
    one, same, other = (make(base, **SHORT).compile(toy.request("tidy", base, seed)) for seed in (0, 0, 1))
    assert lora.distance(one, same) == 0 and lora.distance(one, other) > 0


def test_a_compiler_that_was_interrupted_goes_on_to_the_very_same_weights(base: TransformersBase, tmp_path: Path) -> None:
    request, seen = toy.request("tidy", base), list[int]()

    def interrupted(event: str, **fields: Any) -> None:
        if event == "step":
            seen.append(fields["step"])
            if fields["step"] == 6:
                raise KeyboardInterrupt

    whole = make(base, **SHORT).compile(request)
    with pytest.raises(KeyboardInterrupt):
        make(base, **SHORT).compile(request, workspace=tmp_path, progress=interrupted)
    resumed = make(base, **SHORT).compile(
        request, workspace=tmp_path, progress=lambda event, **f: seen.append(f["step"]) if event == "step" else None
    )
    assert lora.distance(whole, resumed) == 0 and resumed.details["curve"] == whole.details["curve"]
    assert seen[-8:] == list(range(4, 12)), "it went on from the last checkpoint"


def test_it_stops_when_what_is_held_out_gets_no_better(base: TransformersBase) -> None:
    options = {**SHORT, "steps": 200, "lr": 1e-7, "patience": 2}
    assert make(base, **options).compile(toy.request("tidy", base)).details["steps"] < 20


def test_without_examples_or_with_an_absurd_rate_there_are_no_weights(base: TransformersBase) -> None:
    request = toy.request("tidy", base)
    with pytest.raises(CompilerFailed, match="no examples to distil 'tidy'"):
        make(base).compile(request.model_copy(update={"examples": ()}))
    with pytest.raises(CompilerFailed, match=r"no linear modules named nothing_proj"):
        make(base, targets=["nothing_proj"]).compile(request)
    with pytest.raises(InvalidRecord, match=r"option 'rnak' of `distill`"):
        make(base, rnak=8)


def test_weights_that_are_absurd_are_never_stored(base: TransformersBase, tmp_path: Path) -> None:
    empty = AdapterCache(tmp_path)
    compiling = Compiling(base=base, compiler=make(base, **{**SHORT, "lr": 1e4, "negatives": 0}), cache=empty)
    with pytest.raises((AdapterRefused, CompilerFailed), match=r"drown|NaN|loss is"):
        compiling.compiled(toy.request("tidy", base))
    assert empty.all() == []


def test_what_the_gate_refuses_is_not_kept_and_says_why(base: TransformersBase, tmp_path: Path) -> None:
    empty = AdapterCache(tmp_path)
    compiling = Compiling(base=base, compiler=make(base, **{**SHORT, "steps": 1}), cache=empty, gate=AdapterGate().decide)
    came = compiling.compiled(toy.request("tidy", base))
    assert came.stored is None and came.manifest.accepted is False and "useless" in (came.decision.codes if came.decision else ())
    assert {stored.manifest.key.backend for stored in empty.all()} == {"wrong"}, "only the control is there"


def test_what_is_there_is_not_compiled_again(base: TransformersBase, cache: AdapterCache, compiled: dict[str, Compiled]) -> None:
    compiling = Compiling(base=base, compiler=make(base, **toy.DISTIL), cache=cache, gate=AdapterGate().decide)
    again = compiling.compiled(toy.request("tidy", base))
    assert again.found and again.manifest == compiled["tidy"].manifest
