"""The household's language as compilers need it, and a small model that follows its texts in context."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from environments.household.language import HouseholdSkill, Language, episodes, labelled, prompt, rehearsed, solved
from environments.household.rules import THINGS
from skilllib.compiler.dataset import Rehearsal, examples
from skilllib.compiler.rows import joined, logits, row
from skilllib.compiler.text import informed
from skilllib.models.base import TransformersBase
from skilllib.models.local import LocalModel, answer_ids
from skilllib.protocols import Base, LanguageModel, Recorder
from skilllib.records.adapter import CompileRequest, Example, SkillText
from skilllib.records.base import content_hash
from skilllib.records.model import Message, Request
from skilllib.testing.taught import Lesson, taught_base

ANSWER_TOKENS = 12


def rehearsals(skill: HouseholdSkill, *, seed: int = 0) -> list[Rehearsal]:
    """Execute a skill with each thing."""
    return [
        Rehearsal(test=i, seed=one.seed, solved=one.solved, exchanges=one.exchanges)
        for i, one in enumerate(episodes(skill, seed=seed))
    ]


def data(skill: HouseholdSkill, others: Sequence[HouseholdSkill], *, seed: int = 0, negatives: int = 64) -> tuple[Example, ...]:
    """Return what a skill is compiled from, with other skills' prompts as negatives."""
    foreign = {other.name: (other.text, rehearsals(other, seed=seed)) for other in others}
    return examples(skill.text, rehearsals(skill, seed=seed), foreign, seed=seed, negatives=negatives)


def request(
    skill: HouseholdSkill, others: Sequence[HouseholdSkill], base: Base, *, seed: int = 0, negatives: int = 64
) -> CompileRequest:
    """Return a request to compile a skill."""
    return CompileRequest(
        text=skill.text,
        code_hash=content_hash(list(skill.steps)),
        base=base.name,
        base_hash=base.hash,
        examples=data(skill, others, seed=seed, negatives=negatives),
        others=tuple(other.text for other in others),
        seed=seed,
    )


def held_out_things(asked: CompileRequest) -> list[str]:
    """Return the things with which nothing was learned."""
    return [THINGS[i] for i in sorted({one.source.test or 0 for one in asked.rows("own", "held_out")})]


def plays(skill: HouseholdSkill, things: Iterable[str]) -> list[Callable[[LanguageModel], bool]]:
    """Return tasks of a skill, to be played with a model."""
    return [partial(_play, skill, thing) for thing in things]


def _play(skill: HouseholdSkill, thing: str, model: LanguageModel) -> bool:
    def answer(messages: tuple[Message, ...]) -> str:
        return model.complete(Request(purpose="act", messages=messages, max_tokens=ANSWER_TOKENS)).text

    return solved(skill, thing, answer)


def greedy(local: LocalModel, skill: HouseholdSkill, thing: str, *, told: bool = False) -> bool:
    """Return whether each token of a procedure's verified answers is the one that the model would choose.

    Then it answers so when it plays, and brings about what the check asks for; all answers cost one pass over the conversation.
    """
    model, tokenizer = local.base.loaded()
    exchanges = rehearsed(skill, thing).exchanges
    rows = [
        row(tokenizer, informed(messages, skill.text.text) if told else messages, answer_ids(tokenizer, answer))
        for messages, answer in exchanges
    ]
    import torch

    with torch.inference_mode():
        found = [logits(model, [one]) for one in joined(rows, rows)[0]]
    return all(bool((scores.argmax(-1) == wanted).all()) for scores, wanted, _ in found)


def small_base(
    folder: Path, of: Language, *, seed: int = 0, steps: int = 1500, progress: Recorder | None = None
) -> TransformersBase:
    """Return a model of 125,000 parameters that follows texts of the language, taught in about 95 CPU-seconds.

    It was told no name's true meaning and no held-out procedure: it learns from training procedures under names that are drawn
    anew each time, so that reading the text is all that helps.
    """
    names = [skill.name for skill in (*of.training, *of.held_out)]
    return TransformersBase(
        taught_base(folder, lessons(of, names, seed=seed), spoken=words(of), seed=seed, steps=steps, progress=progress),
        dtype="float32",
        device="cpu",
    )


def lessons(of: Language, names: Sequence[str], *, seed: int = 0, n: int = 8000, untold: float = 0.1) -> list[Lesson]:
    """Return whole episodes whose system message tells the text of a skill; a few that tell nothing.

    Args:
        of: Its training skills' procedures are shown.
        names: Names that they are given at random.
        seed: Decides everything.
        n: How many.
        untold: Share of those that tell nothing.
    """
    draw = random.Random(seed)
    found: list[Lesson] = []
    for _ in range(n):
        skill, thing = replace(draw.choice(of.training), name=draw.choice(names)), draw.choice(THINGS)
        *done, last = (labelled(i, step) for i, step in enumerate(skill.steps, 1))
        asked = prompt(skill.name, thing, done)
        found.append((asked if draw.random() < untold else informed(asked, skill.text.text), last))
    return found


def words(of: Language) -> list[str]:
    """Return all that is ever said, so that no word is unknown."""
    texts = [skill.text for skill in (*of.training, *of.held_out)]
    merged = SkillText(name="all", sections=tuple(dict.fromkeys(section for text in texts for section in text.sections)))
    return [message.content for message in informed(prompt("a b", "cup", ["take it"] * 12), merged.text)]
