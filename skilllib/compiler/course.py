"""A course of training: steps, looks at what is held out, checkpoints, and in the end what was best."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skilllib.compiler import checkpoint
from skilllib.errors import CompilerFailed, StorageFailed
from skilllib.protocols import Recorder


@dataclass(kw_only=True)
class Course(ABC):
    """Changes tensors by steps of AdamW whose rate falls to nothing, and keeps those that did best on what is held out.

    Begun again with the same workspace it goes on from the last checkpoint, and comes to the very same tensors.

    Args:
        steps: At most.
        lr: At the beginning; it falls over the steps (half a cosine), since what is left of noise adds up over adapters.
        check_every: Steps between two looks at what is held out.
        patience: Looks without a gain after which it ends.
        seed: Of all that is drawn.
        workspace: Where checkpoints are kept, if they are.
        progress: Is told of every step and every look.
    """

    steps: int
    lr: float
    check_every: int
    patience: int
    seed: int
    workspace: Path | None = None
    progress: Recorder | None = None
    step: int = 0
    looks: int = 0
    """Looks at what is held out since the last gain."""
    best: float = float("inf")
    curve: list[dict[str, float]] = field(default_factory=list)

    @abstractmethod
    def begin(self) -> dict[str, Any]:
        """Return the tensors that are changed, by name."""

    @abstractmethod
    def loss(self, tensors: Mapping[str, Any], draw: np.random.Generator) -> Any:
        """Return what a step makes smaller, with rows that are drawn for it."""

    @abstractmethod
    def look(self, tensors: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
        """Return what is to be small on what is held out, and figures for the curve."""

    def run(self) -> dict[str, Any]:
        """Return the best tensors.

        Raises:
            CompilerFailed: The loss is not a number.
            StorageFailed: A checkpoint cannot be written.
        """
        import torch

        tensors = {name: tensor.requires_grad_() for name, tensor in self.begin().items()}
        optimizer = torch.optim.AdamW(list(tensors.values()), lr=self.lr, weight_decay=0.0)
        kept = self._resumed(tensors, optimizer)
        if kept is None:
            kept = _copied(tensors)
            self._better(tensors)  # what is worse than the beginning is never kept
        while self.step < self.steps and self.looks < self.patience:
            self._learn(tensors, optimizer)
            self.step += 1
            if self.step % self.check_every == 0 or self.step == self.steps:
                if self._better(tensors):
                    kept = _copied(tensors)
                self._save(tensors, optimizer, kept)
        return kept

    def _learn(self, tensors: Mapping[str, Any], optimizer: Any) -> None:
        import torch

        # A generator of its own for every step, so that a resumed course draws what it would have drawn.
        loss = self.loss(tensors, np.random.default_rng([self.seed, self.step]))
        for group in optimizer.param_groups:
            group["lr"] = self.lr * (1 + np.cos(np.pi * self.step / self.steps)) / 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(tensors.values()), 1.0)
        optimizer.step()
        if not bool(torch.isfinite(loss)):
            raise CompilerFailed(f"the loss is {float(loss.detach())} after {self.step} steps; lower `lr`, now {self.lr:g}")
        self._tell("step", loss=float(loss.detach()))

    def _better(self, tensors: Mapping[str, Any]) -> bool:
        """Measure on what is held out; return whether it is better than ever before."""
        found, figures = self.look(tensors)
        self.curve.append({"step": self.step, **figures})
        self._tell("held_out", objective=found, **figures)
        better = found < self.best - 1e-4
        self.looks = 0 if better else self.looks + 1
        self.best = min(self.best, found)
        return better

    def _tell(self, event: str, **figures: float) -> None:
        if self.progress is not None:
            self.progress(event, step=self.step, of=self.steps, **figures)

    def _save(self, tensors: Mapping[str, Any], optimizer: Any, kept: Mapping[str, Any]) -> None:
        if self.workspace is None:
            return
        both = {f"now.{name}": tensor for name, tensor in tensors.items()} | {f"kept.{name}": kept[name] for name in kept}
        state = {"step": self.step, "looks": self.looks, "best": self.best, "curve": self.curve}
        checkpoint.save(self.workspace / checkpoint.FILE, both | checkpoint.optimizer_tensors(optimizer), state)

    def _resumed(self, tensors: Mapping[str, Any], optimizer: Any) -> dict[str, Any] | None:
        import torch

        saved = None
        device = str(next(iter(tensors.values())).device)
        with suppress(StorageFailed):  # what was damaged is made again, as if there had been none
            saved = checkpoint.load(self.workspace / checkpoint.FILE, device) if self.workspace is not None else None
        if saved is None or any(f"now.{name}" not in saved[0] for name in tensors):
            return None
        found, state = saved
        self.step, self.looks, self.best, self.curve = state["step"], state["looks"], state["best"], state["curve"]
        with torch.no_grad():
            for name, tensor in tensors.items():
                tensor.copy_(found[f"now.{name}"])
        checkpoint.restore_optimizer(optimizer, found)
        return {name: found[f"kept.{name}"] for name in tensors}


def _copied(tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}
