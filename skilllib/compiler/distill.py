"""Context distillation: the model with the skill's text in context teaches the model with the adapter and without the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import Field

from skilllib.compiler.course import Course
from skilllib.compiler.options import checked
from skilllib.compiler.rows import TOP, Row, alike, disturbance, divergence, joined, remembered, row, taught
from skilllib.errors import CompilerFailed
from skilllib.models.base import linears
from skilllib.models.hooks import mounted
from skilllib.models.local import LocalModel, answer_ids
from skilllib.protocols import Base, Recorder
from skilllib.records.adapter import CompileRequest, Example, LoraWeights, Matrix, Pair
from skilllib.records.base import Json, Record, content_hash
from skilllib.records.model import Message, Request

T = TypeVar("T")


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
    return Distill(base, checked(DistillOptions, options, "`distill`"))


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
        model, _ = self.base.loaded()
        chosen(model, self.options.targets, self.options.layers)  # before the teacher is asked anything
        course = _Training(
            model=model,
            options=self.options,
            lessons=self._lessons(request, progress),
            seed=request.seed,
            workspace=workspace,
            progress=progress,
            **self.options.model_dump(include={"steps", "lr", "check_every", "patience"}),
        )
        pairs = {name: Pair(*map(array, pair)) for name, pair in paired(course.run()).items()}
        return LoraWeights(pairs, 1.0, {"curve": course.curve, "steps": course.step, "held_out": course.best})

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


@dataclass(kw_only=True)
class _Training(Course):
    """One adapter in the making."""

    model: Any
    options: DistillOptions
    lessons: Lessons

    def begin(self) -> dict[str, Any]:
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        found = dict[str, Any]()
        for name, module in chosen(self.model, self.options.targets, self.options.layers).items():
            out, inner = module.weight.shape
            bound = inner**-0.5
            a = (torch.rand(self.options.rank, inner, generator=generator) * 2 - 1) * bound
            b = torch.zeros(out, self.options.rank)
            found |= {f"{name}.a": a.to(self.model.device), f"{name}.b": b.to(self.model.device)}
        return found

    def loss(self, tensors: Mapping[str, Any], draw: np.random.Generator) -> Any:
        import torch

        own = drawn(draw, self.lessons.own, self.options.rows)
        negatives = drawn(draw, self.lessons.negatives, self.options.negatives)
        with mounted(self.model, paired(tensors)):
            kl, nll = divergence(self.model, own)
            moved = [
                self._moved(kl, drift)
                for kl, _, drift in (disturbance(self.model, part) for part in alike(negatives, lambda row: len(row.ids)))
            ]
        share = torch.tensor([self.options.verified if one.verified else 0.0 for one in own], device=kl.device)
        loss = ((1 - share) * kl + share * nll).mean()
        return loss + torch.cat(moved).mean() if moved else loss

    def look(self, tensors: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
        own, verified = self._mean(tensors, self.lessons.held_out or self.lessons.own)
        negative, drift = self._disturbance(tensors)
        found = (1 - self.options.verified) * own + self.options.verified * verified
        if self.options.negatives:
            found += self._moved(negative, drift)
        return found, {"kl": own, "nll": verified, "negative": negative, "drift": drift}

    def _mean(self, tensors: Mapping[str, Any], rows: Sequence[Row]) -> tuple[float, float]:
        import torch

        if not rows:
            return 0.0, 0.0
        found, checked = [], []
        with torch.no_grad(), mounted(self.model, paired(tensors)):
            for at in range(0, len(rows), self.options.rows):
                part = rows[at : at + self.options.rows]
                kl, nll = divergence(self.model, part)
                found += kl.tolist()
                checked += [value for value, one in zip(nll.tolist(), part, strict=True) if one.verified]
        return float(np.mean(found)), float(np.mean(checked)) if checked else 0.0

    def _disturbance(self, tensors: Mapping[str, Any]) -> tuple[float, float]:
        import torch

        rows = self.lessons.held_negatives or self.lessons.negatives
        if not rows:
            return 0.0, 0.0
        with torch.no_grad(), mounted(self.model, paired(tensors)):
            found = [[float(figure) for figure in disturbance(self.model, [one])] for one in rows]
        kl, _, drift = np.mean(found, axis=0)
        return float(kl), float(drift)

    def _moved(self, kl: Any, drift: Any) -> Any:
        return kl + self.options.locality * drift


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


def paired(tensors: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return tensors by the name of a module and a letter as the two factors of each module."""
    return {
        name.removesuffix(".a"): (a, tensors[f"{name.removesuffix('.a')}.b"]) for name, a in tensors.items() if name.endswith(".a")
    }


def array(tensor: Any) -> Matrix:
    """Return a tensor as an array in single precision."""
    found: Matrix = tensor.detach().float().cpu().numpy()
    return found


def drawn(draw: np.random.Generator, rows: Sequence[T], n: int) -> list[T]:
    """Return at most n rows, none twice."""
    return [rows[i] for i in draw.permutation(len(rows))[:n]] if n and rows else []


def _layer(name: str) -> int:
    parts = name.split(".")
    return int(parts[parts.index("layers") + 1])
