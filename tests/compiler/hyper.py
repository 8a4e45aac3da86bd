"""A hypernetwork small enough to be fitted in a second, on a corpus of a few household skills."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from environments.household.language import language, rehearsed
from skilllib.compiler.dataset import Rehearsal, examples
from skilllib.compiler.hypernet_bundle import Bundle
from skilllib.compiler.hypernet_corpus import Corpus, CorpusSkill, grouped
from skilllib.compiler.hypernet_options import options_of
from skilllib.compiler.hypernet_training import Fitting
from skilllib.models.base import TransformersBase
from skilllib.protocols import Base, Recorder
from skilllib.testing.tiny import tiny_base

SHORT: dict[str, Any] = {
    "steps": 6,
    "check_every": 2,
    "warmup": 2,
    "width": 16,
    "rank": 2,
    "layers": 1.0,
    "skills": 3,
    "sections": 0.5,
    "recall": 0.3,
    "recall_tokens": 16,
}


def corpus(n: int = 8) -> list[CorpusSkill]:
    found = []
    for skill in language(training=n, held_out=0).training:
        episodes = [rehearsed(skill, thing, seed=i) for i, thing in enumerate(("cup", "key"))]
        played = [Rehearsal(test=i, seed=i, solved=one.solved, exchanges=one.exchanges) for i, one in enumerate(episodes)]
        found += grouped(examples(skill.text, played))
    return found


def base(folder: Path, seed: int = 0) -> TransformersBase:
    told = [message.content for skill in corpus() for example in skill.examples for message in example.informed]
    answers = [example.answer or "" for skill in corpus() for example in skill.examples]
    return TransformersBase(tiny_base(folder, [*told, *answers], seed=seed, width=16, layers=1), dtype="float32", device="cpu")


def fitting(of: Base, folder: Path, *, seed: int = 0, progress: Recorder | None = None, **options: Any) -> Fitting:
    chosen = options_of({**SHORT, **options})
    return Fitting(of, Corpus.split(corpus(), chosen.held_out, seed), chosen, seed, folder, progress)


def fitted(of: Base, folder: Path, **given: Any) -> Bundle:
    return fitting(of, folder, **given).run()
