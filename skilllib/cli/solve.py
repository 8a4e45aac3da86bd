"""`skilllib solve`: use a library on a task it never saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli import flags
from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, EmbedderName, EnvironmentOption, LibraryPath

if TYPE_CHECKING:
    from skilllib.agent.solving import Solution


def solve(  # noqa: PLR0913 - typer reads the options from the signature
    env: Annotated[str, typer.Argument(metavar="ENV", help="The environment; see `skilllib environments`.")],
    task: Annotated[str, typer.Argument(metavar="TASK", help="What is to be done, in words.")],
    library: LibraryPath = DEFAULT_LIBRARY,
    check: Annotated[str | None, typer.Option(help="Decides whether it is done, such as 'after.inventory.rope >= 2'.")] = None,
    learn: Annotated[bool, typer.Option("--learn", help="Keep new skills that prove themselves on fresh worlds.")] = False,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="The world follows from it.")] = 0,
    max_steps: Annotated[int | None, typer.Option(min=0, help="World steps after which it ends.")] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Processes for the proofs of --learn (default: 2).")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Divides the task and writes what is missing; by litellm's name.")
    ] = None,
    critic_model: flags.CriticModel = None,
    curriculum_model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Divides the task (default: --model).", rich_help_panel=flags.MODEL)
    ] = None,
    prompt_tokens: flags.PromptTokens = None,
    prompts: flags.Prompts = None,
    timeout: flags.Timeout = None,
    max_calls: flags.MaxCalls = None,
    max_tokens: flags.MaxTokens = None,
    max_usd: flags.MaxUsd = None,
    max_model_seconds: flags.MaxModelSeconds = None,
    tape: Annotated[Path | None, typer.Option(help="Where requests and replies are recorded.", rich_help_panel=flags.TAPE)] = None,
    replay: flags.Replay = False,
    option: EnvironmentOption = None,
    embedder: EmbedderName = None,
    vectors: flags.Vectors = None,
    as_json: AsJson = False,
) -> None:
    """Solve a new task with the skills of a library: run them, adapt them, chain them.

    With a model a task that they do not reach at once is divided into sub-goals, and code is written for those without a
    skill. Nothing is learned unless --learn. Exit code 1: it was not solved.
    """
    from skilllib.cli.output import emit, stdout
    from skilllib.cli.solving import solution

    given = flags.given({name: value for name, value in locals().items() if name not in ("task", "check", "learn", "as_json")})
    found = solution(given, task, check, learn=learn)
    if as_json:
        emit(found.model_dump(mode="json"))
    else:
        _print(found, stdout())
    if not found.solved:
        raise typer.Exit(1)


def _print(found: Solution, console: object) -> None:
    from rich.console import Console
    from rich.text import Text

    from skilllib.cli.output import table

    assert isinstance(console, Console)  # noqa: S101 - rich is imported late
    styles = {"reached": "green", "held": "dim", "failed": "red", "refused": "yellow"}
    if found.sub_goals:
        rows = table(
            "sub-goal", "outcome", "route", "skills", "attempts", "calls", "steps", "why", right=("attempts", "calls", "steps")
        )
        for one in found.sub_goals:
            numbers = (str(one.attempts), str(one.model_calls), f"{one.world_steps:,}")
            outcome = Text(one.outcome, style=styles[one.outcome])
            rows.add_row(one.goal, outcome, one.route or "", ", ".join(one.skills), *numbers, Text(one.reason, style="dim"))
        console.print(rows)
        console.print()
    head = {"success": Text("solved", style="bold green"), "failure": Text("not solved", style="bold red")}
    console.print(
        head.get(found.ended, Text("not solved, out of budget", style="bold yellow")).append(f": {found.reason}", style="")
    )
    spent = (
        f"{found.world_steps:,} world steps, {found.model_calls} model calls, {found.tokens:,} tokens, {found.usd:.4f} US dollars"
    )
    console.print(Text(f"{spent}; world of seed {found.seed}", style="dim"))
    if found.learned:
        console.print(f"learned: {', '.join(found.learned)}")
