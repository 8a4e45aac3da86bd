"""`skilllib learn`: let an agent learn in an environment."""

from __future__ import annotations

from typing import Annotated

import typer

from skilllib.cli import flags
from skilllib.cli.options import AsJson, EnvironmentOption


def learn(  # noqa: PLR0913 - typer reads the options from the signature
    env: Annotated[str | None, typer.Argument(metavar="ENV", help="The environment; see `skilllib environments`.")] = None,
    library: flags.Library = None,
    vectors: flags.Vectors = None,
    option: EnvironmentOption = None,
    quiet: flags.Quiet = False,
    as_json: AsJson = False,
    run: flags.Run = None,
    seed: flags.Seed = None,
    max_attempts: flags.MaxAttempts = None,
    max_steps: flags.MaxSteps = None,
    max_seconds: flags.MaxSeconds = None,
    resume: flags.Resume = False,
    config: flags.Config = None,
    jobs: flags.Jobs = None,
    threshold: flags.Threshold = None,
    curriculum: flags.Curriculum = None,
    embedder: flags.Embedder = None,
    model: flags.Model = None,
    critic_model: flags.CriticModel = None,
    curriculum_model: flags.CurriculumModel = None,
    describe_model: flags.DescribeModel = None,
    candidates: flags.Candidates = None,
    honing: flags.Honing = None,
    context: flags.Context = None,
    temperature: flags.Temperature = None,
    prompt_tokens: flags.PromptTokens = None,
    reply_tokens: flags.ReplyTokens = None,
    timeout: flags.Timeout = None,
    prompts: flags.Prompts = None,
    show_prompts: flags.ShowPrompts = False,
    max_calls: flags.MaxCalls = None,
    max_tokens: flags.MaxTokens = None,
    max_usd: flags.MaxUsd = None,
    max_model_seconds: flags.MaxModelSeconds = None,
    tape: flags.Tape = None,
    replay: flags.Replay = False,
    preset: flags.Preset = None,
    no_library: flags.NoLibrary = False,
    compile_for: flags.CompileFor = None,
    no_re_execution: flags.NoReExecution = False,
) -> None:
    """Let an agent learn skills in an environment, and keep what proves itself.

    Without --model it searches for programs by itself. A second run on the same library goes on from the skills that are
    there. Ctrl-C ends cleanly (exit code 130).
    """
    given = flags.given(locals())
    from skilllib.cli import learning, starting

    start = starting.resumed(given, run, config) if resume else starting.begun(given, run, config)
    if not learning.carry_out(start, quiet=quiet, as_json=as_json, show_prompts=show_prompts):
        raise typer.Exit(130)
