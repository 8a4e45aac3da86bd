"""The only place that chooses classes: options in, an assembled agent out."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from skilllib.agent import Agent, Progress, attempt_fields
from skilllib.config import LearnOptions
from skilllib.critic import FeedbackCritic
from skilllib.curriculum.frontier import FrontierCurriculum
from skilllib.curriculum.random import RandomCurriculum
from skilllib.embedders.hashing import HashingEmbedder
from skilllib.embedders.minilm import MiniLMEmbedder
from skilllib.errors import RunError
from skilllib.gate.evidence import EvidenceGate, TrustingGate
from skilllib.library import SkillLibrary
from skilllib.life import Life
from skilllib.memory import Memory
from skilllib.protocols import Curriculum, Embedder, Environment, EnvironmentFactory, Prover, Recorder, Sandbox, SkillSource
from skilllib.records.base import Json, content_hash
from skilllib.records.execution import Trace
from skilllib.records.skill import Effect, Skill, Statistics, Status
from skilllib.records.world import EnvironmentSpec
from skilllib.registry import make_environment
from skilllib.sandbox import MontySandbox
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.evidence import SequentialTest
from skilllib.verifier.proof import NoReExecution, ReExecution
from skilllib.workers import Workers
from skilllib.writer.search import SearchWriter


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


@dataclass(frozen=True, kw_only=True)
class Learner:
    """An assembled agent with what a door needs besides."""

    agent: Agent
    library: SkillLibrary
    environment: Environment
    unfinished: Trace | None
    earlier: list[dict[str, Json]]
    """What an event log should say of the attempts that a resumed run had made."""


def make_world(name: str, options: dict[str, object]) -> Environment:
    """Make an environment; a function of its own so that worker processes can be told to call it."""
    return make_environment(name, **options)


def make_sandbox() -> Sandbox:
    """Make a sandbox; likewise."""
    return MontySandbox()


def make_workers(environment: str, options: dict[str, object], *, jobs: int, world: EnvironmentFactory | None = None) -> Workers:
    """Return workers that run programs on fresh worlds of an environment, or of one made by a factory."""
    made = functools.partial(make_world, environment, options) if world is None else functools.partial(world, **options)
    return Workers(world=made, sandbox=make_sandbox, processes=jobs)


@contextmanager
def learner(
    options: LearnOptions,
    *,
    recorder: Recorder,
    run: str,
    embedder: Embedder | None = None,
    world: EnvironmentFactory | None = None,
) -> Iterator[Learner]:
    """Assemble an agent for a run and take it apart afterwards.

    A run that the library knows already is resumed: what was learned of it is read back from the library's traces, and
    the world is brought to where the last attempt left it.

    Args:
        options: The run's options.
        recorder: Is told every event.
        run: Name of the run.
        embedder: Used instead of the one the options name.
        world: Makes the environment, for one that is not registered; picklable by name when `options.jobs` > 1.

    Raises:
        LibraryLocked: Another process is writing to the library.
        RunError: The library knows the run under other options.
    """
    with ExitStack() as stack:
        given = options.environment_options
        made = make_world(options.environment, given) if world is None else world(**given)
        environment = stack.enter_context(_closing(made))
        vectors = embedder or MiniLMEmbedder(options.embedder)
        library = stack.enter_context(SkillLibrary.open(options.library, create=True, embedder=vectors))
        stack.enter_context(library.writing(f"learn {options.environment} (run {run})"))
        workers = stack.enter_context(make_workers(options.environment, given, jobs=options.jobs, world=world))
        sandbox = stack.enter_context(MontySandbox())
        memory = Memory()
        source: SkillSource = library if options.use_library else NoSkills()
        progress = Progress(spec=environment.spec)
        agent = Agent(
            life=Life(environment, seed=options.seed),
            curriculum=_curriculum(options, environment.spec, memory, source),
            writer=SearchWriter(environment.spec, embedder=vectors, memory=memory, skills=source, inline=not options.use_library),
            sandbox=sandbox,
            verifier=CheckVerifier(),
            prover=_prover(options, workers),
            gate=EvidenceGate() if options.re_execute else TrustingGate(),
            critic=FeedbackCritic(),
            library=library,
            memory=memory,
            progress=progress,
            recorder=recorder,
            run=run,
            seed=options.seed,
            limits=options.limits,
            profile=_profile(options, environment.spec, vectors),
            attempts_per_task=options.attempts_per_task,
            max_attempts=options.max_attempts,
            max_steps=options.max_steps,
            max_seconds=options.max_seconds,
        )
        unfinished, earlier = _resumed(agent, options)
        yield Learner(agent=agent, library=library, environment=environment, unfinished=unfinished, earlier=earlier)


def _curriculum(options: LearnOptions, spec: EnvironmentSpec, memory: Memory, skills: SkillSource) -> Curriculum:
    if options.curriculum == "random":
        return RandomCurriculum(spec, memory=memory, skills=skills, seed=options.seed)
    return FrontierCurriculum(spec, memory=memory, skills=skills)


def _prover(options: LearnOptions, workers: Workers) -> Prover:
    if not options.re_execute:
        return NoReExecution(verifier=CheckVerifier())
    test = SequentialTest(threshold=options.threshold)
    return ReExecution(workers=workers, verifier=CheckVerifier(), test=test, limits=options.limits)


def _profile(options: LearnOptions, spec: EnvironmentSpec, embedder: Embedder) -> str:
    shaping = options.model_dump(mode="json", exclude={"library", "run", "jobs", "max_attempts", "max_steps", "max_seconds"})
    return content_hash([shaping, spec.model_dump(mode="json"), embedder.fingerprint, "search"])


def _resumed(agent: Agent, options: LearnOptions) -> tuple[Trace | None, list[dict[str, Json]]]:
    """Bring an agent to where its run was left, and return the trace that may be unfinished and the attempts as events."""
    library, run = agent.library, agent.run
    shaping = options.model_dump(mode="json", exclude={"library", "run", "jobs", "max_attempts", "max_steps", "max_seconds"})
    if run not in library.runs():
        library.begin_run(run, shaping)
    elif library.run_options(run) != shaping:
        raise RunError(
            f"run {run!r} was begun with other options: {library.run_options(run)}; resume it with those, or begin a new run"
        )
    mine: list[Trace] = []
    for trace_id, trace in library.traces():
        for attempt in trace.attempts:
            agent.memory.record(attempt.experience.calls)
        if trace_id.rpartition("/")[0] == run:
            mine.append(trace)
    earlier: list[dict[str, Json]] = []
    for i, trace in enumerate(mine):
        agent.progress.proposed()
        for attempt in trace.attempts:
            reached = agent.progress.add(trace.task, attempt)
            earlier.append(attempt_fields(trace.task, attempt, reached, agent.progress.environment_steps))
        if i < len(mine) - 1:
            agent.curriculum.record(trace)
    episode = int(library.notes(run).get("episode", -1))
    agent.life.resume((attempt for trace in mine for attempt in trace.attempts), episode=episode)
    return (mine[-1] if mine else None), earlier


@contextmanager
def _closing(environment: Environment) -> Iterator[Environment]:
    try:
        yield environment
    finally:
        environment.close()


def run_name(folder: str | Path) -> str:
    """Return the name under which a library knows the run of a folder."""
    return Path(folder).resolve().name


def make_embedder(name: str | None) -> Embedder:
    """Return an embedder by name.

    Args:
        name: `hashing` for the one that needs no weights and knows letters, not meaning; else a sentence-transformers model
            or its folder; None for the packaged MiniLM weights.
    """
    return HashingEmbedder() if name == "hashing" else MiniLMEmbedder(name)
