"""The stages that ask a language model, by preset."""

from __future__ import annotations

from contextlib import ExitStack

from skilllib.agent.links import PinnedLinks
from skilllib.agent.selection import Selection
from skilllib.build.stages import Ground, Stages, prover
from skilllib.critic import FeedbackCritic
from skilllib.curriculum.frontier import FrontierCurriculum
from skilllib.curriculum.honing import Honing
from skilllib.curriculum.model import ModelCurriculum
from skilllib.curriculum.questions import Questions
from skilllib.curriculum.view import primitive_lines
from skilllib.gate.evidence import EvidenceGate, TrustingGate
from skilllib.models.assembly import Models
from skilllib.prompts import load
from skilllib.prompts.role import Role
from skilllib.verifier.check import CheckVerifier
from skilllib.writer.model import ModelWriter, WriterOptions
from skilllib.writer.routing import RoutingWriter

ROUNDS = 4
"""Rounds for one task where a model writes programs, as in Voyager."""
CALLS = 30
"""Rounds for one task where each is a single call of a primitive."""


def modelled(ground: Ground, models: Models, stack: ExitStack) -> Stages:
    """Return the stages of a preset, or of the default loop.

    Args:
        ground: What they build on.
        models: Who is asked.
        stack: Closes what has to be closed.
    """
    options = ground.options
    writer = _writer(ground, models)
    stack.callback(writer.close)
    return Stages(
        curriculum=_curriculum(ground, models),
        writer=RoutingWriter(ground.spec, memory=ground.memory, skills=ground.skills, then=writer)
        if options.use_library
        else writer,
        verifier=CheckVerifier(),
        prover=prover(ground),
        gate=EvidenceGate() if options.re_execute else TrustingGate(),
        critic=FeedbackCritic(),
        links=PinnedLinks(ground.library),
        selection=_selection(ground),
        writer_name=models.write.name,
        attempts_per_task=ROUNDS,
        skills_per_task=5 if options.use_library else 0,
    )


def _writer(ground: Ground, models: Models) -> ModelWriter:
    return ModelWriter(
        ground.spec,
        model=models.write,
        skills=ground.skills,
        prompt=load("write", ground.options.prompts),
        options=_writer_options(ground),
        observe=ground.observe,
        recorder=ground.recorder,
    )


def _writer_options(ground: Ground) -> WriterOptions:
    options = ground.options
    return WriterOptions(
        temperature=options.temperature,
        candidates=options.candidates,
        prompt_tokens=options.prompt_tokens,
        reply_tokens=options.reply_tokens,
    )


def _curriculum(ground: Ground, models: Models) -> ModelCurriculum:
    options, spec = ground.options, ground.spec
    frontier = FrontierCurriculum(spec, memory=ground.memory, skills=ground.skills)
    return ModelCurriculum(
        spec=spec,
        role=Role(model=models.curriculum, purpose="propose", folder=options.prompts),
        frontier=frontier,
        skills=ground.skills,
        memory=ground.memory,
        embedder=ground.embedder,
        honing=Honing(spec, ground.skills, share=options.honing if options.use_library else 0.0),
        questions=Questions(
            role=Role(model=models.curriculum, purpose="answer", folder=options.prompts),
            when=options.context,
            known=primitive_lines(spec.primitives),
        ),
        recorder=ground.recorder,
        prompt_tokens=options.prompt_tokens,
    )


def _selection(ground: Ground) -> Selection:
    return Selection(sandbox=ground.sandbox, verifier=CheckVerifier(), limits=ground.options.limits, workers=ground.workers)
