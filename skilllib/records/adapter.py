"""Adapters: what is compiled, from what, and the weights that come of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

from skilllib.records.base import Json, Record, content_hash
from skilllib.records.model import Message

Matrix = npt.NDArray[np.float32]
Mode = Literal["cat", "svd", "component", "text", "direct"]
"""How adapters are merged."""
Arm = Literal["none", "context", "adapter", "wrong", "adapter+context", "together", "unsettled"]
"""What a model is given: nothing, the skill's text, its adapter, another skill's, adapter and text; its adapter among those that it
was settled with, and as it was before that."""


class _Hashed(Record):
    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))


class Section(_Hashed):
    """One part of a skill's text."""

    kind: Literal["general", "procedure", "pitfalls"] = "general"
    body: str

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what it says: equal for a section that several skills share."""
        return content_hash([self.kind, self.body])


class SkillText(_Hashed):
    """A skill in words, in sections."""

    name: str
    sections: tuple[Section, ...]

    @cached_property
    def text(self) -> str:
        """The whole text, as a model reads it in context."""
        return "\n\n".join(f"## {section.kind}\n{section.body}" for section in self.sections)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the text."""
        return content_hash(self.text)


class Source(Record):
    """Where an example comes from: verified data only."""

    test: int | None = None
    """Number of the kept test, from 0, whose execution it shows."""
    seed: int | None = None
    step: int | None = None
    """Which answer of that execution it is, from 0."""
    trace: str | None = None
    """Id or hash of what was recorded."""


class Example(Record):
    """One prompt that a model sees when it runs, with and without the skill's text, and what it should answer."""

    skill: str
    """Name of the skill whose prompt it is."""
    prompt: tuple[Message, ...]
    informed: tuple[Message, ...] = ()
    """The same prompt with the text of its own skill in context."""
    answer: str | None = None
    """A verified answer; None where there is none and a teacher has to give its own."""
    kind: Literal["own", "negative"] = "own"
    """`negative`: another skill's prompt, on which the adapter should change nothing."""
    split: Literal["train", "held_out"] = "train"
    source: Source = Source()


class CompileRequest(Record):
    """What a compiler is given."""

    text: SkillText
    code_hash: str = ""
    """Hash of the skill's version; empty for a text without code."""
    base: str
    """The base model, as the user names it."""
    base_hash: str
    examples: tuple[Example, ...] = ()
    others: tuple[SkillText, ...] = ()
    """Texts of the skills that the negatives come from."""
    seed: int = 0

    @property
    def skill(self) -> str:
        """The skill's name."""
        return self.text.name

    def rows(self, kind: Literal["own", "negative"], split: Literal["train", "held_out"]) -> tuple[Example, ...]:
        """Return the examples of a kind and a split."""
        return tuple(example for example in self.examples if example.kind == kind and example.split == split)

    @property
    def data_hash(self) -> str:
        """SHA-256 of the examples; empty where there are none."""
        return content_hash([example.model_dump(mode="json") for example in self.examples]) if self.examples else ""


class AdapterKey(Record):
    """What an adapter is stored under: everything that shapes its weights."""

    text: str
    """Hash of the skill's text, or of one section."""
    base: str
    """Hash of the base model."""
    backend: str
    configuration: str
    """Hash of the backend's configuration and of the examples."""
    seed: int = 0

    @property
    def hash(self) -> str:
        """SHA-256 of the key."""
        return content_hash(self.model_dump(mode="json"))


class Cost(Record):
    """What compiling took."""

    cpu_s: float = 0.0
    seconds: float = 0.0
    peak_bytes: int = 0
    """Most memory that the process held."""
    bytes: int = 0
    """Size of the weights on disk."""
    steps: int = 0
    device: str = "cpu"


class Score(Record):
    """How a model did with one arm on held-out tasks."""

    success: float = Field(ge=0, le=1)
    n: int
    """Tasks."""
    nll: float | None = None
    """Mean negative log-likelihood of a token of the verified answers, in nats."""


class Evaluation(Record):
    """What was measured of an adapter on held-out tasks."""

    arms: dict[Arm, Score] = {}
    alphas: dict[str, float] = {}
    """α → what the grid's objective came to; the least is the best."""
    locality: float | None = None
    """Mean KL in nats per token, on other skills' prompts, from the model without to the model with the adapter."""
    disturbed: float | None = None
    """Share of other skills' tasks, their text in context, that succeed without the adapter and no more with it."""


class Manifest(Record):
    """What stands beside an adapter's weights."""

    format: Literal[1] = 1
    skill: str
    key: AdapterKey
    text_hash: str
    """Hash of the text that was compiled."""
    code_hash: str = ""
    """Hash of the skill's version; another version needs another adapter."""
    base: str
    rank: int
    alpha: float
    """Multiplies ΔW, once."""
    targets: tuple[str, ...]
    adapter_hash: str
    """SHA-256 of the weights' file."""
    text: SkillText | None = None
    """The text itself, so that adapters can be merged by their sections without a library."""
    configuration: dict[str, Json] = {}
    cost: Cost = Cost()
    evaluation: Evaluation | None = None
    accepted: bool | None = None
    """What the gate said; None for an adapter that it was not asked about."""
    reason: str = ""
    mode: Mode | None = None
    """How it was merged; None for an adapter of one skill."""
    parents: tuple[str, ...] = ()
    """Adapter hashes of what was merged; of a settled one that which it was, and then those with which it lives."""
    created_at: str = ""

    @property
    def settled(self) -> bool:
        """Whether it learned to live with others."""
        return self.mode is None and bool(self.parents)


@dataclass(frozen=True, slots=True)
class Pair:
    """The two factors of one module's change: ΔW = α · b @ a."""

    a: Matrix
    """(rank, in)."""
    b: Matrix
    """(out, rank)."""

    @property
    def rank(self) -> int:
        """The number of columns of b, which is that of the rows of a."""
        return int(self.a.shape[0])


@dataclass(frozen=True, slots=True)
class LoraWeights:
    """What an adapter adds to a base model."""

    pairs: Mapping[str, Pair]
    """Path of a linear module in the base, such as `model.layers.0.self_attn.q_proj` → its factors."""
    alpha: float = 1.0
    """Multiplies every ΔW, once."""
    details: Mapping[str, Json] = field(default_factory=dict, compare=False)
    """What a backend measured while it made them, such as its curve."""

    @property
    def rank(self) -> int:
        """The largest rank of a module."""
        return max((pair.rank for pair in self.pairs.values()), default=0)

    @property
    def targets(self) -> tuple[str, ...]:
        """The last names of the modules, such as `q_proj`, sorted."""
        return tuple(sorted({module.rpartition(".")[2] for module in self.pairs}))

    def scaled(self, alpha: float) -> LoraWeights:
        """Return the same weights with another α."""
        return replace(self, alpha=alpha)

    def __iter__(self) -> Iterator[str]:
        return iter(self.pairs)
