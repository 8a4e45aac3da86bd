"""A hypernetwork as a compiler: a text in, the weights of an adapter out, in one forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from skilllib.compiler.hypernet_bundle import Bundle, read_bundle, read_parameters, refuse_other_base
from skilllib.compiler.hypernet_network import Shape, features, generated
from skilllib.compiler.hypernet_options import HypernetOptions
from skilllib.errors import CompilerFailed, InvalidRecord
from skilllib.protocols import Base, Recorder
from skilllib.records.adapter import CompileRequest, LoraWeights, Pair, SkillText
from skilllib.records.base import Json


def make(base: Base, *, folder: str = "") -> Hypernet:
    """Make the compiler `hypernet`.

    Args:
        base: The base model that the hypernetwork was fitted for.
        folder: What `skilllib hypernet fit --out` wrote.

    Raises:
        InvalidRecord: No folder is named.
        CompilerFailed: There is no hypernetwork in it.
        AdapterRefused: It was fitted for another base, or was damaged.
    """
    if not folder:
        raise InvalidRecord(
            "the compiler `hypernet` needs a fitted hypernetwork: `--hypernet FOLDER`; fit one with `skilllib hypernet fit`"
        )
    bundle = read_bundle(Path(folder))
    refuse_other_base(Path(folder), bundle, base)
    return Hypernet(base, Path(folder), bundle)


@dataclass(frozen=True)
class Hypernet:
    """Satisfies `protocols.Compiler`. Examples and seed shape nothing: equal texts have equal adapters."""

    base: Base
    folder: Path
    bundle: Bundle
    name: str = "hypernet"

    @property
    def configuration(self) -> Mapping[str, Json]:
        """Which hypernetwork it is."""
        return {"weights": self.bundle.weights, "options": self.bundle.options.model_dump(mode="json")}

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        return read_parameters(self.folder, self.bundle, str(self.base.loaded()[0].device))

    def compile(self, request: CompileRequest, *, workspace: Path | None = None, progress: Recorder | None = None) -> LoraWeights:
        """Return the weights for a request's text.

        Raises:
            CompilerFailed: The text is longer than the hypernetwork reads.
            BaseRefused: The base cannot be loaded.
        """
        import torch

        model, tokenizer = self.base.loaded()
        shape, options = Shape.of(model, self.bundle.options), self.bundle.options
        with torch.no_grad():
            read = features(model, text_ids(tokenizer, request.text, options), options.taps)
            factors = generated(self._parameters, [read], shape, options)
        pairs = {
            name: Pair(a[0].float().cpu().numpy(), b[0].contiguous().float().cpu().numpy()) for name, (a, b) in factors.items()
        }
        return LoraWeights(pairs)


def text_ids(tokenizer: Any, text: SkillText, options: HypernetOptions) -> list[int]:
    """Return the tokens of a text.

    Raises:
        CompilerFailed: They are more than a hypernetwork of these options reads.
    """
    ids = list(tokenizer(text.text, add_special_tokens=False)["input_ids"])
    if not 0 < len(ids) <= options.text_tokens:
        raise CompilerFailed(
            f"the text of {text.name!r} has {len(ids)} tokens, the hypernetwork reads 1 to {options.text_tokens}; shorten the "
            "text, or fit with another `text_tokens`"
        )
    return ids
