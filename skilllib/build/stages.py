"""Which stages an agent is made of: those that search without a language model, and those of the presets with one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skilllib.agent.links import PinnedLinks
from skilllib.agent.selection import Selection
from skilllib.config import LearnOptions
from skilllib.critic import FeedbackCritic
from skilllib.curriculum.frontier import FrontierCurriculum
from skilllib.curriculum.random import RandomCurriculum
from skilllib.gate.evidence import EvidenceGate, TrustingGate
from skilllib.library import SkillLibrary
from skilllib.memory import Memory
from skilllib.protocols import (
    Critic,
    Curriculum,
    Describer,
    Embedder,
    Gate,
    Links,
    Prover,
    Recorder,
    Sandbox,
    SkillSource,
    Verifier,
    Writer,
)
from skilllib.records.skill import Effect, Skill, Statistics, Status
from skilllib.records.world import EnvironmentSpec, Observation
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.evidence import SequentialTest
from skilllib.verifier.proof import NoReExecution, ReExecution
from skilllib.workers import Workers
from skilllib.writer.search import SearchWriter

ROUNDS = 8
"""Rounds for one task without a language model."""
LIBRARYLESS = ("react", "no-library")
"""Presets that use no library."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What every stage may build on."""

    options: LearnOptions
    spec: EnvironmentSpec
    library: SkillLibrary
    memory: Memory
    embedder: Embedder
    sandbox: Sandbox
    workers: Workers
    observe: Callable[[], Observation]
    recorder: Recorder

    @property
    def skills(self) -> SkillSource:
        """What writers and curricula see of the library."""
        return self.library if self.uses_library else NoSkills()

    @property
    def uses_library(self) -> bool:
        """Whether programs may call learned skills."""
        return self.options.use_library and self.options.preset not in LIBRARYLESS


@dataclass(frozen=True, kw_only=True)
class Stages:
    """The stages of one agent, and the few numbers that go with them."""

    curriculum: Curriculum
    writer: Writer
    verifier: Verifier
    prover: Prover
    gate: Gate
    critic: Critic
    links: Links
    describer: Describer | None = None
    selection: Selection | None = None
    provable: frozenset[str] = frozenset({"check"})
    writer_name: str = "search"
    attempts_per_task: int = ROUNDS
    skills_per_task: int = 5


class NoSkills:
    """A library nobody may use: the ablation in which every program starts from primitives."""

    def skills(self, status: Status | None = None) -> Sequence[Skill]:
        """Return nothing."""
        return ()

    def effects(self, code_hash: str) -> Sequence[Effect]:
        """Return nothing."""
        return ()

    def statistics(self, code_hash: str) -> Statistics:
        """Return zeros."""
        return Statistics()


def searching(ground: Ground) -> Stages:
    """Return the stages that need no language model."""
    options = ground.options
    return Stages(
        curriculum=frontier(ground),
        writer=SearchWriter(
            ground.spec, embedder=ground.embedder, memory=ground.memory, skills=ground.skills, inline=not ground.uses_library
        ),
        verifier=CheckVerifier(),
        prover=prover(ground),
        gate=EvidenceGate() if options.re_execute else TrustingGate(),
        critic=FeedbackCritic(),
        links=PinnedLinks(ground.library),
        attempts_per_task=options.attempts_per_task or ROUNDS,
    )


def frontier(ground: Ground) -> FrontierCurriculum | RandomCurriculum:
    """Return the curriculum that needs no language model."""
    if ground.options.curriculum == "random":
        return RandomCurriculum(ground.spec, memory=ground.memory, skills=ground.skills, seed=ground.options.seed)
    return FrontierCurriculum(ground.spec, memory=ground.memory, skills=ground.skills)


def prover(ground: Ground) -> Prover:
    """Return what proves programs on fresh worlds, unless that is left out."""
    if not ground.options.re_execute:
        return NoReExecution(verifier=CheckVerifier())
    test = SequentialTest(threshold=ground.options.threshold)
    return ReExecution(
        workers=ground.workers, verifier=CheckVerifier(), test=test, limits=ground.options.limits, skills=ground.library
    )
