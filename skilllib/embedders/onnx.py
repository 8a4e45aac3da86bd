"""The same weights through onnxruntime: a look-up imports no torch and takes a third of the time.

The graph is exported once from sentence-transformers, which stays the reference: an export whose vectors differ from the
reference's is not used. It is kept in the user's cache under the hash of the weights.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from skilllib.protocols import Vectors

Encoder: TypeAlias = Callable[[Sequence[str]], Vectors]
"""Texts → one unit vector each, (n, d) float32."""

FORMAT = 1
"""Raised when exports made by an earlier version must not be used."""
TOLERANCE = 1e-5
"""Largest difference of any component from the reference's; what was seen is below 1e-6."""
PROBES = ("open the heavy door", "x", "fetch the rope; then climb down to the cellar " * 40, "Überraschung, 42 % (été)")
"""Short, empty of sense, longer than the model reads, and not English."""

_log = logging.getLogger(__name__)


def encoder(folder: Path, name: str, reference: Callable[[], Any], *, max_length: int) -> Encoder | None:
    """Return an encoder that runs on onnxruntime, or None where the reference has to do.

    Args:
        folder: Where the weights and the tokenizer are.
        name: Hash of the weights; names the export.
        reference: Loads the sentence-transformers model; called only when there is no export yet.
        max_length: Tokens that are read of a text.
    """
    if not exportable(folder):
        return None
    file = cache() / f"{name}-{FORMAT}.onnx"
    try:
        if not file.exists():
            _export(file, folder, reference(), max_length)
        return _loaded(file, folder, max_length)
    except Exception as error:  # whatever is wrong with the fast way, the reference still works
        _log.warning("embedding goes through torch, which is slower: %s", error)
        with suppress(OSError):
            file.unlink()
        return None


def exportable(folder: Path) -> bool:
    """Return whether a model is a BERT whose mean over tokens, made a unit vector, is the sentence's vector."""
    try:
        kinds = [module["type"].rpartition(".")[2] for module in _json(folder / "modules.json")]
        pooling = _json(folder / "1_Pooling" / "config.json")
        model = _json(folder / "config.json")["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    modes = [mode for mode, used in pooling.items() if mode.startswith("pooling_mode") and used is True]
    mean = modes == ["pooling_mode_mean_tokens"] or pooling.get("pooling_mode") == "mean"
    return model == "bert" and mean and kinds == ["Transformer", "Pooling", "Normalize"] and (folder / "tokenizer.json").is_file()


def cache() -> Path:
    """Return the folder of the exports: `$SKILLLIB_CACHE`, or `skilllib` in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("SKILLLIB_CACHE") or Path(home) / "skilllib").expanduser()


def _export(file: Path, folder: Path, reference: Any, max_length: int) -> None:
    """Write the export in one move, if its vectors are the reference's."""
    from filelock import FileLock

    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"):
        if file.exists():
            return
        with tempfile.TemporaryDirectory(dir=file.parent) as scratch:
            made = Path(scratch) / file.name
            _trace(reference, made)
            wanted = np.asarray(reference.encode(list(PROBES), batch_size=1, normalize_embeddings=True, show_progress_bar=False))
            difference = float(np.abs(_loaded(made, folder, max_length)(PROBES) - wanted).max())
            if not difference <= TOLERANCE:
                raise ValueError(f"the exported model differs from the reference by {difference:.2g}, more than {TOLERANCE:g}")
            made.replace(file)


def _trace(reference: Any, file: Path) -> None:
    import torch

    bert = reference[0].auto_model

    class Pooled(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        """The three modules of the reference as one."""

        def __init__(self) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            """Return unit vectors, (batch, d)."""
            states = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            mask = attention_mask.unsqueeze(-1).to(states.dtype)
            return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)

    sample = torch.tensor([[101, 2023, 2003, 102]])
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    talkative = logging.getLogger("torch.onnx")
    level = talkative.level
    talkative.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Pooled().eval(),
                (sample, torch.ones_like(sample)),
                str(file),
                input_names=["input_ids", "attention_mask"],
                output_names=["vector"],
                dynamic_shapes={"input_ids": free, "attention_mask": free},
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        talkative.setLevel(level)


def _loaded(file: Path, folder: Path, max_length: int) -> Encoder:
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # sums in one order: a text has one vector
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)

    def encode(texts: Sequence[str]) -> Vectors:
        return np.concatenate([_vector(tokenizer.encode(text.strip()).ids) for text in texts])

    def _vector(ids: list[int]) -> Vectors:
        given = np.array([ids], dtype=np.int64)
        (found,) = session.run(None, {"input_ids": given, "attention_mask": np.ones_like(given)})
        return np.asarray(found, dtype=np.float32)

    return encode


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
