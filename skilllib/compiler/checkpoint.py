"""Checkpoints of a training: tensors and a state in one safetensors file, written under another name and then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skilllib.errors import StorageFailed, WeightsMissing

FILE = "checkpoint.safetensors"


def save(file: Path, tensors: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write tensors and a state that is JSON; whoever is killed on the way leaves the file of before.

    Raises:
        StorageFailed: The disk refuses; the file of before is there still.
    """
    temporary = file.with_name(f"{file.name}.new")
    whole = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    written = _torch_files().save
    try:
        with temporary.open("wb") as opened:
            opened.write(written(whole, {"state": json.dumps(state)}))
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageFailed(
            f"cannot write the checkpoint {file}: {error.strerror or error}; free some space; it goes on from the last"
        ) from error


def load(file: Path, device: str = "cpu") -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the tensors and the state of a file; None where there is none.

    Raises:
        StorageFailed: It was damaged.
    """
    _torch_files()
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        return None
    try:
        with safe_open(file, "pt", device=device) as opened:
            state = json.loads((opened.metadata() or {})["state"])
            return {name: opened.get_tensor(name) for name in opened.keys()}, state  # noqa: SIM118 - no dictionary
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise StorageFailed(f"the checkpoint {file} is damaged: {error}; delete it to begin anew") from error


def optimizer_tensors(optimizer: Any) -> dict[str, Any]:
    """Return what an optimizer remembers, by names for `save`."""
    states = optimizer.state_dict()["state"]
    return {f"optimizer.{i}.{key}": value for i, state in states.items() for key, value in state.items()}


def restore_optimizer(optimizer: Any, tensors: Mapping[str, Any]) -> None:
    """Give an optimizer back what `optimizer_tensors` returned."""
    states: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".", 2)
            states.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})


def _torch_files() -> Any:
    try:
        import safetensors.torch
    except ImportError:
        raise WeightsMissing("safetensors") from None
    return safetensors.torch
