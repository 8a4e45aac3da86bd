"""Base models through transformers: a hub id, a folder, or a GGUF file. Refused before anything large is read, where possible."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from skilllib.errors import BaseRefused, SkillLibError, WeightsMissing
from skilllib.records.base import content_hash

NEEDED = ("q_proj", "v_proj")
"""Linear modules that every supported architecture has: those of Llama, Qwen, Mistral, Gemma, SmolLM and their kin."""
SPARE = 1.25
"""Memory that a model takes while it loads, in sizes of its weights."""
_SHAPING = ("config.json", "tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "chat_template.jinja")
"""Files beside the weights that shape what a model answers."""


class TransformersBase:
    """A causal language model with its tokenizer, loaded when it is first needed; satisfies `protocols.Base`.

    Args:
        name: A hub id, a folder, or a GGUF file.
        device: `cuda`, `cpu`, …; by default CUDA where there is one.
        dtype: Of the weights in memory; bfloat16 is several times faster than float32 on today's processors, too.
    """

    def __init__(self, name: str | Path, *, device: str | None = None, dtype: str = "bfloat16") -> None:
        self.name = str(name)
        self.dtype = dtype
        self._device = device
        self._loaded: tuple[Any, Any] | None = None

    @cached_property
    def path(self) -> Path:
        """Where its files are: a folder or a GGUF file. A hub id is looked up, and fetched if it was not before.

        Raises:
            BaseRefused: There is nothing.
        """
        found = Path(self.name).expanduser()
        if found.suffix == ".gguf" and found.is_file():
            return found
        if found.is_dir():
            if not (found / "config.json").is_file():
                raise BaseRefused(f"the folder {self.name!r} has no config.json, so it is no model of transformers")
            return found
        if found.exists() or found.is_absolute() or self.name.count("/") != 1:
            raise BaseRefused(f"there is no base model {self.name!r}; give a hub id (owner/name), a folder or a GGUF file")
        return _from_hub(self.name)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over weights, configuration and tokenizer; the hash of a file is remembered until the file changes."""
        if self.path.is_file():
            return content_hash([["weights", _file_hash(self.path)]])
        files = [*sorted(self.path.glob("*.safetensors")), *(self.path / name for name in _SHAPING)]
        return content_hash([[file.name, _file_hash(file)] for file in files if file.is_file()])

    @property
    def device(self) -> str:
        """Where it runs."""
        return self._device or ("cuda" if _torch().cuda.is_available() else "cpu")

    def loaded(self) -> tuple[Any, Any]:
        """Return the model, frozen and in evaluation mode, and its tokenizer.

        Raises:
            BaseRefused: It is not there, too big for the memory, or of an unknown architecture.
            WeightsMissing: The extra `weights` is not installed.
        """
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def _load(self) -> tuple[Any, Any]:
        torch, transformers = _torch(), _transformers()
        where, options = self._where()
        transformers.utils.logging.disable_progress_bar()  # our own commands show what goes on
        try:
            config = transformers.AutoConfig.from_pretrained(where, **options)
            self._refuse_unfit(config)
            if options:
                options["quantization_config"] = transformers.GgufConfig(dequantize=True)
            else:
                options["use_safetensors"] = True
            model = transformers.AutoModelForCausalLM.from_pretrained(where, dtype=getattr(torch, self.dtype), **options)
            tokenizer = transformers.AutoTokenizer.from_pretrained(where, **{k: v for k, v in options.items() if k == "gguf_file"})
        except SkillLibError:
            raise
        except Exception as error:  # of many libraries; whatever it is, there is no model
            raise BaseRefused(f"the base model {self.name!r} cannot be loaded: {_first_line(error)}") from error
        return model.to(self.device).eval().requires_grad_(False), tokenizer

    def _where(self) -> tuple[str, dict[str, Any]]:
        if self.path.is_file():
            return str(self.path.parent), {"gguf_file": self.path.name}
        return str(self.path), {}

    def _refuse_unfit(self, config: Any) -> None:
        """Refuse a model by its shape alone, before its weights are read."""
        torch, transformers = _torch(), _transformers()
        try:
            with torch.device("meta"):
                shape = transformers.AutoModelForCausalLM.from_config(config)
        except ValueError as error:
            raise BaseRefused(
                f"{self.name!r} is a {config.model_type!r} model, which is no causal language model; adapters need one"
            ) from error
        if missing := set(NEEDED) - {name.rpartition(".")[2] for name in linears(shape)}:
            raise BaseRefused(
                f"{self.name!r} is a {config.model_type!r} model, which has no linear module {min(missing)!r}; use Llama, "
                "Qwen, Mistral, Gemma, SmolLM or what is built like them"
            )
        needed = int(sum(p.numel() for p in shape.parameters()) * getattr(torch, self.dtype).itemsize * SPARE)
        free = available_bytes(self.device)
        if needed > free:
            raise BaseRefused(
                f"{self.name!r} needs about {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free on {self.device}; "
                "use a smaller model or another machine"
            )


def linears(model: Any) -> dict[str, Any]:
    """Return the linear modules of a model's layers by their paths; the head is none of them."""
    torch = _torch()
    return {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear) and ".layers." in name}


def available_bytes(device: str = "cpu") -> int:
    """Return how much memory is free for a model."""
    if device.startswith("cuda"):
        return int(_torch().cuda.mem_get_info(device)[0])
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) * 1024
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise WeightsMissing("huggingface_hub") from None
    try:
        return Path(snapshot_download(name, allow_patterns=["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]))
    except Exception as error:  # of many kinds: no network, no such model, no access
        raise BaseRefused(
            f"there is no base model {name!r} here, and it cannot be fetched: {_first_line(error)}; name a folder or a GGUF file"
        ) from error


def _file_hash(file: Path) -> str:
    """Return the SHA-256 of a file, which is read again only if it changed."""
    stat = file.stat()
    key = f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}"
    remembered = _remembered()
    if key not in remembered:
        with file.open("rb") as opened:
            remembered[key] = hashlib.file_digest(opened, "sha256").hexdigest()
        _remember(key, remembered[key])
    return remembered[key]


def _memory_file() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "skilllib" / "file-hashes.json"


def _remembered() -> dict[str, str]:
    try:
        found = json.loads(_memory_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(key: str, value: str) -> None:
    file = _memory_file()
    with suppress(OSError):  # where nothing can be kept, the file is read again the next time
        file.parent.mkdir(parents=True, exist_ok=True)
        path = key.split("|", 1)[0]
        kept = {old: digest for old, digest in _remembered().items() if old.split("|", 1)[0] != path}
        temporary = file.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps({**kept, key: value}), encoding="utf-8")
        temporary.replace(file)


def _first_line(error: Exception) -> str:
    lines: Iterable[str] = str(error).strip().splitlines()
    return next(iter(lines), type(error).__name__)[:300]


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise WeightsMissing("torch") from None
    return torch


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise WeightsMissing("transformers") from None
    return transformers
