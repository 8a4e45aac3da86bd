"""One adapter from beginning to end: found or compiled, tuned, measured, judged, stored."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from skilllib.compiler import lora
from skilllib.compiler.cache import AdapterCache, Stored
from skilllib.compiler.controls import Wrong, swapped
from skilllib.compiler.evaluation import GRID, Held, Play, evaluated, tuned
from skilllib.compiler.format import rounded
from skilllib.errors import AdapterRefused
from skilllib.models.base import linears
from skilllib.models.local import LocalModel
from skilllib.protocols import Base, Compiler, Recorder
from skilllib.records.adapter import AdapterKey, CompileRequest, Cost, Evaluation, LoraWeights, Manifest
from skilllib.records.base import content_hash
from skilllib.records.ledger import Decision


@dataclass(frozen=True)
class Compiled:
    """What came of a request."""

    manifest: Manifest
    """What was measured; stored beside the weights, if they are kept."""
    stored: Stored | None
    """None for an adapter that the gate refused: nothing of it is kept."""
    decision: Decision | None = None
    found: bool = False
    """True if it was there already and nothing was compiled."""


@dataclass(frozen=True, kw_only=True)
class Compiling:
    """Compiles skills for one base model with one compiler.

    Args:
        base: The base model.
        compiler: Makes the weights.
        cache: Where they are kept.
        gate: Decides from what was measured; None measures nothing and keeps everything.
        grid: Values of α that are tried, by which each adapter's own α is multiplied.
    """

    base: Base
    compiler: Compiler
    cache: AdapterCache
    gate: Callable[[Evaluation], Decision] | None = None
    grid: Sequence[float] = GRID

    def key(self, request: CompileRequest, compiler: Compiler | None = None) -> AdapterKey:
        """Return what the adapter of a request is stored under."""
        chosen = compiler or self.compiler
        return AdapterKey(
            text=request.text.hash,
            base=request.base_hash,
            backend=chosen.name,
            configuration=content_hash({"options": dict(chosen.configuration), "data": request.data_hash}),
            seed=request.seed,
        )

    def compiled(
        self,
        request: CompileRequest,
        *,
        tasks: Sequence[Play] = (),
        others: Sequence[tuple[str, Play]] = (),
        wrong: LoraWeights | None = None,
        progress: Recorder | None = None,
    ) -> Compiled:
        """Return the adapter of a request, from the cache where it is.

        Args:
            request: What to compile.
            tasks: Held-out tasks of the skill, played with a model; by default its held-out examples, word for word.
            others: Other skills' tasks, each with its skill's text.
            wrong: Another skill's adapter for the same base; by default one is compiled from the request's negatives.
            progress: Is told what goes on.

        Raises:
            CompileError: There are no weights, or unsound ones.
            StorageFailed: The disk refuses.
        """
        key = self.key(request)
        if (found := self.cache.find(key)) is not None:
            return Compiled(found.manifest, found, found=True)
        weights, cost = self._made(request, self.compiler, progress)
        evaluation = decision = None
        if self.gate is not None:
            control = wrong or self._control(request, progress)
            held = Held(
                text=request.text.text,
                own=request.rows("own", "held_out") or request.rows("own", "train"),
                negatives=request.rows("negative", "held_out"),
                tasks=tasks,
                others=others,
            )
            _tell(progress, "measuring", skill=request.skill)
            local = LocalModel(self.base)
            weights, curve = tuned(local, weights, held, self.grid)
            evaluation = evaluated(local, weights, held, control).model_copy(update={"alphas": dict(curve)})
            decision = self.gate(evaluation)
        manifest = self._manifest(request, key, weights, cost, evaluation, decision)
        kept = decision is None or decision.outcome == "promote"
        stored = self.cache.store(weights, manifest, request.examples) if kept else None
        self.cache.leave(key)
        return Compiled(stored.manifest if stored else manifest, stored, decision)

    def _made(self, request: CompileRequest, compiler: Compiler, progress: Recorder | None) -> tuple[LoraWeights, Cost]:
        """Return sound weights as they will come back from disk, and what they cost."""
        key = self.key(request, compiler)
        begun, cpu = time.monotonic(), time.process_time()
        weights = compiler.compile(request, workspace=self.cache.workspace(key), progress=progress)
        cost = Cost(
            cpu_s=round(time.process_time() - cpu, 3),
            seconds=round(time.monotonic() - begun, 3),
            peak_bytes=peak_bytes(),
            steps=int(weights.details.get("steps", 0)),
            device=str(getattr(self.base, "device", "cpu")),
        )
        weights = rounded(weights)
        try:
            lora.refuse_unsound(weights, *_shapes_and_norms(self.base))
        except AdapterRefused:
            self.cache.leave(key)  # its checkpoints lead to the same weights
            raise
        return weights, cost

    def _control(self, request: CompileRequest, progress: Recorder | None) -> LoraWeights | None:
        """Return the adapter of another skill: one that is there, or one compiled the same way; None where no other is known."""
        if (other := self._neighbour(request)) is not None:
            return self.cache.load(other)
        if not request.others:
            return None
        compiler = Wrong(self.compiler)
        key = self.key(request, compiler)
        if (found := self.cache.find(key)) is not None:
            return self.cache.load(found)
        weights, cost = self._made(request, compiler, progress)
        self.cache.store(weights, self._manifest(swapped(request), key, weights, cost, None, None))
        self.cache.leave(key)
        return weights

    def _neighbour(self, request: CompileRequest) -> Stored | None:
        """Return the newest adapter of another skill that this compiler made for this base."""
        configuration = {"backend": self.compiler.name, **self.compiler.configuration}
        found = [
            stored
            for stored in self.cache.all()
            if stored.manifest.skill != request.skill
            and stored.manifest.key.base == request.base_hash
            and stored.manifest.configuration == configuration
            and stored.manifest.key.backend == self.compiler.name
        ]
        return max(found, key=lambda stored: stored.manifest.created_at, default=None)

    def _manifest(
        self,
        request: CompileRequest,
        key: AdapterKey,
        weights: LoraWeights,
        cost: Cost,
        evaluation: Evaluation | None,
        decision: Decision | None,
    ) -> Manifest:
        return Manifest(
            skill=request.skill,
            key=key,
            text_hash=request.text.hash,
            text=request.text,
            code_hash=request.code_hash,
            base=request.base,
            rank=weights.rank,
            alpha=weights.alpha,
            targets=weights.targets,
            adapter_hash="",
            configuration={"backend": key.backend, **self.compiler.configuration},
            cost=cost,
            evaluation=evaluation,
            accepted=None if decision is None else decision.outcome == "promote",
            reason="" if decision is None else decision.reason,
        )


def unsound_for(base: Base, weights: LoraWeights) -> None:
    """Refuse weights that do not fit a base, or would drown it.

    Raises:
        AdapterRefused: They do.
    """
    lora.refuse_unsound(weights, *_shapes_and_norms(base))


def _shapes_and_norms(base: Base) -> tuple[dict[str, tuple[int, int]], dict[str, float]]:
    modules: dict[str, Any] = linears(base.loaded()[0])
    return (
        {name: tuple(module.weight.shape) for name, module in modules.items()},
        {name: float(module.weight.float().norm()) for name, module in modules.items()},
    )


def peak_bytes() -> int:
    """Return the most memory that this process held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def _tell(progress: Recorder | None, event: str, **fields: Any) -> None:
    if progress is not None:
        progress(event, **fields)
