"""Controls of every experiment: an adapter that does nothing, and the adapter of another skill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skilllib.errors import CompilerFailed
from skilllib.models.base import linears
from skilllib.protocols import Base, Compiler, Recorder
from skilllib.records.adapter import CompileRequest, LoraWeights, Pair
from skilllib.records.base import Json


def null(base: Base, *, rank: int = 8, targets: tuple[str, ...] = ("q_proj", "v_proj")) -> Null:
    """Make the compiler `null`."""
    return Null(base, rank, tuple(targets))


def wrong(base: Base, *, of: str = "distill", **options: Any) -> Wrong:
    """Make the compiler `wrong`: another compiler, given another skill."""
    from skilllib.registry import make_compiler

    return Wrong(make_compiler(of, base, **options))


@dataclass(frozen=True)
class Null:
    """Returns weights that change nothing; satisfies `protocols.Compiler`."""

    base: Base
    rank: int = 8
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    name: str = "null"

    @property
    def configuration(self) -> Mapping[str, Json]:
        """Rank and modules."""
        return {"rank": self.rank, "targets": list(self.targets)}

    def compile(self, request: CompileRequest, *, workspace: Path | None = None, progress: Recorder | None = None) -> LoraWeights:
        """Return zeros."""
        model, _ = self.base.loaded()
        modules = {name: module for name, module in linears(model).items() if name.rpartition(".")[2] in self.targets}
        return LoraWeights(
            {
                name: Pair(
                    np.zeros((self.rank, module.in_features), np.float32), np.zeros((module.out_features, self.rank), np.float32)
                )
                for name, module in modules.items()
            }
        )


@dataclass(frozen=True)
class Wrong:
    """Compiles one of the other skills in a request's place; satisfies `protocols.Compiler`.

    Adapters of random text do almost as well as right ones where a task's form is all that is learned, so that without this
    control nothing is shown.
    """

    inner: Compiler
    name: str = "wrong"

    @property
    def configuration(self) -> Mapping[str, Json]:
        """Those of the compiler itself."""
        return {"of": self.inner.name, **self.inner.configuration}

    def compile(self, request: CompileRequest, *, workspace: Path | None = None, progress: Recorder | None = None) -> LoraWeights:
        """Return the weights of another skill.

        Raises:
            CompilerFailed: The request knows no other skill.
        """
        return self.inner.compile(swapped(request), workspace=workspace, progress=progress)


def swapped(request: CompileRequest) -> CompileRequest:
    """Return the request of another skill, chosen by the seed, to whom the first one's prompts are negatives.

    Raises:
        CompilerFailed: The request knows no other skill.
    """
    if not request.others:
        raise CompilerFailed(f"there is no other skill to compile in the place of {request.skill!r}; give the request others")
    other = request.others[request.seed % len(request.others)]
    examples = tuple(
        example.model_copy(update={"kind": "own" if example.skill == other.name else "negative"}) for example in request.examples
    )
    others = (request.text, *(text for text in request.others if text.name != other.name))
    return request.model_copy(update={"text": other, "examples": examples, "others": others, "code_hash": ""})
