"""Assemble an agent by hand and let it learn in a toy world: every part is a seam you can replace."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from skilllib import HashingEmbedder, SkillLibrary
from skilllib.agent import Agent, Progress
from skilllib.critic import FeedbackCritic
from skilllib.curriculum.frontier import FrontierCurriculum
from skilllib.gate.evidence import EvidenceGate
from skilllib.life import Life
from skilllib.memory import Memory
from skilllib.records.execution import Limits
from skilllib.sandbox import MontySandbox
from skilllib.testing import make_bakery
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.evidence import SequentialTest
from skilllib.verifier.proof import ReExecution
from skilllib.workers import Workers
from skilllib.writer.search import SearchWriter


def tell(event: str, **fields: Any) -> None:
    """Print attempts that solved their task."""
    if event == "attempt" and fields["solved"]:
        print(f"attempt {fields['number']:2}: {fields['program']} ({fields['route']}), {fields['reason']}")


def learn(folder: Path, *, attempts: int = 25) -> None:
    """Learn in the bakery and keep what proves itself in a library."""
    world, embedder, memory, limits = make_bakery(), HashingEmbedder(), Memory(), Limits()
    with (
        SkillLibrary.open(folder, create=True, embedder=embedder, index="exact") as library,
        library.writing("learn bakery"),
        Workers(world=make_bakery, sandbox=MontySandbox) as workers,
        MontySandbox() as sandbox,
    ):
        library.begin_run("first", {})
        Agent(
            life=Life(world, seed=0),
            curriculum=FrontierCurriculum(world.spec, memory=memory, skills=library),
            writer=SearchWriter(world.spec, embedder=embedder, memory=memory, skills=library),
            sandbox=sandbox,
            verifier=CheckVerifier(),
            prover=ReExecution(workers=workers, verifier=CheckVerifier(), test=SequentialTest(), limits=limits),
            gate=EvidenceGate(),
            critic=FeedbackCritic(),
            library=library,
            memory=memory,
            progress=Progress(spec=world.spec),
            recorder=tell,
            run="first",
            seed=0,
            limits=limits,
            max_attempts=attempts,
        ).learn()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        learn(Path(folder) / "library")
