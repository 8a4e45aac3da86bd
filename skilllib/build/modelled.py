"""The stages that ask a language model, by preset."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from skilllib.agent.byname import NamedLinks
from skilllib.agent.links import PinnedLinks
from skilllib.agent.selection import Selection
from skilllib.build.adapting import adapted, adapters_named
from skilllib.build.stages import Ground, Stages, prover
from skilllib.critic import ModelCritic, VerdictCritic
from skilllib.curriculum.frontier import FrontierCurriculum
from skilllib.curriculum.honing import Honing
from skilllib.curriculum.model import ModelCurriculum
from skilllib.curriculum.questions import Questions
from skilllib.curriculum.repairing import RepairingCurriculum
from skilllib.curriculum.view import primitive_lines
from skilllib.curriculum.voyager import VoyagerCurriculum
from skilllib.describer import ModelDescriber
from skilllib.gate.evidence import EvidenceGate, TrustingGate
from skilllib.gate.opinion import OpinionGate
from skilllib.models.assembly import Models
from skilllib.models.routed import Routed
from skilllib.prompts import load
from skilllib.prompts.role import Role
from skilllib.protocols import LanguageModel, Writer
from skilllib.records.model import Purpose
from skilllib.verifier.belief import Belief
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.finalstate import ErrorsFail
from skilllib.verifier.opinion import OpinionVerifier
from skilllib.writer.affordances import Affordances
from skilllib.writer.mending import MENDS, MendingWriter
from skilllib.writer.model import ModelWriter, WriterOptions
from skilllib.writer.react import ReActWriter
from skilllib.writer.routing import RoutingWriter
from skilllib.writer.voyager import CodeDescriber

ROUNDS = 4
"""Rounds for one task where a model writes programs, as in Voyager."""
CALLS = 30
"""Rounds for one task where each is a single call of a primitive."""
FREE_ROUNDS = 6
"""Rounds beside those of the model: each of the routes that need none has two."""
RETRIEVED = 5
"""Skills that are offered to the model."""


def modelled(ground: Ground, models: Models, stack: ExitStack) -> Stages:
    """Return the stages of a preset, or of the default loop.

    Args:
        ground: What they build on.
        models: Who is asked.
        stack: Closes what has to be closed.
    """
    preset = ground.options.preset
    if preset == "voyager":
        return _voyager(ground, models, stack)
    if preset == "react":
        return _react(ground, models)
    rounds = ground.options.attempts_per_task or ROUNDS
    writer = MendingWriter(
        ground.spec,
        memory=ground.memory,
        skills=ground.skills,
        embedder=ground.embedder,
        then=_writer(ground, models, stack),
        rounds=rounds,
    )
    plain = replace(_without_library(ground, models, writer), attempts_per_task=rounds * (1 + MENDS) + FREE_ROUNDS)
    return _default(ground, models, plain) if ground.uses_library else plain


def _default(ground: Ground, models: Models, plain: Stages) -> Stages:
    """Return the loop with everything: routes before writing, proofs, repairs, descriptions that are checked."""
    spec = ground.spec
    curriculum = RepairingCurriculum(plain.curriculum, spec=spec, skills=ground.skills)
    writer = RoutingWriter(spec, memory=ground.memory, skills=ground.skills, then=plain.writer, mendable=curriculum.mendable)
    return replace(
        plain,
        curriculum=curriculum,
        writer=writer,
        describer=ModelDescriber(role=_role(ground, models.describe, "describe"), spec=spec),
        skills_per_task=RETRIEVED,
    )


def _without_library(ground: Ground, models: Models, writer: Writer) -> Stages:
    """Return the loop in which every program starts from primitives; what proves itself is kept, but never used."""
    return Stages(
        curriculum=_curriculum(ground, models),
        writer=writer,
        verifier=OpinionVerifier(verifier=CheckVerifier(), role=_role(ground, models.critic, "judge")),
        prover=prover(ground),
        gate=EvidenceGate() if ground.options.re_execute else TrustingGate(),
        critic=ModelCritic(role=_role(ground, models.critic, "advise"), known=primitive_lines(ground.spec.primitives)),
        links=PinnedLinks(ground.library),
        selection=Selection(sandbox=ground.sandbox, verifier=CheckVerifier(), limits=ground.options.limits, workers=ground.workers),
        writer_name=models.write.name,
        attempts_per_task=ground.options.attempts_per_task or ROUNDS,
        skills_per_task=0,
    )


def _react(ground: Ground, models: Models) -> Stages:
    """Return the loop in which a model acts step by step, and nothing is kept; with adapters, where its name says so."""
    options, routed = ground.options, Routed(models.write)
    writer: Writer = ReActWriter(
        ground.spec,
        model=routed,
        prompt=load("act", options.prompts),
        options=_writer_options(ground),
        observe=ground.observe,
        recorder=ground.recorder,
    )
    offered = 0
    if options.model is not None and adapters_named(options.model) is not None:
        writer, offered = adapted(writer, routed, ground.library, options.model), RETRIEVED
    attempts = options.attempts_per_task or CALLS
    plain = _without_library(ground, models, writer)
    return replace(plain, attempts_per_task=attempts, provable=frozenset(), skills_per_task=offered)


def _voyager(ground: Ground, models: Models, stack: ExitStack) -> Stages:
    """Return the baseline: a flat library, one opinion of the final state, nothing executed again, names overwritten."""
    spec, options = ground.spec, ground.options
    judge = OpinionVerifier(
        verifier=CheckVerifier(), role=_role(ground, models.critic, "judge"), always=True, final_state_only=True
    )
    return Stages(
        curriculum=VoyagerCurriculum(
            spec=spec,
            role=_role(ground, models.curriculum, "propose"),
            questions=_questions(ground, models),
            recorder=ground.recorder,
        ),
        writer=_writer(ground, models, stack),
        verifier=ErrorsFail(judge),
        prover=Belief(),
        gate=OpinionGate(),
        critic=VerdictCritic(),
        links=NamedLinks(ground.library),
        describer=CodeDescriber(_role(ground, models.describe, "describe")),
        provable=frozenset({"opinion"}),
        writer_name=f"voyager {models.write.name}",
        attempts_per_task=options.attempts_per_task or ROUNDS,
        skills_per_task=RETRIEVED,
    )


def _role(ground: Ground, model: LanguageModel, purpose: Purpose) -> Role:
    options = ground.options
    return Role(
        model=model,
        purpose=purpose,
        folder=options.prompts,
        max_tokens=options.reply_tokens,
        prompt_tokens=options.prompt_tokens,
    )


def _writer(ground: Ground, models: Models, stack: ExitStack) -> ModelWriter:
    affordances = Affordances(ground.spec, embedder=ground.embedder, memory=ground.memory)
    writer = ModelWriter(
        ground.spec,
        model=models.write,
        skills=ground.skills,
        prompt=load("write", ground.options.prompts),
        options=_writer_options(ground),
        observe=ground.observe,
        affordances=None if ground.options.preset == "voyager" else affordances,
        recorder=ground.recorder,
    )
    stack.callback(writer.close)
    return writer


def _writer_options(ground: Ground) -> WriterOptions:
    options = ground.options
    return WriterOptions(
        temperature=options.temperature,
        candidates=1 if options.preset == "voyager" else options.candidates,
        prompt_tokens=options.prompt_tokens,
        reply_tokens=options.reply_tokens,
        code="always" if options.preset == "voyager" else "budget",
        overwrites=options.preset == "voyager",
    )


def _curriculum(ground: Ground, models: Models) -> ModelCurriculum:
    options, spec = ground.options, ground.spec
    frontier = FrontierCurriculum(spec, memory=ground.memory, skills=ground.skills)
    return ModelCurriculum(
        spec=spec,
        role=_role(ground, models.curriculum, "propose"),
        frontier=frontier,
        skills=ground.skills,
        memory=ground.memory,
        embedder=ground.embedder,
        honing=Honing(spec, ground.skills, share=options.honing if ground.uses_library and options.preset is None else 0.0),
        questions=_questions(ground, models),
        recorder=ground.recorder,
    )


def _questions(ground: Ground, models: Models) -> Questions:
    questions = Questions(
        role=_role(ground, models.curriculum, "answer"),
        when="always" if ground.options.preset == "voyager" else ground.options.context,
        known=primitive_lines(ground.spec.primitives),
    )
    for _, trace in ground.library.traces():  # what earlier runs asked about this world is known
        if trace.task.environment == ground.spec.name:
            questions.note(trace)
    return questions
