"""The fast way to the same vectors: no torch, and never other vectors."""

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skilllib.embedders import MiniLMEmbedder, onnx

TEXTS = ["make a stone pickaxe", "", "  spaced \n", "wood " * 500, "Überraschung", "a\x00b"]


@pytest.fixture(scope="module")
def embedder() -> MiniLMEmbedder:
    return MiniLMEmbedder()


def test_vectors_are_those_of_the_reference(embedder: MiniLMEmbedder) -> None:
    fast = embedder.embed(TEXTS)
    reference = embedder._encode_by_reference(TEXTS)
    assert embedder._encode != embedder._encode_by_reference
    assert np.abs(fast - reference).max() < 1e-6
    assert np.allclose(np.linalg.norm(fast, axis=1), 1, atol=1e-6)


def test_a_look_up_imports_no_torch(embedder: MiniLMEmbedder) -> None:
    embedder.embed(["the export is made, if it was not there"])
    code = "import sys; from skilllib.embedders import MiniLMEmbedder as M; M().embed(['a']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SKILLLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_export_whose_vectors_differ_is_not_kept(
    elsewhere: Path, embedder: MiniLMEmbedder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(onnx, "TOLERANCE", -1.0)
    made = exported()
    monkeypatch.setattr(onnx, "_trace", lambda _reference, file: shutil.copy(made, file))
    with caplog.at_level(logging.WARNING):
        assert onnx.encoder(embedder.folder, "weights", lambda: embedder._model, max_length=256) is None
    assert "differs from the reference" in caplog.text
    assert not list(elsewhere.glob("*.onnx"))


def test_a_damaged_export_is_thrown_away_and_the_reference_used(elsewhere: Path, embedder: MiniLMEmbedder) -> None:
    elsewhere.mkdir()
    file = elsewhere / f"weights-{onnx.FORMAT}.onnx"
    file.write_bytes(b"not a model")
    assert onnx.encoder(embedder.folder, "weights", lambda: None, max_length=256) is None
    assert not file.exists()


def test_a_cache_that_cannot_be_written_costs_only_speed(elsewhere: Path, embedder: MiniLMEmbedder) -> None:
    elsewhere.write_text("a file where the folder should be", encoding="utf-8")
    assert onnx.encoder(embedder.folder, "weights", lambda: embedder._model, max_length=256) is None


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("modules.json", lambda found: found[:2]),
        ("config.json", lambda found: {**found, "model_type": "mpnet"}),
        ("1_Pooling/config.json", lambda found: {**found, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}),
    ],
)
def test_a_model_of_another_kind_runs_through_the_reference(embedder: MiniLMEmbedder, tmp_path: Path, file: str, change) -> None:
    for name in ("modules.json", "config.json", "1_Pooling/config.json", "tokenizer.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(embedder.folder / name, tmp_path / name)
    assert onnx.exportable(tmp_path)
    found = json.loads((tmp_path / file).read_text(encoding="utf-8"))
    (tmp_path / file).write_text(json.dumps(change(found)), encoding="utf-8")
    assert not onnx.exportable(tmp_path)


def exported() -> Path:
    embedder = MiniLMEmbedder()
    embedder.embed(["the export is made, if it was not there"])
    return onnx.cache() / f"{embedder.fingerprint}-{onnx.FORMAT}.onnx"
