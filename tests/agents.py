"""Agents assembled by hand, on the toy world."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skilllib.agent import Agent, Progress
from skilllib.critic import FeedbackCritic
from skilllib.curriculum.frontier import FrontierCurriculum
from skilllib.gate.evidence import EvidenceGate
from skilllib.library import SkillLibrary
from skilllib.life import Life
from skilllib.memory import Memory
from skilllib.protocols import Embedder, Recorder
from skilllib.records.execution import Limits
from skilllib.sandbox import MontySandbox
from skilllib.testing import HashingEmbedder, make_bakery
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.evidence import SequentialTest
from skilllib.verifier.proof import ReExecution
from skilllib.workers import Workers
from skilllib.writer.search import SearchWriter


def silent(event: str, **fields: Any) -> None:
    """A recorder that takes no note."""


@contextmanager
def bakery_agent(
    folder: Path, *, seed: int = 0, recorder: Recorder = silent, embedder: Embedder | None = None, **numbers: Any
) -> Iterator[Agent]:
    """Assemble an agent that searches for skills in the bakery, or in what `make` makes; `numbers` are the agent's own."""
    vectors, limits, memory = embedder or HashingEmbedder(), Limits(), Memory()
    world = functools.partial(numbers.pop("make", make_bakery), **numbers.pop("world", {}))
    environment = world()
    with (
        SkillLibrary.open(folder, create=True, embedder=vectors, index="exact") as library,
        library.writing("a test"),
        Workers(world=world, sandbox=MontySandbox) as workers,
        MontySandbox() as sandbox,
    ):
        library.begin_run("run", {})
        yield Agent(
            life=Life(environment, seed=seed),
            curriculum=numbers.pop("curriculum", None) or FrontierCurriculum(environment.spec, memory=memory, skills=library),
            writer=numbers.pop("writer", None) or SearchWriter(environment.spec, embedder=vectors, memory=memory, skills=library),
            sandbox=sandbox,
            verifier=CheckVerifier(),
            prover=ReExecution(workers=workers, verifier=CheckVerifier(), test=SequentialTest(), limits=limits),
            gate=EvidenceGate(),
            critic=FeedbackCritic(),
            library=library,
            memory=memory,
            progress=Progress(spec=environment.spec),
            recorder=recorder,
            run="run",
            seed=seed,
            limits=limits,
            **numbers,
        )
