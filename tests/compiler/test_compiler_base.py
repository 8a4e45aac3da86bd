"""Base models: refused before anything large is read, known by what they are and not by their names."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import toy

from skilllib.errors import BaseRefused
from skilllib.models import base as bases
from skilllib.models.base import TransformersBase


@pytest.fixture
def folder(base: TransformersBase, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base.name, tmp_path / "copy"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/no/such/model", "there is no base model"),
        ("just-a-word", "there is no base model"),
        ("nobody/nothing-at-all", "cannot be fetched"),
        (__file__, "there is no base model"),
    ],
)
def test_a_base_that_is_not_there_is_refused(name: str, words: str) -> None:
    with pytest.raises(BaseRefused, match=words):
        TransformersBase(name).loaded()


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaseRefused, match=r"no config\.json"):
        TransformersBase(tmp_path).loaded()


def test_a_base_that_is_too_big_is_refused_before_its_weights_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bases, "available_bytes", lambda device: 1000)
    (folder / "model.safetensors").write_bytes(b"would fail if it were read")
    with pytest.raises(BaseRefused, match=r"needs about .* GB of memory, 0\.0 GB are free"):
        TransformersBase(folder).loaded()


@pytest.mark.parametrize("kind", ["t5", "gpt2", "nonsense"])
def test_another_architecture_is_refused(folder: Path, kind: str) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": kind, "architectures": ["X"]}), encoding="utf-8")
    with pytest.raises(BaseRefused, match=r"no causal language model|no linear module|cannot be loaded"):
        TransformersBase(folder).loaded()


def test_weights_that_are_cut_off_or_pickled_are_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(BaseRefused, match="cannot be loaded"):
        TransformersBase(folder).loaded()
    file.rename(folder / "pytorch_model.bin")
    with pytest.raises(BaseRefused, match="cannot be loaded"):
        TransformersBase(folder).loaded()


def test_the_hash_follows_what_is_in_the_files_and_not_their_names(base: TransformersBase, folder: Path) -> None:
    assert TransformersBase(folder).hash == base.hash
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(bytes(data))
    assert TransformersBase(folder).hash != base.hash


def test_a_file_is_hashed_once_as_long_as_it_does_not_change(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first, read = TransformersBase(folder).hash, []
    monkeypatch.setattr(bases.hashlib, "file_digest", lambda file, kind: read.append(file.name))
    assert TransformersBase(folder).hash == first and read == []


def test_a_hash_is_found_where_nothing_can_be_remembered(
    base: TransformersBase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    assert TransformersBase(folder).hash == base.hash


def test_a_base_is_frozen_and_of_the_type_asked_for(folder: Path) -> None:
    model, _ = TransformersBase(folder, device="cpu").loaded()
    assert not model.training and not any(parameter.requires_grad for parameter in model.parameters())
    assert {str(parameter.dtype) for parameter in model.parameters()} == {"torch.bfloat16"}


def test_two_tiny_bases_of_one_seed_are_one(tmp_path: Path, base: TransformersBase) -> None:
    assert toy.base(tmp_path / "again").hash == base.hash
