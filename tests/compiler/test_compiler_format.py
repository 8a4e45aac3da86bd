"""A PEFT directory by hand: `peft` computes the same to the last bit, and what is no adapter is refused."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_compiler_lora import adapter

from skilllib.compiler import format as files
from skilllib.compiler import lora
from skilllib.errors import AdapterRefused
from skilllib.models.base import TransformersBase, linears
from skilllib.models.hooks import mounted, tensors
from skilllib.records.adapter import LoraWeights, Pair


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files.write_adapter(tmp_path / "adapter", adapter(1, rank=3, alpha=0.7), base="some/base")
    return tmp_path / "adapter"


def fitting(base: TransformersBase, upper: bool = False) -> LoraWeights:
    draw = np.random.default_rng(0)
    pairs = {
        name: Pair(
            draw.normal(size=(3, module.in_features)).astype(np.float32),
            0.1 * draw.normal(size=(module.out_features, 3)).astype(np.float32),
        )
        for name, module in linears(base.loaded()[0]).items()
        if name.endswith(("q_proj", "v_proj", "down_proj")) and not (upper and ".layers.0." in name)
    }
    return LoraWeights(pairs, 0.7)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("upper", [False, True], ids=["every layer", "upper layers"])
def test_peft_computes_identical_logits(base: TransformersBase, tmp_path: Path, dtype: str, upper: bool) -> None:
    import torch
    from peft import PeftModel

    files.write_adapter(tmp_path, fitting(base, upper), base=base.name)
    weights = files.read_adapter(tmp_path)
    model, tokenizer = base.loaded()
    model = copy.deepcopy(model).to(getattr(torch, dtype))
    ids = torch.tensor([tokenizer("take the cup to the kitchen")["input_ids"]])
    with torch.no_grad():
        plain = model(ids).logits
        with mounted(model, tensors(weights), weights.alpha):
            ours = model(ids).logits
        assert torch.equal(model(ids).logits, plain), "taken off, nothing is left of it"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = PeftModel.from_pretrained(model, str(tmp_path))(ids).logits
    assert torch.equal(ours, theirs) and not torch.equal(ours, plain)


def test_what_is_written_is_read(folder: Path) -> None:
    found = files.read_adapter(folder)
    assert found.alpha == pytest.approx(0.7) and found.rank == 8
    assert lora.distance(found, files.rounded(lora.padded(adapter(1, rank=3, alpha=0.7)))) < 1e-6
    assert files.problems(folder) == []


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=8))
def test_rounding_is_that_of_torch(values: list[float]) -> None:
    import torch

    matrix = np.array([values], np.float32)
    weights = LoraWeights({"m": Pair(matrix, np.ones((1, 1), np.float32))})
    assert np.array_equal(files.rounded(weights).pairs["m"].a, torch.tensor(matrix).bfloat16().float().numpy())


def test_the_safetensors_library_reads_what_is_written(folder: Path) -> None:
    from safetensors.torch import load_file

    found = load_file(folder / files.WEIGHTS)
    assert sorted(found)[0] == "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    assert {str(tensor.dtype) for tensor in found.values()} == {"torch.bfloat16"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"peft_type": "IA3"}, "only LORA"),
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "bias"),
        ({"rank_pattern": {"q_proj": 4}}, "rank_pattern"),
        ({"r": 0}, "r is 0"),
        ({"lora_alpha": None}, "lora_alpha"),
    ],
)
def test_an_adapter_that_means_more_is_refused(folder: Path, change: dict[str, object], words: str) -> None:
    config = json.loads((folder / files.CONFIG).read_text(encoding="utf-8"))
    (folder / files.CONFIG).write_text(json.dumps({**config, **change}), encoding="utf-8")
    assert any(words in problem for problem in files.problems(folder))
    with pytest.raises(AdapterRefused, match=words):
        files.read_adapter(folder)


@pytest.mark.parametrize(("change", "words"), [({"r": 7}, "r is 7; vLLM accepts"), ({"target_modules": "all-linear"}, "must list")])
def test_what_servers_do_not_take_is_named(folder: Path, change: dict[str, object], words: str) -> None:
    config = json.loads((folder / files.CONFIG).read_text(encoding="utf-8"))
    (folder / files.CONFIG).write_text(json.dumps({**config, **change}), encoding="utf-8")
    assert any(words in problem for problem in files.problems(folder))


def test_pickles_are_named_and_never_read(folder: Path) -> None:
    (folder / "adapter_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    assert files.problems(folder) == ["adapter_model.bin: files of pickles are never loaded"]
    (folder / files.WEIGHTS).unlink()
    with pytest.raises(AdapterRefused, match=r"has no adapter_model\.safetensors"):
        files.read_adapter(folder)


@pytest.mark.parametrize("cut", [0, 4, 40, -1])
def test_a_file_that_was_cut_off_is_refused(folder: Path, cut: int) -> None:
    data = (folder / files.WEIGHTS).read_bytes()
    (folder / files.WEIGHTS).write_bytes(data[:cut])
    with pytest.raises(AdapterRefused, match="not a safetensors file"):
        files.read_adapter(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"r": 1}'])
def test_a_configuration_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / files.CONFIG).write_text(text, encoding="utf-8")
    with pytest.raises(AdapterRefused):
        files.read_adapter(folder)


def test_weights_of_something_else_are_refused(tmp_path: Path, folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    found = load_file(folder / files.WEIGHTS)
    name = next(iter(found))
    save_file({**found, "model.embed_tokens.weight": torch.zeros(2, 2)}, folder / files.WEIGHTS)
    with pytest.raises(AdapterRefused, match="is no weight of a LoRA adapter"):
        files.read_adapter(folder)
    save_file({key: value for key, value in found.items() if key != name}, folder / files.WEIGHTS)
    with pytest.raises(AdapterRefused, match="only one of its two factors"):
        files.read_adapter(folder)
