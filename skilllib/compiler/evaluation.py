"""What an adapter is worth, on tasks that it did not learn from: five arms, locality, and the α that suits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from skilllib.compiler import lora
from skilllib.compiler.rows import answered, divergence, joined, nll, taught
from skilllib.compiler.text import informed
from skilllib.models.hooks import mounted, tensors
from skilllib.models.local import LocalModel
from skilllib.protocols import LanguageModel
from skilllib.records.adapter import Arm, Evaluation, Example, LoraWeights, Score
from skilllib.records.model import Reply, Request

Play: TypeAlias = Callable[[LanguageModel], bool]
"""One task: plays it through with a model and returns whether it was solved."""
GRID = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)


@dataclass(frozen=True)
class Informed:
    """A model that is told a skill's text with every request; satisfies `protocols.LanguageModel`."""

    inner: LanguageModel
    text: str

    @property
    def name(self) -> str:
        """The model's name."""
        return self.inner.name

    def complete(self, request: Request) -> Reply:
        """Return the reply to the request with the text in it."""
        return self.inner.complete(request.model_copy(update={"messages": informed(request.messages, self.text)}))


@dataclass(frozen=True, kw_only=True)
class Held:
    """What is held out: examples for likelihoods, tasks for success."""

    text: str
    """The skill's text."""
    own: Sequence[Example]
    negatives: Sequence[Example] = ()
    tasks: Sequence[Play] = ()
    """Held-out tasks of the skill; by default an example is solved by its verified answer, word for word."""
    others: Sequence[tuple[str, Play]] = ()
    """Tasks of other skills, each with the text of its skill."""

    def plays(self) -> Sequence[Play]:
        """Return the tasks."""
        return self.tasks or [_says(example) for example in self.own if example.answer is not None]

    def foreign(self) -> Sequence[tuple[str, Play]]:
        """Return other skills' tasks; by default their examples, which carry their text in their informed prompts."""
        return self.others or [("", _says(example, told=True)) for example in self.negatives if example.answer is not None]


def evaluated(
    local: LocalModel,
    weights: LoraWeights,
    held: Held,
    wrong: LoraWeights | None = None,
    others: Sequence[LoraWeights] = (),
) -> Evaluation:
    """Return how a model does with nothing, with the text, with the adapter, and with adapter and text.

    Args:
        local: The model.
        weights: The adapter.
        held: What is held out.
        wrong: Another skill's adapter, to be tried in its place.
        others: Other skills' adapters, to be mounted beside it.
    """
    arms: dict[Arm, tuple[LoraWeights | None, bool]] = {
        "none": (None, False),
        "context": (None, True),
        "adapter": (weights, False),
        "adapter+context": (weights, True),
    }
    if wrong is not None:
        arms["wrong"] = (wrong, False)
    if others:
        arms["together"] = (lora.cat([weights, *others]), False)
    return Evaluation(
        arms={arm: scored(local, mount, held, told=told) for arm, (mount, told) in arms.items()},
        locality=locality(local, weights, held.negatives),
        disturbed=disturbed(local, weights, held.foreign()),
    )


def scored(local: LocalModel, weights: LoraWeights | None, held: Held, *, told: bool) -> Score:
    """Return success and likelihood with an adapter or without, with the text in context or without."""
    model: LanguageModel = Informed(local, held.text) if told else local
    with local.mounted(weights):
        plays = held.plays()
        solved = [play(model) for play in plays]
        return Score(success=_share(solved), n=len(solved), nll=likelihood(local, held.own, told=told))


def likelihood(local: LocalModel, examples: Sequence[Example], *, told: bool = False) -> float | None:
    """Return the mean negative log-likelihood of a token of verified answers, with what is mounted; None without answers."""
    model, tokenizer = local.base.loaded()
    rows = [answered(tokenizer, example, told=told) for example in examples if example.answer is not None]
    return nll(model, joined(rows, rows)[0]) if rows else None


def locality(local: LocalModel, weights: LoraWeights, negatives: Sequence[Example]) -> float | None:
    """Return the mean KL per token on other skills' prompts from the plain model to the one with the adapter."""
    import torch

    model, tokenizer = local.base.loaded()
    rows = [answered(tokenizer, example) for example in negatives if example.answer is not None]
    rows, _ = joined(rows, rows)
    if not rows:
        return None
    with local.mounted(None):
        plain = taught(model, rows, rows)
    total = 0.0
    with torch.no_grad(), local.mounted(None), mounted(model, tensors(weights, str(model.device)), weights.alpha):
        for one in plain:
            total += float(divergence(model, [one])[0])
    return total / len(plain)


def disturbed(local: LocalModel, weights: LoraWeights, others: Sequence[tuple[str, Play]]) -> float | None:
    """Return which share of other skills' tasks is solved with its text in context, and no more once the adapter is mounted."""
    lost, solved = 0, 0
    for text, play in others:
        model: LanguageModel = Informed(local, text) if text else local
        with local.mounted(None):
            before = play(model)
        if before:
            solved += 1
            with local.mounted(weights):
                lost += not play(model)
    return lost / solved if solved else (0.0 if others else None)


def tuned(
    local: LocalModel, weights: LoraWeights, held: Held, grid: Sequence[float] = GRID
) -> tuple[LoraWeights, Mapping[str, float]]:
    """Return weights with the α that is best on what is held out, and the objective's whole curve.

    The objective is the negative log-likelihood of verified answers plus the KL on other skills' prompts, so that an α which
    drowns everything else is not the best.
    """
    curve: dict[str, float] = {}
    for alpha in grid:
        candidate = weights.scaled(alpha * weights.alpha)
        with local.mounted(candidate):
            own = likelihood(local, held.own)
        if own is None:
            return weights, {}
        curve[f"{candidate.alpha:g}"] = own + (locality(local, candidate, held.negatives) or 0.0)
    best = min(curve, key=lambda alpha: curve[alpha])
    return weights.scaled(float(best)), curve


def _says(example: Example, *, told: bool = False) -> Play:
    wanted = " ".join((example.answer or "").split())

    def play(model: LanguageModel) -> bool:
        prompt = example.informed if told else example.prompt
        reply = model.complete(Request(purpose="act", messages=prompt, max_tokens=len(wanted) // 2 + 8))
        return " ".join(reply.text.split()) == wanted

    return play


def _share(solved: Sequence[bool]) -> float:
    return sum(solved) / len(solved) if solved else 0.0
