"""A fitted hypernetwork on disk: its weights in safetensors, and what it was fitted for, on and how, in JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from skilllib.compiler import checkpoint
from skilllib.compiler.hypernet_options import HypernetOptions
from skilllib.errors import AdapterRefused, CompilerFailed, StorageFailed
from skilllib.protocols import Base
from skilllib.records.adapter import Cost
from skilllib.records.base import Record

WEIGHTS, ABOUT = "hypernet.safetensors", "hypernet.json"


class Point(Record):
    """What was measured on skills that are held out, in nats a token of their verified answers."""

    step: int
    right: float
    """With the adapter of the skill's own text."""
    wrong: float
    """With the adapter of another skill's text."""
    loss: float | None = None
    """Mean loss of the steps since the point before."""

    @property
    def gain(self) -> float:
        """The conditioning gain: by how much the right text is better than a wrong one. 0 on the plateau."""
        return self.wrong - self.right


class Bundle(Record):
    """What stands beside the weights of a hypernetwork."""

    format: Literal[2] = 2
    base: str
    base_hash: str
    options: HypernetOptions
    seed: int
    corpus: str
    """Hash of the corpus."""
    learned: tuple[str, ...]
    """Hashes of the texts that it learned from."""
    held_out: tuple[str, ...]
    """Hashes of the texts from which it learned nothing."""
    none: float
    """Nats a token on what is held out, with neither text nor adapter."""
    context: float
    """The same with the text in context."""
    curve: tuple[Point, ...]
    cost: Cost = Cost()
    weights: str = ""
    """SHA-256 of the weights' file."""


def write_bundle(folder: Path, bundle: Bundle, parameters: Mapping[str, Any]) -> Bundle:
    """Write a bundle; the description last, so that a folder that has one is whole.

    Raises:
        StorageFailed: The disk refuses.
    """
    checkpoint.save(folder / WEIGHTS, parameters, {})
    written = bundle.model_copy(update={"weights": _hash(folder / WEIGHTS)})
    temporary = folder / f"{ABOUT}.new"
    try:
        temporary.write_text(written.model_dump_json(indent=1) + "\n", encoding="utf-8")
        temporary.replace(folder / ABOUT)
    except OSError as error:
        raise StorageFailed(f"cannot write {folder / ABOUT}: {error.strerror or error}; free some space and begin again") from error
    return written


def read_bundle(folder: Path) -> Bundle:
    """Return what stands beside the weights.

    Raises:
        CompilerFailed: There is no bundle, or one that is not finished.
        AdapterRefused: It was damaged.
    """
    try:
        text = (folder / ABOUT).read_text(encoding="utf-8")
    except OSError:
        unfinished = (folder / checkpoint.FILE).is_file()
        state = "is not finished; fit it with the same words again and it goes on" if unfinished else "is not there"
        raise CompilerFailed(
            f"the hypernetwork {folder} {state}: skilllib hypernet fit --base MODEL --corpus PATH --out {folder}"
        ) from None
    try:
        return Bundle.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise AdapterRefused(
            f"{folder / ABOUT} is not what skilllib writes ({first['msg']}); fit the hypernetwork again"
        ) from error


def read_parameters(folder: Path, bundle: Bundle, device: str) -> dict[str, Any]:
    """Return the weights of a bundle.

    Raises:
        AdapterRefused: They are not what was written.
    """
    if _hash(folder / WEIGHTS) != bundle.weights:
        raise AdapterRefused(f"{folder / WEIGHTS} is not what was written; fit the hypernetwork again")
    found = checkpoint.load(folder / WEIGHTS, device)
    assert found is not None  # noqa: S101 - it was just hashed
    return found[0]


def refuse_other_base(folder: Path, bundle: Bundle, base: Base) -> None:
    """Refuse a hypernetwork for a base that it was not fitted for.

    Raises:
        AdapterRefused: It was fitted for another one.
    """
    if bundle.base_hash != base.hash:
        raise AdapterRefused(
            f"the hypernetwork {folder} was fitted for {bundle.base!r} ({bundle.base_hash[:12]}), and the base is {base.name!r} "
            f"({base.hash[:12]}); use that base, or fit another with `skilllib hypernet fit --base {base.name}`"
        )


def refuse_other_run(folder: Path, state: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to go on with a training that was begun from something else.

    Raises:
        CompilerFailed: It was.
    """
    for name, value in wanted.items():
        if (found := state.get(name)) != value:
            raise CompilerFailed(
                f"{folder} holds a hypernetwork of another {name}: {json.dumps(found)}, not {json.dumps(value)}; "
                "choose another folder, or delete this one"
            )


def _hash(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise AdapterRefused(f"{file} cannot be read: {error.strerror or error}; fit the hypernetwork again") from error
