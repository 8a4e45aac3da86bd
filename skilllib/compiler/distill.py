"""Context distillation: the model with the skill's text in context teaches the model with the adapter and without the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from skilllib.compiler import checkpoint
from skilllib.compiler.rows import TOP, Row, alike, disturbance, divergence, joined, remembered, row, taught
from skilllib.errors import CompilerFailed, InvalidRecord, StorageFailed
from skilllib.models.base import linears
from skilllib.models.hooks import mounted
from skilllib.models.local import LocalModel, answer_ids
from skilllib.protocols import Base, Recorder
from skilllib.records.adapter import CompileRequest, Example, LoraWeights, Pair
from skilllib.records.base import Json, Record, content_hash
from skilllib.records.model import Message, Request

CHECKPOINT = checkpoint.FILE


class DistillOptions(Record):
    """How a student is taught. The defaults suit a model of a few hundred million parameters."""

    rank: int = Field(default=8, ge=1, le=512)
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    layers: float = Field(default=0.6, gt=0, le=1)
    """Share of the layers that are changed, the upper ones."""
    steps: int = Field(default=60, ge=1)
    rows: int = Field(default=8, ge=1)
    """Rows of the skill in one step."""
    negatives: int = Field(default=8, ge=0)
    """Rows of other skills in one step, on which nothing is to change. Without them adapters cannot live together."""
    locality: float = Field(default=10.0, ge=0)
    """Weight of how far these move the model's last hidden states, beside the KL of its answers."""
    lr: float = Field(default=4e-3, gt=0)
    """At the beginning; it falls to nothing over the steps (half a cosine), since what is left of noise adds up over adapters."""
    top: int = Field(default=TOP, ge=1)
    verified: float = Field(default=0.5, ge=0, le=1)
    """Share of the loss that cross-entropy has on verified answers; the rest is KL to the teacher."""
    own_answers: bool = True
    """Whether the teacher's own greedy answers are learned from, too."""
    answer_tokens: int = Field(default=96, ge=1)
    """Tokens of a teacher's own answer."""
    check_every: int = Field(default=5, ge=1)
    """Steps between two looks at what is held out."""
    patience: int = Field(default=4, ge=1)
    """Looks without a gain after which it ends."""


def make(base: Base, **options: Any) -> Distill:
    """Make the compiler `distill`; options are those of `DistillOptions`.

    Raises:
        InvalidRecord: An option is unknown or impossible.
    """
    try:
        return Distill(base, DistillOptions.model_validate(options))
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRecord(
            f"the option {'.'.join(map(str, first['loc']))!r} of `distill` does not fit: {first['msg']} (found {first['input']!r})"
        ) from error


@dataclass(frozen=True)
class Distill:
    """Satisfies `protocols.Compiler`."""

    base: Base
    options: DistillOptions = field(default_factory=DistillOptions)
    name: str = "distill"

    @property
    def configuration(self) -> Mapping[str, Json]:
        """The options."""
        return self.options.model_dump(mode="json")

    def compile(self, request: CompileRequest, *, workspace: Path | None = None, progress: Recorder | None = None) -> LoraWeights:
        """Return the weights; called again with the same workspace, it goes on from its last checkpoint.

        Raises:
            CompilerFailed: There are no examples to learn from.
            BaseRefused: The base cannot be loaded.
        """
        chosen(self.base.loaded()[0], self.options.targets, self.options.layers)  # before the teacher is asked anything
        lessons = self._lessons(request, progress)
        return _Training(self.base.loaded()[0], self.options, lessons, request.seed, workspace, progress).run()

    def _lessons(self, request: CompileRequest, progress: Recorder | None) -> Lessons:
        own, held = request.rows("own", "train"), request.rows("own", "held_out")
        if not own:
            raise CompilerFailed(f"there are no examples to distil {request.skill!r} from; it needs kept tests or a dataset")
        return Lessons(
            own=self._taught(own, "own", progress),
            held_out=self._taught(held, "held_out", progress),
            negatives=self._remembered(request.rows("negative", "train"), "negatives", progress),
            held_negatives=self._remembered(request.rows("negative", "held_out"), "held_negatives", progress),
        )

    def _remembered(self, examples: Sequence[Example], part: str, progress: Recorder | None) -> list[Row]:
        """Return what other skills' tests say to the model, and what it thinks of that without an adapter."""
        model, tokenizer = self.base.loaded()
        heard = [row(tokenizer, _heard(one), answer_ids(tokenizer, one.answer or ""), verified=True) for one in examples]
        found = list[Row]()
        heard, _ = joined(heard, heard)
        for i, one in enumerate(heard, 1):
            found += remembered(model, [one], self.options.top)
            if progress is not None:
                progress("teaching", part=part, step=i, of=len(heard))
        return found

    def _taught(self, examples: Sequence[Example], part: str, progress: Recorder | None) -> list[Row]:
        """Return examples' rows with the word of a teacher who is told the text."""
        model, tokenizer = self.base.loaded()
        teacher = LocalModel(self.base)
        students, teachers = list[Row](), list[Row]()
        for example in examples:
            if example.answer is not None:
                verified = answer_ids(tokenizer, example.answer)
                students.append(row(tokenizer, example.prompt, verified, verified=True))
                teachers.append(row(tokenizer, example.informed, verified, verified=True))
            if example.answer is None or self.options.own_answers:
                request = Request(purpose="act", messages=example.informed, max_tokens=self.options.answer_tokens)
                answer = teacher.continued(request)
                students.append(row(tokenizer, example.prompt, answer))
                teachers.append(row(tokenizer, example.informed, answer))
        found = list[Row]()
        students, teachers = joined(students, teachers)
        for i, pair in enumerate(zip(teachers, students, strict=True), 1):
            found += taught(model, pair[:1], pair[1:], self.options.top)
            if progress is not None:
                progress("teaching", part=part, step=i, of=len(students))
        return found


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """Rows with a teacher."""

    own: Sequence[Row]
    held_out: Sequence[Row] = ()
    negatives: Sequence[Row] = ()
    held_negatives: Sequence[Row] = ()


@dataclass
class _Training:
    """One adapter in the making."""

    model: Any
    options: DistillOptions
    lessons: Lessons
    seed: int
    workspace: Path | None
    progress: Recorder | None
    step: int = 0
    looks: int = 0
    """Looks at what is held out since the last gain."""
    best: float = float("inf")
    curve: list[dict[str, float]] = field(default_factory=list)

    def run(self) -> LoraWeights:
        import torch

        factors = self._begin()
        parameters = [matrix for pair in factors.values() for matrix in pair]
        optimizer = torch.optim.AdamW(parameters, lr=self.options.lr, weight_decay=0.0)
        kept = {name: (a.detach().clone(), b.detach().clone()) for name, (a, b) in factors.items()}
        kept = self._resume(factors, optimizer, kept)
        while self.step < self.options.steps and self.looks < self.options.patience:
            self._learn(factors, optimizer)
            self.step += 1
            if self.step % self.options.check_every == 0 or self.step == self.options.steps:
                if self._look(factors):
                    kept = {name: (a.detach().clone(), b.detach().clone()) for name, (a, b) in factors.items()}
                self._save(factors, optimizer, kept)
        pairs = {name: Pair(a.float().cpu().numpy(), b.float().cpu().numpy()) for name, (a, b) in kept.items()}
        return LoraWeights(pairs, 1.0, {"curve": self.curve, "steps": self.step, "held_out": self.best})

    def _begin(self) -> dict[str, tuple[Any, Any]]:
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        found = {}
        for name, module in chosen(self.model, self.options.targets, self.options.layers).items():
            out, inner = module.weight.shape
            bound = inner**-0.5
            a = (torch.rand(self.options.rank, inner, generator=generator) * 2 - 1) * bound
            b = torch.zeros(out, self.options.rank)
            found[name] = (a.to(self.model.device).requires_grad_(), b.to(self.model.device).requires_grad_())
        return found

    def _learn(self, factors: dict[str, tuple[Any, Any]], optimizer: Any) -> None:
        import torch

        # A generator of its own for every step, so that a resumed run draws what it would have drawn.
        draw = np.random.default_rng([self.seed, self.step])
        own = _drawn(draw, self.lessons.own, self.options.rows)
        negatives = _drawn(draw, self.lessons.negatives, self.options.negatives)
        with mounted(self.model, factors):
            kl, nll = divergence(self.model, own)
            moved = [self._moved(*disturbance(self.model, part)) for part in alike(negatives)]
        share = torch.tensor([self.options.verified if one.verified else 0.0 for one in own], device=kl.device)
        loss = ((1 - share) * kl + share * nll).mean()
        if moved:
            loss = loss + torch.cat(moved).mean()
        for group in optimizer.param_groups:
            group["lr"] = self.options.lr * (1 + np.cos(np.pi * self.step / self.options.steps)) / 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([matrix for pair in factors.values() for matrix in pair], 1.0)
        optimizer.step()
        if not bool(torch.isfinite(loss)):
            raise CompilerFailed(f"the loss is {float(loss.detach())} after {self.step} steps; lower `lr`, now {self.options.lr:g}")
        self._tell("step", loss=float(loss.detach()))

    def _look(self, factors: dict[str, tuple[Any, Any]]) -> bool:
        """Measure on what is held out; return whether it is better than ever before."""
        own, verified = self._mean(factors, self.lessons.held_out or self.lessons.own)
        negative, drift = self._disturbance(factors)
        found = (1 - self.options.verified) * own + self.options.verified * verified + self._moved(negative, drift)
        self.curve.append({"step": self.step, "kl": own, "nll": verified, "negative": negative, "drift": drift})
        self._tell("held_out", kl=own, nll=verified, negative=negative, drift=drift)
        better = bool(found < self.best - 1e-4)
        self.looks = 0 if better else self.looks + 1
        self.best = min(self.best, found)
        return better

    def _mean(self, factors: dict[str, tuple[Any, Any]], rows: Sequence[Row]) -> tuple[float, float]:
        import torch

        if not rows:
            return 0.0, 0.0
        found, checked = [], []
        with torch.no_grad(), mounted(self.model, factors):
            for at in range(0, len(rows), self.options.rows):
                part = rows[at : at + self.options.rows]
                kl, nll = divergence(self.model, part)
                found += kl.tolist()
                checked += [value for value, one in zip(nll.tolist(), part, strict=True) if one.verified]
        return float(np.mean(found)), float(np.mean(checked)) if checked else 0.0

    def _disturbance(self, factors: dict[str, tuple[Any, Any]]) -> tuple[float, float]:
        import torch

        rows = self.lessons.held_negatives or self.lessons.negatives
        if not rows:
            return 0.0, 0.0
        with torch.no_grad(), mounted(self.model, factors):
            found = [[float(figure) for figure in disturbance(self.model, [one])] for one in rows]
        kl, drift = np.mean(found, axis=0)
        return float(kl), float(drift)

    def _moved(self, kl: Any, drift: Any) -> Any:
        return kl + self.options.locality * drift

    def _tell(self, event: str, **figures: float) -> None:
        if self.progress is not None:
            self.progress(event, step=self.step, of=self.options.steps, **figures)

    # ---- checkpoints

    def _save(self, factors: Any, optimizer: Any, kept: Any) -> None:
        if self.workspace is None:
            return
        tensors = {
            f"{part}.{name}.{i}": pair[i]
            for part, of in (("now", factors), ("kept", kept))
            for name, pair in of.items()
            for i in (0, 1)
        }
        state = {"step": self.step, "looks": self.looks, "best": self.best, "curve": self.curve}
        checkpoint.save(self.workspace / CHECKPOINT, tensors | checkpoint.optimizer_tensors(optimizer), state)

    def _resume(self, factors: Any, optimizer: Any, kept: Any) -> Any:
        import torch

        saved = None
        with suppress(StorageFailed):  # what was damaged is made again, as if there had been none
            saved = checkpoint.load(self.workspace / CHECKPOINT, str(self.model.device)) if self.workspace is not None else None
        if saved is None:
            return kept
        found, state = saved
        self.step, self.looks, self.best, self.curve = state["step"], state["looks"], state["best"], state["curve"]
        with torch.no_grad():
            for name, pair in factors.items():
                for i in (0, 1):
                    pair[i].copy_(found[f"now.{name}.{i}"])
        checkpoint.restore_optimizer(optimizer, found)
        return {name: (found[f"kept.{name}.0"], found[f"kept.{name}.1"]) for name in factors}


def chosen(model: Any, targets: Sequence[str], share: float = 1.0) -> dict[str, Any]:
    """Return the linear modules that are changed.

    Args:
        model: The base.
        targets: Last names of the modules.
        share: Of the layers, the upper ones.

    Raises:
        CompilerFailed: The base has none of the names.
    """
    modules = linears(model)
    layers = sorted({_layer(name) for name in modules})
    upper = set(layers[-max(1, round(share * len(layers))) :])
    found = {name: module for name, module in modules.items() if name.rpartition(".")[2] in targets and _layer(name) in upper}
    if not found:
        raise CompilerFailed(f"the base has no linear modules named {', '.join(targets)}; choose other targets")
    return found


def _heard(example: Example) -> tuple[Message, ...]:
    """Return another skill's prompt, about every second one with that skill's text.

    An adapter is to leave alone what a model does with another adapter, and also what it does with another text.
    """
    second = int(content_hash([example.skill, example.source.test])[0], 16) % 2
    return example.informed if example.informed and second else example.prompt


def _drawn(draw: np.random.Generator, rows: Sequence[Row], n: int) -> list[Row]:
    return [rows[i] for i in draw.permutation(len(rows))[:n]] if n and rows else []


def _layer(name: str) -> int:
    parts = name.split(".")
    return int(parts[parts.index("layers") + 1])
