"""Adapters on disk: a PEFT directory with safetensors, read and written by hand. No pickle is ever read.

`adapter_config.json` and `adapter_model.safetensors` are what `peft`, vLLM and LoRAX load; `skill.json` beside them says what
was compiled from what. bfloat16 is written bit by bit, so that neither torch nor transformers is needed here.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from skilllib.compiler.lora import RANKS, padded
from skilllib.errors import AdapterRefused, StorageFailed, WeightsMissing
from skilllib.records.adapter import LoraWeights, Manifest, Matrix, Pair

CONFIG, WEIGHTS, MANIFEST, DATASET = "adapter_config.json", "adapter_model.safetensors", "skill.json", "dataset.jsonl"
PREFIX = "base_model.model."
Dtype = Literal["bfloat16", "float32"]
_CODES: dict[Dtype, str] = {"bfloat16": "BF16", "float32": "F32"}
_NAMES = {code: dtype for dtype, code in _CODES.items()}
_UNSAFE = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")


def write_adapter(folder: Path, weights: LoraWeights, *, base: str, dtype: Dtype = "bfloat16") -> str:
    """Write the two files that `peft` loads, and return the SHA-256 of the weights' file.

    Args:
        folder: Is made if it is not there.
        weights: Are padded to one rank that servers accept.
        base: Name of the base model.
        dtype: Of the numbers on disk.

    Raises:
        AdapterRefused: The rank is beyond what servers accept.
        StorageFailed: The disk refuses.
    """
    even = padded(weights)
    data = _serialized(even, dtype)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / WEIGHTS).write_bytes(data)
        (folder / CONFIG).write_text(json.dumps(peft_config(even, base), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageFailed(f"cannot write the adapter {folder}: {error.strerror or error}; check free space") from error
    return hashlib.sha256(data).hexdigest()


def peft_config(weights: LoraWeights, base: str) -> dict[str, Any]:
    """Return what `adapter_config.json` says. `lora_alpha` is rank times α, since PEFT divides it by the rank."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": weights.rank,
        "lora_alpha": weights.rank * weights.alpha,
        "target_modules": _target_modules(weights),
        "lora_dropout": 0.0,
        "bias": "none",
        "use_rslora": False,
        "use_dora": False,
        "fan_in_fan_out": False,
        "modules_to_save": None,
        "inference_mode": True,
    }


def _target_modules(weights: LoraWeights) -> list[str]:
    """Return the modules as PEFT names them: whole paths, so that layers without weights are left alone."""
    return sorted(weights.pairs)


def read_adapter(folder: Path) -> LoraWeights:
    """Return the weights of a PEFT directory, whoever wrote it.

    Raises:
        AdapterRefused: It is none, or one that means more than ΔW = α · B @ A.
    """
    config = _config(folder)
    if wrong := _config_problems(config):
        raise AdapterRefused(f"{folder}: {wrong[0]}")
    factors: dict[str, dict[str, Matrix]] = {}
    for name, matrix in _tensors(folder).items():
        module, letter = _parsed(name)
        if module is None:
            raise AdapterRefused(f"{folder}: {name!r} is no weight of a LoRA adapter, which are named {PREFIX}….lora_A.weight")
        factors.setdefault(module, {})[letter] = matrix
    if alone := sorted(module for module, found in factors.items() if len(found) != 2):
        raise AdapterRefused(f"{folder}: {alone[0]} has only one of its two factors; write the adapter again")
    rank = int(config["r"])
    scale = float(config["lora_alpha"]) / (rank**0.5 if config.get("use_rslora") else rank)
    return LoraWeights({module: Pair(found["A"], found["B"]) for module, found in sorted(factors.items())}, scale)


def problems(folder: Path) -> list[str]:
    """Return why `peft`, vLLM or LoRAX would not load a directory as it stands; nothing for one that all of them take.

    vLLM reads `r`, `lora_alpha`, `target_modules` and `use_rslora` alone, takes no DoRA, no bias and no saved modules, and has
    kernels for certain ranks only; LoRAX takes safetensors with the same names.
    """
    try:
        config, tensors = _config(folder), _tensors(folder)
    except AdapterRefused as error:
        return [str(error)]
    found = _config_problems(config)
    found += [f"{path.name}: files of pickles are never loaded" for path in sorted(folder.iterdir()) if path.suffix in _UNSAFE]
    rank = config.get("r")
    if rank not in RANKS:
        found.append(f"r is {rank!r}; vLLM accepts {', '.join(map(str, RANKS))}")
    modules: dict[str, set[str]] = {}
    for name, matrix in tensors.items():
        module, letter = _parsed(name)
        if module is None:
            found.append(f"{name!r} is not named {PREFIX}….lora_A.weight or .lora_B.weight")
            continue
        modules.setdefault(module, set()).add(letter)
        if matrix.ndim != 2 or matrix.shape[0 if letter == "A" else 1] != rank:
            found.append(f"{name!r} has the shape {matrix.shape}, which is not of rank {rank!r}")
        if not np.isfinite(matrix).all():
            found.append(f"{name!r} has NaN or infinity in it")
    found += [f"{module} has only one of its two factors" for module, letters in sorted(modules.items()) if letters != {"A", "B"}]
    targets = config.get("target_modules")
    if not isinstance(targets, list) or not targets:
        return [*found, f"target_modules is {targets!r}; it must list the modules"]
    return found + [f"{module} is not among target_modules" for module in sorted(modules) if not _targeted(module, targets)]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write what stands beside the weights.

    Raises:
        StorageFailed: The disk refuses.
    """
    try:
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageFailed(f"cannot write {folder / MANIFEST}: {error.strerror or error}; check free space") from error


def read_manifest(folder: Path) -> Manifest:
    """Return what stands beside the weights.

    Raises:
        AdapterRefused: It is missing or cannot be read.
    """
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError as error:
        raise AdapterRefused(f"{folder} has no {MANIFEST} that can be read: {error.strerror or error}") from error
    except (ValidationError, UnicodeError) as error:
        raise AdapterRefused(f"{folder / MANIFEST} is not what skilllib writes; compile the skill again: {error}") from error


def file_hash(folder: Path) -> str:
    """Return the SHA-256 of the weights' file.

    Raises:
        AdapterRefused: There is none.
    """
    try:
        with (folder / WEIGHTS).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AdapterRefused(f"{folder} has no {WEIGHTS}: {error.strerror or error}") from error


def rounded(weights: LoraWeights, dtype: Dtype = "bfloat16") -> LoraWeights:
    """Return weights as they come back from disk."""
    if dtype == "float32":
        return weights
    pairs = {module: Pair(*(_matrix(_bytes(m, dtype), m.shape, dtype) for m in (p.a, p.b))) for module, p in weights.pairs.items()}
    return LoraWeights(pairs, weights.alpha, weights.details)


def _serialized(weights: LoraWeights, dtype: Dtype) -> bytes:
    """Return the bytes of a safetensors file: the length of a header, the header in JSON, the numbers."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    chunks, at = [], 0
    for module, pair in sorted(weights.pairs.items()):
        for letter, matrix in (("A", pair.a), ("B", pair.b)):
            chunks.append(_bytes(matrix, dtype))
            place = [at, at := at + len(chunks[-1])]
            name = f"{PREFIX}{module}.lora_{letter}.weight"
            header[name] = {"dtype": _CODES[dtype], "shape": list(matrix.shape), "data_offsets": place}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *chunks])


def _safetensors() -> Any:
    try:
        import safetensors
    except ImportError:
        raise WeightsMissing("safetensors") from None
    return safetensors


def _config(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except OSError as error:
        raise AdapterRefused(f"{folder} has no {CONFIG} that can be read: {error.strerror or error}") from error
    except ValueError as error:
        raise AdapterRefused(f"{folder / CONFIG} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise AdapterRefused(f"{folder / CONFIG} holds {type(found).__name__}, not an object")
    return found


def _config_problems(config: dict[str, Any]) -> list[str]:
    """Return what makes an adapter more, or other, than ΔW = α · B @ A on linear modules."""
    found = []
    if config.get("peft_type") != "LORA":
        found.append(f"peft_type is {config.get('peft_type')!r}; only LORA is supported")
    for key in ("r", "lora_alpha"):
        value = config.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
            found.append(f"{key} is {value!r}; it must be a number above 0")
    wanted: dict[str, tuple[Any, ...]] = {
        "bias": ("none", None),
        "use_dora": (False, None),
        "fan_in_fan_out": (False, None),
        "modules_to_save": (None, []),
        "rank_pattern": ({}, None),
        "alpha_pattern": ({}, None),
    }
    return found + [
        f"{key} is {config.get(key)!r}; it must be {good[0]!r}" for key, good in wanted.items() if config.get(key) not in good
    ]


def _tensors(folder: Path) -> dict[str, Matrix]:
    file = folder / WEIGHTS
    safetensors = _safetensors()
    try:
        found = safetensors.deserialize(file.read_bytes())
    except OSError as error:
        raise AdapterRefused(f"{folder} has no {WEIGHTS}: {error.strerror or error}") from error
    except safetensors.SafetensorError as error:
        raise AdapterRefused(f"{file} is not a safetensors file: {error}; it was cut off or is something else") from error
    return {name: _matrix(bytes(tensor["data"]), tensor["shape"], _dtype(file, tensor["dtype"])) for name, tensor in found}


def _dtype(file: Path, name: str) -> Dtype:
    if name not in _NAMES:
        raise AdapterRefused(f"{file} holds numbers of type {name!r}; write it in bfloat16 or float32")
    return _NAMES[name]


def _parsed(name: str) -> tuple[str | None, str]:
    for letter in "AB":
        ending = f".lora_{letter}.weight"
        if name.startswith(PREFIX) and name.endswith(ending):
            return name.removeprefix(PREFIX).removesuffix(ending), letter
    return None, ""


def _targeted(module: str, targets: list[Any]) -> bool:
    return any(module == target or module.endswith(f".{target}") for target in targets)


def _bytes(matrix: Matrix, dtype: Dtype) -> bytes:
    values = np.ascontiguousarray(matrix, dtype="<f4")
    if dtype == "float32":
        return values.tobytes()
    bits = values.view("<u4")
    # Round to the nearest of the upper 16 bits, to the even one in between, as torch does; a NaN stays one.
    nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), 0x7FC0, nearest).astype("<u2").tobytes()


def _matrix(data: bytes, shape: Any, dtype: Dtype) -> Matrix:
    if dtype == "float32":
        flat: npt.NDArray[np.float32] = np.frombuffer(data, "<f4").astype(np.float32)
    else:
        flat = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").astype(np.float32)
    return flat.reshape(tuple(shape))
