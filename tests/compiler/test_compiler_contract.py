"""One contract for all compilers: deterministic, sound, for the base they were given, described by their configuration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import hyper
import pytest
import toy

from skilllib.compiler import lora
from skilllib.compiler.controls import swapped
from skilllib.compiler.job import unsound_for
from skilllib.errors import CompilerFailed, UnknownCompiler
from skilllib.models.base import TransformersBase
from skilllib.protocols import Compiler
from skilllib.records.adapter import CompileRequest
from skilllib.records.base import canonical
from skilllib.registry import compilers, make_compiler

SHORT = {**toy.DISTIL, "steps": 4, "check_every": 2, "rows": 4, "negatives": 4}
COMMAND = """
import json, sys
from pathlib import Path
import numpy as np
from skilllib.compiler.format import write_adapter
from skilllib.records.adapter import LoraWeights, Pair
seed = json.loads(Path(sys.argv[1]).read_text())["seed"]
draw = np.random.default_rng(seed)
pair = Pair(draw.normal(size=(1, 48)).astype("f4"), draw.normal(size=(48, 1)).astype("f4"))
write_adapter(Path(sys.argv[2]), LoraWeights({"model.layers.0.self_attn.q_proj": pair}), base="")
"""
OPTIONS: dict[str, dict[str, Any]] = {
    "distill": SHORT,
    "null": {},
    "hypernet": {},
    "wrong": {"of": "distill", **SHORT},
    "command": {"run": [sys.executable, "-c", COMMAND]},
}
"""Compiler → options under which it is quick."""


@pytest.fixture(params=sorted(OPTIONS))
def made(request: pytest.FixtureRequest, base: TransformersBase) -> Compiler:
    fitted = {"folder": request.getfixturevalue("hypernet")} if request.param == "hypernet" else {}
    return make_compiler(request.param, base, **OPTIONS[request.param], **fitted)


@pytest.fixture(scope="module")
def hypernet(base: TransformersBase, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a hypernetwork for the base."""
    folder = tmp_path_factory.mktemp("hypernet")
    hyper.fitted(base, folder, steps=2)
    return str(folder)


@pytest.fixture
def asked(base: TransformersBase) -> CompileRequest:
    return toy.request("tidy", base)


def test_equal_requests_give_equal_weights(made: Compiler, asked: CompileRequest) -> None:
    assert lora.distance(made.compile(asked), made.compile(asked)) == 0


def test_weights_are_sound_and_for_the_base_that_was_given(made: Compiler, asked: CompileRequest, base: TransformersBase) -> None:
    unsound_for(base, made.compile(asked))


def test_the_configuration_is_json_and_names_what_shapes_the_weights(made: Compiler) -> None:
    assert made.name in OPTIONS and canonical(dict(made.configuration))


def test_a_workspace_changes_nothing(made: Compiler, asked: CompileRequest, tmp_path: Path) -> None:
    assert lora.distance(made.compile(asked, workspace=tmp_path), made.compile(asked)) == 0


def test_the_base_is_left_as_it_was(made: Compiler, asked: CompileRequest, base: TransformersBase) -> None:
    model, _ = base.loaded()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    made.compile(asked)
    assert all((parameter == before[name]).all() and parameter.grad is None for name, parameter in model.named_parameters())
    assert not toy.hooked(model)


def test_every_compiler_that_is_registered_by_the_project_keeps_the_contract() -> None:
    ours = {name for name, entry in compilers().items() if entry.value.startswith("skilllib.")}
    assert ours == set(OPTIONS)


def test_the_null_adapter_changes_nothing(base: TransformersBase, asked: CompileRequest) -> None:
    assert lora.norm(make_compiler("null", base).compile(asked)) == 0


def test_the_wrong_adapter_is_the_right_one_of_another_skill(asked: CompileRequest) -> None:
    other = swapped(asked)
    assert other.skill in ("hide", "sell") and asked.skill in {text.name for text in other.others}
    assert {example.skill for example in other.rows("own", "train")} == {other.skill}
    assert asked.skill in {example.skill for example in other.rows("negative", "train")}
    with pytest.raises(CompilerFailed, match="no other skill"):
        swapped(asked.model_copy(update={"others": ()}))


def test_an_unknown_compiler_is_met_with_the_nearest_one(base: TransformersBase) -> None:
    with pytest.raises(UnknownCompiler, match=r"'distil'; did you mean 'distill'.*entry-points"):
        make_compiler("distil", base)


@pytest.mark.parametrize("value", ["math:pi", "builtins:dict", "no_such_package:make"])
def test_a_plug_in_that_makes_no_compiler_is_refused(base: TransformersBase, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    from importlib.metadata import EntryPoint

    from skilllib import registry

    monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint(name="broken", value=value, group=group)])
    with pytest.raises(CompilerFailed, match=r"'broken'|protocols\.Compiler"):
        make_compiler("broken", base)
