"""Assembles a solver: hands that only read a library, or those of an agent that learns, and perhaps a model that divides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

from skilllib.agent.apprentice import Apprentice
from skilllib.agent.byname import NamedLinks
from skilllib.agent.decomposing import Decomposer
from skilllib.agent.matching import Match
from skilllib.agent.solving import Hands, Solver
from skilllib.agent.zeroshot import NoWriter, ZeroShot
from skilllib.build.assembly import learner, opened_models
from skilllib.build.modelled import modelled
from skilllib.build.parts import make_embedder, make_workers, make_world
from skilllib.build.stages import Ground, searching
from skilllib.config import LearnOptions
from skilllib.library import SkillLibrary
from skilllib.life import Life
from skilllib.memory import Memory
from skilllib.models.account import Account
from skilllib.models.assembly import Models
from skilllib.prompts.role import Role
from skilllib.protocols import Embedder, EnvironmentFactory, LanguageModel, Recorder
from skilllib.records.base import Json
from skilllib.records.world import EnvironmentSpec
from skilllib.sandbox import MontySandbox
from skilllib.writer.routing import RoutingWriter


def silent(event: str, **fields: Json) -> None:
    """A recorder that takes no note."""


@contextmanager
def solver(
    options: LearnOptions,
    *,
    learn: str | None = None,
    recorder: Recorder = silent,
    embedder: Embedder | None = None,
    world: EnvironmentFactory | None = None,
    model: Callable[[str], LanguageModel] | None = None,
) -> Iterator[Solver]:
    """Assemble a solver for one task and take it apart afterwards.

    Args:
        options: Environment, library, seed, models and bounds; what belongs to a curriculum is not used.
        learn: Name of the run under which the library keeps what proves itself; None opens it for reading only.
        recorder: Is told every event of an agent that learns.
        embedder: Used instead of the one the options name.
        world: Makes the environment, for one that is not registered.
        model: Makes a language model from its name, in place of litellm.

    Raises:
        LibraryNotFound: There is no library to read.
        OtherPolicy: It is to learn, and goes by another law than evidence.
        ModelError: A model or its tape cannot be used.
    """
    if learn is None:
        with _reading(options, embedder, world, model) as made:
            yield made
        return
    with learner(options, recorder=recorder, run=learn, embedder=embedder, world=world, model=model) as taught:
        agent, spec = taught.agent, taught.environment.spec
        known = RoutingWriter(spec, memory=agent.memory, skills=taught.library, then=NoWriter())
        hands = Apprentice(agent=agent, known=known, writer=agent.writer)
        yield _solver(options, agent.life, hands, taught.library, agent.memory, taught.models, agent.progress.account)


@contextmanager
def _reading(
    options: LearnOptions,
    embedder: Embedder | None,
    world: EnvironmentFactory | None,
    model: Callable[[str], LanguageModel] | None,
) -> Iterator[Solver]:
    given = options.environment_options
    with ExitStack() as stack:
        environment = stack.enter_context(closing(make_world(options.environment, given) if world is None else world(**given)))
        vectors = embedder or make_embedder(options.embedder)
        library = stack.enter_context(SkillLibrary.open(options.library, embedder=vectors, vectors=options.vectors))
        guard = stack.enter_context(closing(library.guard()))
        life, account, memory = Life(environment, seed=options.seed, purpose="solve"), Account(), remembered(library)
        ground = Ground(
            options=options,
            spec=environment.spec,
            library=library,
            memory=memory,
            embedder=vectors,
            sandbox=stack.enter_context(MontySandbox(guard=guard)),
            workers=stack.enter_context(make_workers(options.environment, given, jobs=1, world=world, guard=guard)),
            observe=life.wake,
            recorder=silent,
        )
        models = opened_models(stack, options, account, model)
        stages = searching(ground) if models is None else modelled(ground, models, stack)
        known = RoutingWriter(environment.spec, memory=memory, skills=library, then=NoWriter())
        hands = ZeroShot(
            life=life,
            known=known,
            writer=known if models is None else stages.writer,
            sandbox=ground.sandbox,
            verifier=stages.verifier,
            critic=stages.critic,
            links=NamedLinks(library) if library.policy == "opinion" else stages.links,
            retriever=library,
            memory=memory,
            limits=options.limits,
            account=account,
            attempts_per_task=stages.attempts_per_task,
            skills_per_task=stages.skills_per_task,
            max_steps=options.max_steps,
        )
        yield _solver(options, life, hands, library, memory, models, account)


def remembered(library: SkillLibrary) -> Memory:
    """Return what all traces of a library showed about single calls."""
    memory = Memory()
    for _, trace in library.traces():
        for attempt in trace.attempts:
            memory.record(attempt.experience.calls)
    return memory


def _solver(
    options: LearnOptions,
    life: Life,
    hands: Hands,
    library: SkillLibrary,
    memory: Memory,
    models: Models | None,
    account: Account,
) -> Solver:
    spec: EnvironmentSpec = life.environment.spec
    decomposer = None
    if models is not None:
        role = Role(
            model=models.curriculum,
            purpose="decompose",
            folder=options.prompts,
            max_tokens=options.reply_tokens,
            prompt_tokens=options.prompt_tokens,
        )
        decomposer = Decomposer(spec=spec, role=role, memory=memory)
    return Solver(life=life, hands=hands, retriever=library, match=Match(spec.name), decomposer=decomposer, account=account)
