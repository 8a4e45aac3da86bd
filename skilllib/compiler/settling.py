"""Adapters that are there already learn to live together, so that all can be mounted at once.

What an adapter was taught to leave alone is the plain model. Among others it meets a model that they have moved elsewhere, and
nothing that it was taught holds there. So all learn at once, on rows of which each is computed with adapters of its own: that
of its skill alone, that among some, that among all. What each said alone is what it is to say.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import Field

from skilllib.compiler import lora
from skilllib.compiler.cache import AdapterCache, Stored
from skilllib.compiler.course import Course
from skilllib.compiler.distill import array, drawn, paired
from skilllib.compiler.evaluation import Held, evaluated, scored
from skilllib.compiler.format import rounded
from skilllib.compiler.job import Compiled, peak_bytes, unsound_for
from skilllib.compiler.merging import Part
from skilllib.compiler.rows import Row, alike, answered, disturbance, joined, remembered
from skilllib.errors import AdapterRefused, CompilerFailed, StorageFailed
from skilllib.models.hooks import mounted, tensors
from skilllib.models.local import LocalModel
from skilllib.protocols import Base, Recorder
from skilllib.records.adapter import AdapterKey, Cost, Evaluation, Example, LoraWeights, Manifest, Pair
from skilllib.records.base import Record, content_hash
from skilllib.records.ledger import Decision

STILL = 4
"""Of so many rows one is of a skill whose adapter is not mounted, on which nothing is to change."""


class SettleOptions(Record):
    """How adapters are taught to live together."""

    steps: int = Field(default=240, ge=1)
    rows: int = Field(default=8, ge=5)
    """Rows of one step, of any of the skills."""
    lr: float = Field(default=2e-3, gt=0)
    """At the beginning; it falls to nothing."""
    locality: float = Field(default=20.0, ge=0)
    """Weight of how far the model's last hidden states are from those with one adapter alone, beside the KL of its answers."""
    verified: float = Field(default=0.5, ge=0, le=1)
    """Share of the loss that cross-entropy has on verified answers; the rest is KL to what each said alone."""
    check_every: int = Field(default=30, ge=1)
    """Steps between two looks at what is held out."""
    patience: int = Field(default=4, ge=1)
    """Looks without a gain after which it ends."""


@dataclass(frozen=True)
class Settling:
    """Settles adapters of one base.

    Args:
        base: The base model.
        cache: Where settled adapters are kept, beside those they come from.
        options: How.
        gate: Decides of each from what was measured; if it refuses one, none is kept. None measures nothing.
    """

    base: Base
    cache: AdapterCache
    options: SettleOptions = field(default_factory=SettleOptions)
    gate: Callable[[Evaluation], Decision] | None = None

    def settled(self, parts: Sequence[Part], *, seed: int = 0, progress: Recorder | None = None) -> list[Compiled]:
        """Return an adapter for each, from the cache where all are there.

        Called again after it was stopped, it goes on from its last checkpoint. What comes of it does not depend on their order.

        Raises:
            AdapterRefused: There are fewer than two, of one skill, merged ones, or some for another base.
            CompilerFailed: One has no examples beside it.
            StorageFailed: The disk refuses.
        """
        self._refuse(parts)
        order = sorted(range(len(parts)), key=lambda i: parts[i].manifest.adapter_hash)
        found = dict(zip(order, self._settled([parts[i] for i in order], seed, progress), strict=True))
        return [found[i] for i in range(len(parts))]

    def _settled(self, parts: Sequence[Part], seed: int, progress: Recorder | None) -> list[Compiled]:
        keys = [part.manifest.key.model_copy(update={"configuration": self._configuration(part, parts, seed)}) for part in parts]
        known = [self.cache.find(key) for key in keys]
        if all(stored and (self.gate is None or stored.manifest.accepted) for stored in known):
            return [Compiled(stored.manifest, stored, found=True) for stored in known if stored]
        made, cost = self._made(parts, keys[0], seed, progress)
        judged = [self._judged(parts, made, i, progress) for i in range(len(parts))]
        found = [
            Compiled(self._manifest(part, parts, key, cost, *of), None, of[1])
            for part, key, of in zip(parts, keys, judged, strict=True)
        ]
        if all(decision is None or decision.outcome == "promote" for _, decision in judged):
            found = self._stored(parts, made, found)
        else:
            found = [_given_up(one) for one in found]
        self.cache.leave(keys[0])
        return found

    def _stored(self, parts: Sequence[Part], made: Sequence[LoraWeights], found: Sequence[Compiled]) -> list[Compiled]:
        """Store all; if the disk refuses one, none stays."""
        stored = list[Stored]()
        try:
            for part, weights, one in zip(parts, made, found, strict=True):
                stored.append(self.cache.store(weights, one.manifest, part.examples))
        except StorageFailed:
            paths = {one.path for one in stored}
            self.cache.drop(lambda other: other.path in paths)
            raise
        return [Compiled(there.manifest, there, one.decision) for there, one in zip(stored, found, strict=True)]

    def _made(self, parts: Sequence[Part], key: AdapterKey, seed: int, progress: Recorder | None) -> tuple[list[LoraWeights], Cost]:
        """Return sound weights as they will come back from disk, and what each of them cost."""
        begun, cpu = time.monotonic(), time.process_time()
        course = _Course(
            model=self.base.loaded()[0],
            options=self.options,
            parts=parts,
            lessons=self._lessons(parts, progress),
            seed=seed,
            workspace=self.cache.workspace(key),
            progress=progress,
            **self.options.model_dump(include={"steps", "lr", "check_every", "patience"}),
        )
        made = [rounded(one) for one in course.weights()]
        try:
            for one in made:
                unsound_for(self.base, one)
        except AdapterRefused:
            self.cache.leave(key)  # its checkpoints lead to the same weights
            raise
        return made, Cost(
            cpu_s=round((time.process_time() - cpu) / len(parts), 3),
            seconds=round((time.monotonic() - begun) / len(parts), 3),
            peak_bytes=peak_bytes(),
            steps=course.step,
            device=str(getattr(self.base, "device", "cpu")),
        )

    def _manifest(
        self,
        part: Part,
        parts: Sequence[Part],
        key: AdapterKey,
        cost: Cost,
        evaluation: Evaluation | None,
        decision: Decision | None,
    ) -> Manifest:
        others = [other.manifest.adapter_hash for other in parts if other is not part]
        return part.manifest.model_copy(
            update={
                "key": key,
                "configuration": {**part.manifest.configuration, "settled": self.options.model_dump(mode="json")},
                "adapter_hash": "",
                "alpha": 1.0,
                "created_at": "",
                "parents": (part.manifest.adapter_hash, *others),
                "cost": cost,
                "evaluation": evaluation,
                "accepted": None if decision is None else decision.outcome == "promote",
                "reason": "" if decision is None else decision.reason,
            }
        )

    def _refuse(self, parts: Sequence[Part]) -> None:
        if len(parts) < 2:
            raise AdapterRefused(f"two adapters or more can live together, not {len(parts)}")
        names = [part.manifest.skill for part in parts]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise AdapterRefused(f"{twice!r} is named twice; one adapter of each skill can be mounted")
        for part in parts:
            if part.manifest.mode is not None:
                raise AdapterRefused(f"{part.manifest.skill!r} is a merge; name the adapters that it was made of")
            if part.manifest.key.base != self.base.hash:
                raise AdapterRefused(f"the adapter of {part.manifest.skill!r} is for another base, {part.manifest.base}")
            if not _of(part, "own", "train"):
                raise CompilerFailed(f"no examples lie beside the adapter of {part.manifest.skill!r}; compile it again")

    def _configuration(self, part: Part, parts: Sequence[Part], seed: int) -> str:
        together = sorted(one.manifest.adapter_hash for one in parts)
        return content_hash([part.manifest.adapter_hash, together, self.options.model_dump(mode="json"), seed])

    def _lessons(self, parts: Sequence[Part], progress: Recorder | None) -> _Lessons:
        model, _ = self.base.loaded()
        own: dict[str, list[list[Row]]] = {"train": [], "held_out": []}
        for i, part in enumerate(parts, 1):
            with mounted(model, tensors(part.weights, str(model.device)), part.weights.alpha):
                for split, rows in own.items():
                    rows.append(remembered(model, self._rows(_of(part, "own", split))))
            if progress is not None:
                progress("teaching", part="adapters", step=i, of=len(parts))
        names = {part.manifest.skill for part in parts}
        foreign = dict.fromkeys(one for part in parts for one in _of(part, "negative", "train") if one.skill not in names)
        still: list[tuple[Row, int | None]] = [(one, None) for one in remembered(model, self._rows(list(foreign)))]
        still += [(one, i) for i, rows in enumerate(own["train"]) for one in remembered(model, rows)]
        # What the plain model says is to stay, however its answers compare with verified ones.
        still = [(dataclasses.replace(row, verified=False), i) for row, i in still]
        return _Lessons(own["train"], own["held_out"], still)

    def _rows(self, examples: Sequence[Example]) -> list[Row]:
        _, tokenizer = self.base.loaded()
        rows = [answered(tokenizer, one) for one in examples]
        return joined(rows, rows)[0]

    def _judged(
        self, parts: Sequence[Part], made: Sequence[LoraWeights], i: int, progress: Recorder | None
    ) -> tuple[Evaluation | None, Decision | None]:
        """Return what was measured of one of them, alone and among all, and what the gate says to that."""
        if self.gate is None:
            return None, None
        if progress is not None:
            progress("measuring", skill=parts[i].manifest.skill)
        learned = {_test(one) for part in parts for kind in ("own", "negative") for one in _of(part, kind, "train")}
        held = Held(
            text=text.text if (text := parts[i].manifest.text) is not None else "",
            own=_of(parts[i], "own", "held_out") or _of(parts[i], "own", "train"),
            negatives=[one for one in _of(parts[i], "negative", "held_out") if _test(one) not in learned],
        )
        local, others = LocalModel(self.base), [one for at, one in enumerate(made) if at != i]
        evaluation = evaluated(local, made[i], held, made[i - 1], others)
        arms = {**evaluation.arms, "unsettled": scored(local, parts[i].weights, held, told=False)}
        evaluation = evaluation.model_copy(update={"arms": arms})
        return evaluation, self.gate(evaluation)


@dataclass(frozen=True)
class _Lessons:
    """Rows by skill, each with what its own adapter alone makes of it."""

    own: Sequence[Sequence[Row]]
    held_out: Sequence[Sequence[Row]]
    still: Sequence[tuple[Row, int | None]]
    """Rows with what the plain model makes of them, and the number of their skill's adapter, if it is one of these."""


@dataclass(kw_only=True)
class _Course(Course):
    """All adapters in the making: of each module one tensor a (adapters, rank, in) and one b (adapters, out, rank)."""

    model: Any
    options: SettleOptions
    parts: Sequence[Part]
    lessons: _Lessons

    def weights(self) -> list[LoraWeights]:
        """Return the adapters, settled."""
        found = paired(self.run())
        return [
            LoraWeights({name: Pair(array(a[i]), array(b[i])) for name, (a, b) in found.items()}) for i in range(len(self.parts))
        ]

    def begin(self) -> dict[str, Any]:
        import torch

        factors = [tensors(one, str(self.model.device)) for one in lora.aligned([part.weights for part in self.parts])]
        return {
            f"{name}.{letter}": torch.stack([one[name][at] for one in factors])
            for name in factors[0]
            for at, letter in enumerate("ab")
        }

    def loss(self, tensors: Mapping[str, Any], draw: np.random.Generator) -> Any:
        import torch

        still = drawn(draw, self.lessons.still, max(1, self.options.rows // STILL))
        tried = [self._tried(draw, turn) for turn in range(max(1, self.options.rows - len(still)))]
        tried += [(row, self._there(draw, turn, without=i)) for turn, (row, i) in enumerate(still)]
        return torch.cat([self._lost(tensors, part) for part in alike(tried, lambda pair: len(pair[0].ids))]).mean()

    def _tried(self, draw: np.random.Generator, turn: int) -> tuple[Row, Any]:
        """Return a row of a skill, and which adapters are mounted: its own alone, among some, or among all."""
        i = int(draw.integers(len(self.parts)))
        row = self.lessons.own[i][int(draw.integers(len(self.lessons.own[i])))]
        if turn % 4 == 0:
            return row, np.arange(len(self.parts)) == i
        there = self._there(draw, turn)
        there[i] = True
        return row, there

    def _there(self, draw: np.random.Generator, turn: int, without: int | None = None) -> Any:
        """Return which adapters are mounted: in turn some, and all; never that of the skill whose row is to stay as it was."""
        share = float(draw.random()) if turn % 4 == 1 else 1.0
        there = draw.random(len(self.parts)) < share
        if without is not None:
            there[without] = False
        return there

    def _lost(self, tensors: Mapping[str, Any], tried: Sequence[tuple[Row, Any]]) -> Any:
        """Return for each row how far the model with its adapters is from what it is to say."""
        import torch

        rows = [row for row, _ in tried]
        there = torch.tensor(np.array([mask for _, mask in tried]), dtype=torch.float32, device=self.model.device)
        factors = {name: _chosen(a, b, there) for name, (a, b) in paired(tensors).items()}
        with mounted(self.model, factors):
            kl, nll, drift = disturbance(self.model, rows)
        own = torch.tensor([self.options.verified if row.verified else 0.0 for row in rows], device=kl.device)
        return (1 - own) * kl + own * nll + self.options.locality * drift

    def look(self, tensors: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
        import torch

        alone, together = list[float](), list[float]()
        with torch.no_grad():
            for i, rows in enumerate(self.lessons.held_out):
                for row in rows or self.lessons.own[i]:
                    only, everybody = np.arange(len(self.parts)) == i, np.ones(len(self.parts), bool)
                    alone.append(float(self._lost(tensors, [(row, only)])))
                    together.append(float(self._lost(tensors, [(row, everybody)])))
        figures = {"alone": float(np.mean(alone)), "together": float(np.mean(together))}
        return sum(figures.values()) / 2, figures


def _chosen(a: Any, b: Any, there: Any) -> tuple[Any, Any]:
    """Return for each row the adapters that are there for it as one, by concatenating ranks; zeros stand for the others."""
    rows = (a[None] * there[:, :, None, None]).flatten(1, 2)
    return rows, b.transpose(0, 1).flatten(1, 2).expand(len(there), -1, -1)


def _given_up(one: Compiled) -> Compiled:
    """Return what came of one that was accepted, while another of them was not."""
    if not one.manifest.accepted:
        return one
    return dataclasses.replace(
        one, manifest=one.manifest.model_copy(update={"accepted": False, "reason": "another one of them was refused"})
    )


def _test(example: Example) -> tuple[str, int | None]:
    return example.skill, example.source.test


def _of(part: Part, kind: str, split: str) -> list[Example]:
    return [one for one in part.examples if (one.kind, one.split) == (kind, split) and one.answer is not None]
