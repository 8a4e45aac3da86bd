"""What a hypernetwork is fitted on: many skills, each with its text and with prompts that were answered and verified."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from skilllib.compiler.dataset import read_dataset
from skilllib.compiler.format import DATASET
from skilllib.compiler.text import told_in
from skilllib.errors import CompilerFailed, InvalidRecord
from skilllib.records.adapter import Example, Section, SkillText
from skilllib.records.base import content_hash

FEWEST = 4
"""Skills of a corpus: two to learn from, two that are held out."""
_SECTION = re.compile(r"^## (general|procedure|pitfalls)\n", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class CorpusSkill:
    """One skill of a corpus."""

    text: SkillText
    examples: tuple[Example, ...]
    """Prompts of its own with verified answers."""


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Skills of a corpus: those that are learned from, and those that are held out."""

    train: tuple[CorpusSkill, ...]
    held_out: tuple[CorpusSkill, ...]
    hash: str

    @classmethod
    def split(cls, skills: Iterable[CorpusSkill], share: float, seed: int) -> Corpus:
        """Return a corpus with a share of its skills held out, chosen by their texts and the seed.

        Raises:
            CompilerFailed: There are too few skills with answers.
        """
        found = {skill.text.hash: skill for skill in skills if skill.examples}
        if len(found) < FEWEST:
            raise CompilerFailed(
                f"the corpus has {len(found)} skills with verified answers and different texts; a hypernetwork needs {FEWEST} at "
                "the very least, and hundreds to be good for a skill that it has never seen"
            )
        order = sorted(found, key=lambda text: content_hash([seed, text]))
        n = max(2, round(share * len(order)))
        data = [[skill.text.hash, [example.model_dump(mode="json") for example in skill.examples]] for skill in found.values()]
        return cls(
            train=tuple(found[text] for text in order[n:]),
            held_out=tuple(found[text] for text in order[:n]),
            hash=content_hash(sorted(data, key=str)),
        )


def read_corpus(path: Path) -> list[CorpusSkill]:
    """Return the skills of a dataset, or of all files `dataset.jsonl` in a folder and below, such as a cache of adapters.

    Raises:
        InvalidRecord: There is none, or one cannot be read.
    """
    files = sorted(path.rglob(DATASET)) if path.is_dir() else [path]
    if not files:
        raise InvalidRecord(f"{path} has no {DATASET} in it or below; give a library, a dataset, or a folder of datasets")
    return grouped([example for file in files for example in read_dataset(file)])


def grouped(examples: Sequence[Example]) -> list[CorpusSkill]:
    """Return examples by skill; a prompt that is a negative of another skill is one of its own skill here.

    Examples without an answer or without their skill's text in context teach nothing and are left out.
    """
    found: dict[tuple[str, str], dict[Example, None]] = {}
    for example in examples:
        text = told_in(example.informed)
        if text is not None and example.answer is not None:
            own = example.model_copy(update={"kind": "own", "split": "train"})
            found.setdefault((example.skill, text), {})[own] = None
    return [
        CorpusSkill(text=SkillText(name=name, sections=_sections(text)), examples=tuple(own)) for (name, text), own in found.items()
    ]


def _sections(text: str) -> tuple[Section, ...]:
    """Return the sections that `SkillText.text` put together; a text of another form is one section."""
    before, *pieces = _SECTION.split(text)
    if before or not pieces:
        return (Section(body=text),)
    bodies = [*(body.removesuffix("\n\n") for body in pieces[1:-1:2]), pieces[-1]]
    return tuple(Section(kind=kind, body=body) for kind, body in zip(pieces[::2], bodies, strict=True))  # type: ignore[arg-type]
