"""Fits a hypernetwork: many skills at once, each with the adapter of its own text, by what they answer and by recalling the text.

At first right and wrong texts are equally good: adapters learn what all skills have in common. Only then conditioning switches on.
Whoever stops on that plateau has nothing, so that the likelihood with a wrong text is measured all along.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skilllib.compiler import checkpoint
from skilllib.compiler.hypernet import text_ids
from skilllib.compiler.hypernet_bundle import ABOUT, Bundle, Point, read_bundle, refuse_other_run, write_bundle
from skilllib.compiler.hypernet_corpus import Corpus, CorpusSkill
from skilllib.compiler.hypernet_network import Shape, beginning, features, gathered, generated
from skilllib.compiler.hypernet_options import HypernetOptions
from skilllib.compiler.rows import TOP, Row, answered, divergence, joined, nll, row, sure, taught
from skilllib.errors import CompilerFailed, StorageFailed
from skilllib.models.hooks import mounted
from skilllib.protocols import Base, Recorder
from skilllib.records.adapter import Cost, SkillText
from skilllib.records.model import Message

RECALL = (Message(role="user", content="What do you know how to do?"),)
"""What is asked where the answer is the text itself."""
SKILLS_LOOKED_AT, ROWS_LOOKED_AT = 16, 4
"""Of what is held out, at each look."""
KEPT = 4000
"""Texts of which what the base makes of them is kept."""
BETAS = (0.9, 0.98)


@dataclass(frozen=True)
class Drawn:
    """One skill of a step."""

    texts: tuple[SkillText, ...]
    """What is compiled, each by itself, and added."""
    rows: tuple[Row, ...]
    """Own rows and then negatives, the same numbers for every skill."""


@dataclass
class Fitting:
    """One hypernetwork in the making.

    Args:
        base: The base model; it stays as it is.
        corpus: What it is fitted on.
        options: How.
        seed: Of the first weights and of everything that is drawn.
        folder: Where checkpoints and the bundle are written; a training that is there goes on.
        progress: Is told of every step and every look.
    """

    base: Base
    corpus: Corpus
    options: HypernetOptions
    seed: int
    folder: Path
    progress: Recorder | None = None
    step: int = 0
    spent_s: float = 0.0
    best: float = math.inf
    curve: list[Point] = field(default_factory=list)
    _losses: list[float] = field(default_factory=list)
    _features: dict[str, Any] = field(default_factory=dict)
    _rows: dict[str, list[Row]] = field(default_factory=dict)
    _plain: dict[tuple[str, int], Row] = field(default_factory=dict)
    _model: Any = None
    _tokenizer: Any = None
    _shape: Any = None

    def run(self) -> Bundle:
        """Return the bundle, fitted or found.

        Raises:
            CompilerFailed: The folder holds another training, a text is too long, or the loss is not a number.
            StorageFailed: The disk refuses; the last checkpoint is intact.
            BaseRefused: The base cannot be loaded.
        """
        if (self.folder / ABOUT).is_file():
            found = read_bundle(self.folder)
            refuse_other_run(self.folder, found.model_dump(mode="json"), self._identity())
            return found
        self._prepare()
        parameters = beginning(self._shape, self.options, self.seed)
        parameters = {name: value.to(self._model.device).requires_grad_() for name, value in parameters.items()}
        kept = self._fitted(parameters)
        bundle = Bundle.model_validate(
            {
                **self._identity(),
                "base": self.base.name,
                "learned": [skill.text.hash for skill in self.corpus.train],
                "held_out": [skill.text.hash for skill in self.corpus.held_out],
                "none": self._likelihood(told=False),
                "context": self._likelihood(told=True),
                "curve": self.curve,
                "cost": Cost(cpu_s=round(self.spent_s, 1), steps=self.step, device=str(self._model.device)),
            }
        )
        bundle = write_bundle(self.folder, bundle, kept)
        (self.folder / checkpoint.FILE).unlink(missing_ok=True)
        return bundle

    def _identity(self) -> dict[str, Any]:
        """Return what a training is known by: with other ones it would come to other weights."""
        options = self.options.model_dump(mode="json")
        return {"base_hash": self.base.hash, "options": options, "seed": self.seed, "corpus": self.corpus.hash}

    def _prepare(self) -> None:
        self._model, self._tokenizer = self.base.loaded()
        self._shape = Shape.of(self._model, self.options)
        for skill in (*self.corpus.train, *self.corpus.held_out):
            text_ids(self._tokenizer, skill.text, self.options)  # refuses one that is too long before anything is learned
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageFailed(f"cannot make {self.folder}: {error.strerror or error}; name another folder") from error

    def _fitted(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters that were best on what is held out."""
        import torch

        optimizer = torch.optim.AdamW(list(parameters.values()), lr=self.options.lr, betas=BETAS, weight_decay=self.options.decay)
        kept = self._resumed(parameters, optimizer)
        while self.step < self.options.steps:
            begun = time.process_time()
            loss = self._learn(parameters, optimizer)
            self.step += 1
            self._tell("fitting", loss=loss)
            if self.step % self.options.check_every == 0 or self.step == self.options.steps:
                kept = self._look(parameters, kept)
            self.spent_s += time.process_time() - begun
            if self.step % self.options.check_every == 0:
                self._save(parameters, optimizer, kept)
        return kept

    # ---- one step

    def _learn(self, parameters: dict[str, Any], optimizer: Any) -> float:
        import torch

        # A generator of its own for every step, so that a resumed training draws what it would have drawn.
        drawn = self._drawn(np.random.default_rng([self.seed, self.step]))
        own, all_of = self.options.rows, self.options.rows + self.options.negatives
        with mounted(self._model, self._adapters(parameters, [one.texts for one in drawn])):
            kl, _ = divergence(self._model, [one for skill in drawn for one in skill.rows])
        losses = kl.view(len(drawn), all_of)
        loss = losses[:, :own].mean() + (losses[:, own:].mean() if self.options.negatives else 0.0)
        if not bool(torch.isfinite(loss)):
            raise CompilerFailed(
                f"the loss is {float(loss.detach())} after {self.step} steps; lower `lr`, now {self.options.lr:g}. The last "
                f"checkpoint in {self.folder} is intact"
            )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(parameters.values()), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = self.options.lr * self._pace()
        optimizer.step()
        self._losses.append(float(loss.detach()))
        return self._losses[-1]

    def _pace(self) -> float:
        """Return the share of the learning rate at this step: a straight rise, then a cosine to nothing."""
        if self.step < self.options.warmup:
            return (self.step + 1) / self.options.warmup
        rest = max(1, self.options.steps - self.options.warmup)
        return 0.5 * (1 + math.cos(math.pi * (self.step - self.options.warmup) / rest))

    @property
    def _simple(self) -> bool:
        return self.step < self.options.simple * self.options.steps

    def _drawn(self, draw: np.random.Generator) -> list[Drawn]:
        train = self.corpus.train
        chosen = draw.permutation(len(train))[: self.options.skills]
        return [self._one(train[i], draw) for i in chosen]

    def _one(self, skill: CorpusSkill, draw: np.random.Generator) -> Drawn:
        others = [other for other in self.corpus.train if other is not skill]
        texts: tuple[SkillText, ...] = (skill.text,)
        if draw.random() < self.options.sections and not self._simple:
            texts = sections(skill.text)
            if draw.random() < 0.5:
                beside = others.pop(int(draw.integers(len(others))))
                texts = tuple(dict.fromkeys((*texts, *sections(beside.text))))
        rows = [self._own(skill, whole=texts == (skill.text,), draw=draw) for _ in range(self.options.rows)]
        for _ in range(self.options.negatives):
            foreign = others[int(draw.integers(len(others)))] if others else skill
            rows.append(self._unchanged(foreign, int(draw.integers(len(self._answered(foreign))))))
        return Drawn(texts, tuple(rows))

    def _own(self, skill: CorpusSkill, *, whole: bool, draw: np.random.Generator) -> Row:
        """Return a row of a skill: a verified answer, or its text, which only the adapter of the whole text can know."""
        if draw.random() < self.options.recall and whole and not self._simple:
            recalled = text_ids(self._tokenizer, skill.text, self.options)[: self.options.recall_tokens]
            return sure(row(self._tokenizer, RECALL, recalled), self._top)
        answers = self._answered(skill)
        return answers[int(draw.integers(len(answers)))]

    def _answered(self, skill: CorpusSkill) -> list[Row]:
        """Return the verified answers of a skill; a conversation that only grows is one row."""
        if skill.text.hash not in self._rows:
            rows = [answered(self._tokenizer, example) for example in skill.examples]
            self._rows[skill.text.hash] = [sure(one, self._top) for one in joined(rows, rows)[0]]
        return self._rows[skill.text.hash]

    @property
    def _top(self) -> int:
        return min(TOP, int(self._model.config.vocab_size))

    def _unchanged(self, skill: CorpusSkill, number: int) -> Row:
        """Return a row of a skill with what the base says to it without any adapter."""
        key = (skill.text.hash, number)
        if key not in self._plain:
            one = self._answered(skill)[number]
            (self._plain[key],) = taught(self._model, [one], [one])
        return self._plain[key]

    def _adapters(self, parameters: dict[str, Any], groups: Sequence[Sequence[SkillText]]) -> dict[str, tuple[Any, Any]]:
        """Return the adapters of groups of texts; each distinct text is read once."""
        texts = {text.hash: text for group in groups for text in group}
        number = {text: i for i, text in enumerate(texts)}
        factors = generated(parameters, [self._read(text) for text in texts.values()], self._shape, self.options)
        return gathered(factors, [[number[text.hash] for text in group] for group in groups])

    def _read(self, text: SkillText) -> Any:
        if text.hash not in self._features:
            if len(self._features) >= KEPT:
                self._features.pop(next(iter(self._features)))
            ids = text_ids(self._tokenizer, text, self.options)
            self._features[text.hash] = features(self._model, ids, self.options.taps).to(self._model.dtype)
        return self._features[text.hash].float()

    # ---- looking at what is held out

    def _look(self, parameters: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
        """Measure, and return the parameters that are best so far."""
        loss = float(np.mean(self._losses)) if self._losses else None
        point = Point(step=self.step, right=self._measured(parameters, 0), wrong=self._measured(parameters, 1), loss=loss)
        self._losses.clear()
        self.curve.append(point)
        self._tell("held_out_skills", right=point.right, wrong=point.wrong)
        if point.right >= self.best:
            return kept
        self.best = point.right
        return {name: value.detach().clone() for name, value in parameters.items()}

    def _measured(self, parameters: dict[str, Any], shift: int) -> float:
        """Return the nats a token of held-out skills' answers, with the adapter of the text that is `shift` places further."""
        import torch

        looked_at = self.corpus.held_out[:SKILLS_LOOKED_AT]
        total, tokens = 0.0, 0
        for i, skill in enumerate(looked_at):
            rows = self._answered(skill)[:ROWS_LOOKED_AT]
            text = looked_at[(i + shift) % len(looked_at)].text
            with torch.no_grad(), mounted(self._model, self._adapters(parameters, [[text]])):
                _, means = divergence(self._model, rows)
            sizes = [len(one.places) for one in rows]
            total, tokens = total + float(np.dot(means.tolist(), sizes)), tokens + sum(sizes)
        return total / tokens

    def _likelihood(self, *, told: bool) -> float:
        """Return the nats a token of held-out skills' answers without an adapter."""
        total, tokens = 0.0, 0
        for skill in self.corpus.held_out[:SKILLS_LOOKED_AT]:
            plain, shown = ([answered(self._tokenizer, example, told=way) for example in skill.examples] for way in (False, told))
            for one in joined(plain, shown)[1][:ROWS_LOOKED_AT]:
                total, tokens = total + nll(self._model, [one]) * len(one.places), tokens + len(one.places)
        return total / tokens

    def _tell(self, event: str, **figures: float) -> None:
        if self.progress is not None:
            self.progress(event, step=self.step, of=self.options.steps, **figures)

    # ---- checkpoints

    def _save(self, parameters: dict[str, Any], optimizer: Any, kept: dict[str, Any]) -> None:
        tensors = {f"now.{name}": value for name, value in parameters.items()} | {f"kept.{name}": kept[name] for name in kept}
        state = {
            **self._identity(),
            "step": self.step,
            "best": self.best,
            "spent_s": self.spent_s,
            "curve": [point.model_dump(mode="json") for point in self.curve],
        }
        checkpoint.save(self.folder / checkpoint.FILE, tensors | checkpoint.optimizer_tensors(optimizer), state)

    def _resumed(self, parameters: dict[str, Any], optimizer: Any) -> dict[str, Any]:
        """Go on from the last checkpoint, or begin; return the parameters that were best."""
        import torch

        saved = checkpoint.load(self.folder / checkpoint.FILE, str(self._model.device))
        if saved is None:
            return self._look(parameters, {})
        tensors, state = saved
        refuse_other_run(self.folder, state, self._identity())
        self.step, self.best, self.spent_s = state["step"], state["best"], state["spent_s"]
        self.curve = [Point.model_validate(point) for point in state["curve"]]
        with torch.no_grad():
            for name, value in parameters.items():
                value.copy_(tensors[f"now.{name}"])
        checkpoint.restore_optimizer(optimizer, tensors)
        return {name: tensors[f"kept.{name}"] for name in parameters}


def sections(text: SkillText) -> tuple[SkillText, ...]:
    """Return each section of a text as a text of its own, as component merging compiles them."""
    return tuple(SkillText(name=section.kind, sections=(section,)) for section in text.sections)
