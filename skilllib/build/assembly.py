"""Assembles an agent for a run, and brings a resumed one to where it was left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from skilllib.agent import Agent, Progress, attempt_fields
from skilllib.build.adapting import local_model
from skilllib.build.modelled import modelled
from skilllib.build.parts import make_embedder, make_workers, make_world
from skilllib.build.stages import Ground, Stages, searching
from skilllib.config import LearnOptions
from skilllib.errors import RunError
from skilllib.library import SkillLibrary
from skilllib.library.admission import Policy
from skilllib.life import Life
from skilllib.memory import Memory
from skilllib.models.account import Account, Requests
from skilllib.models.assembly import Models, opened
from skilllib.prompts import own
from skilllib.protocols import Embedder, Environment, EnvironmentFactory, LanguageModel, Recorder, Resumable
from skilllib.records.base import Json, content_hash
from skilllib.records.execution import Trace
from skilllib.records.model import ModelCall, Request
from skilllib.records.world import EnvironmentSpec
from skilllib.sandbox import MontySandbox

_BOUNDS = {"max_attempts", "max_steps", "max_seconds", "budget", "timeout_s"}
SHAPELESS = frozenset({"library", "vectors", "run", "jobs", "tape", "replay", "compile_for", *_BOUNDS})
"""Options that bound a run or say where things are, and shape no behaviour; they may change when it is resumed."""


@dataclass(frozen=True, kw_only=True)
class Learner:
    """An assembled agent with what a door needs besides."""

    agent: Agent
    library: SkillLibrary
    environment: Environment
    unfinished: Trace | None
    earlier: list[dict[str, Json]]
    """What an event log should say of the attempts that a resumed run had made."""
    models: Models | None = None
    """Who is asked, where somebody is."""


@contextmanager
def learner(
    options: LearnOptions,
    *,
    recorder: Recorder,
    run: str,
    embedder: Embedder | None = None,
    world: EnvironmentFactory | None = None,
    model: Callable[[str], LanguageModel] | None = None,
    new: bool = False,
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
        model: Makes a language model from its name, in place of litellm.
        new: The run has to be one that the library does not know.

    Raises:
        LibraryLocked: Another process writes to the library, and for minutes.
        RunError: The library knows the run under other options, or knows it although it is new.
        OtherPolicy: The library admits skills by another law than the options' preset.
        ModelError: A model or its tape cannot be used.
    """
    given = options.environment_options
    with ExitStack() as stack:
        environment = stack.enter_context(_closing(make_world(options.environment, given) if world is None else world(**given)))
        vectors = embedder or make_embedder(options.embedder)
        policy: Policy = "opinion" if options.preset == "voyager" else "evidence"
        library = SkillLibrary.open(options.library, create=True, embedder=vectors, vectors=options.vectors, policy=policy)
        stack.enter_context(library)
        guard = stack.enter_context(closing(library.guard()))
        life, account = Life(environment, seed=options.seed), Account(watch=_told(recorder), ahead=_foretold(recorder))
        ground = Ground(
            options=options,
            spec=environment.spec,
            library=library,
            memory=Memory(),
            embedder=vectors,
            sandbox=stack.enter_context(MontySandbox(guard=guard)),
            workers=stack.enter_context(make_workers(options.environment, given, jobs=options.jobs, world=world, guard=guard)),
            observe=life.wake,
            recorder=recorder,
        )
        models = opened_models(stack, options, account, model)
        stages = searching(ground) if models is None else modelled(ground, models, stack)
        agent = _agent(ground, stages, life=life, account=account, run=run)
        unfinished, earlier = _resumed(agent, options, new=new)
        stack.callback(_keep_lost, library, run, account)
        yield Learner(agent=agent, library=library, environment=environment, unfinished=unfinished, earlier=earlier, models=models)


def opened_models(
    stack: ExitStack, options: LearnOptions, account: Account, model: Callable[[str], LanguageModel] | None
) -> Models | None:
    """Open the models that the options name, or return None where there is none.

    Raises:
        PromptError: A prompt of the user's own cannot be used.
        ModelError: A model or its tape cannot be used.
    """
    if options.model is None:
        return None
    if options.prompts is not None:
        own(options.prompts)  # before anything is paid for
    names = {
        "write": options.model,
        "critic": options.critic_model,
        "curriculum": options.curriculum_model,
        "describe": options.describe_model,
    }
    models = opened(
        names,  # type: ignore[arg-type]  # the keys are roles
        account=account,
        budget=options.budget,
        tape=options.tape,
        replay=options.replay,
        make=model,
        timeout_s=options.timeout_s,
        local=local_model,
    )
    return stack.enter_context(models)


def _agent(ground: Ground, stages: Stages, *, life: Life, account: Account, run: str) -> Agent:
    options = ground.options
    chosen = {field.name: getattr(stages, field.name) for field in fields(stages)}
    return Agent(
        life=life,
        sandbox=ground.sandbox,
        library=ground.library,
        memory=ground.memory,
        progress=Progress(spec=ground.spec, account=account),
        recorder=ground.recorder,
        run=run,
        seed=options.seed,
        limits=options.limits,
        profile=_profile(options, ground.spec, ground.embedder, stages.writer_name),
        max_attempts=options.max_attempts,
        max_steps=options.max_steps,
        max_seconds=options.max_seconds,
        **chosen,
    )


def _told(recorder: Recorder) -> Callable[[ModelCall], None]:
    def told(call: ModelCall) -> None:
        recorder("model_call", **call.model_dump(mode="json"))

    return told


def _foretold(recorder: Recorder) -> Callable[[Request], None]:
    def foretold(request: Request) -> None:
        recorder("asking", purpose=request.purpose, model=request.model, tokens=request.tokens)

    return foretold


def _profile(options: LearnOptions, spec: EnvironmentSpec, embedder: Embedder, writer: str) -> str:
    return content_hash([_shaping(options), spec.model_dump(mode="json"), embedder.fingerprint, writer])


def _shaping(options: LearnOptions) -> Json:
    shaping = options.model_dump(mode="json", exclude=set(SHAPELESS))
    if options.prompts is not None:  # what they say, wherever they are
        shaping["prompts"] = {name: prompt.hash for name, prompt in own(options.prompts).items()}
    return shaping


def _resumed(agent: Agent, options: LearnOptions, *, new: bool) -> tuple[Trace | None, list[dict[str, Json]]]:
    """Bring an agent to where its run was left, and return the trace that may be unfinished and the attempts as events."""
    library, run = agent.library, agent.run
    shaping = _shaping(options)
    if new or run not in library.runs():
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
        agent.progress.account.restore(trace.model_calls)
        for attempt in trace.attempts:
            agent.progress.account.restore(attempt.model_calls)
            reached = agent.progress.add(trace.task, attempt)
            earlier.append(attempt_fields(trace.task, attempt, reached, agent.progress.environment_steps))
        if i < len(mine) - 1:
            agent.curriculum.record(trace)
    notes = library.notes(run)
    if isinstance(agent.curriculum, Resumable) and "curriculum" in notes:
        agent.curriculum.restore(notes["curriculum"])
    agent.progress.account.lost = Requests(*notes.get("lost", ()))
    episode = int(notes.get("episode", -1))
    agent.life.resume((attempt for trace in mine for attempt in trace.attempts), episode=episode)
    return (mine[-1] if mine else None), earlier


def _keep_lost(library: SkillLibrary, run: str, account: Account) -> None:
    """Keep what models were asked without an answer: it stands in no trace, and a resumed run has spent it all the same."""
    if account.lost.calls:
        with library.transaction():
            library.note(run, "lost", [account.lost.calls, account.lost.seconds])


@contextmanager
def _closing(environment: Environment) -> Iterator[Environment]:
    try:
        yield environment
    finally:
        environment.close()


def run_name(folder: str | Path) -> str:
    """Return the name under which a library knows the run of a folder."""
    return Path(folder).resolve().name
