"""`skilllib evaluate`: how well do the skills of a library do in worlds nobody has seen?"""

from __future__ import annotations

import functools
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, EnvironmentOption, Jobs, LibraryPath

if TYPE_CHECKING:
    from skilllib.records.report import Report


class PlayerName(StrEnum):
    """Who plays."""

    library = "library"
    random = "random"


def evaluate(  # noqa: PLR0913 - typer reads the options from the signature
    env: Annotated[str, typer.Argument(metavar="ENV", help="The environment; see `skilllib environments`.")],
    library: LibraryPath = DEFAULT_LIBRARY,
    player: Annotated[
        PlayerName, typer.Option(help="Who plays: the library as it is, or random primitive calls.")
    ] = PlayerName.library,
    episodes: Annotated[int, typer.Option("--episodes", "-n", min=1, help="Fresh worlds, one life in each.")] = 20,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="The worlds follow from it.")] = 0,
    max_steps: Annotated[int, typer.Option(min=1, help="World steps of one life at most.")] = 10_000,
    jobs: Jobs = 1,
    option: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Let a frozen library live one life in each of many fresh worlds; nothing is learned and nothing is written.

    The worlds are never those in which skills were written or proved.
    """
    from skilllib import build
    from skilllib import evaluate as evaluation
    from skilllib.cli.opening import reading
    from skilllib.cli.options import json_pairs
    from skilllib.cli.output import emit, stderr
    from skilllib.records.execution import Limits

    world = functools.partial(build.make_world, env, json_pairs(option, "the environment option"))
    plays: evaluation.Player = evaluation.CallsPlayer(calls=None, loop=False, max_steps=max_steps)
    if player is PlayerName.library:
        with reading(library) as opened:
            frozen = evaluation.FrozenLibrary.of(opened)
        plays = evaluation.LibraryPlayer(library=frozen, limits=Limits(), max_steps=max_steps)
    with stderr().status(f"{episodes} lives in {env}"):
        report = evaluation.evaluate(
            plays, name=player.value, world=world, sandbox=build.make_sandbox, episodes=episodes, seed=seed, processes=jobs
        )
    if as_json:
        emit(report.model_dump(mode="json"))
    else:
        _print(report)


def _print(report: Report) -> None:
    from skilllib.cli.output import stdout, table

    console = stdout()
    rows = table("milestone", "reached in", right=("reached in",))
    for name, rate in sorted(report.rates.items(), key=lambda item: -item[1]):
        rows.add_row(name, f"{rate:.0%}")
    console.print(rows)
    low, high = report.interval
    console.print(f"score {report.score:.1f} (95 % interval over worlds {low:.1f} to {high:.1f})", style="bold")
    console.print(
        f"{report.player} in {report.episodes} worlds of {report.environment}: "
        f"{report.mean_reached:.1f} of {len(report.rates)} milestones and {report.mean_steps:,.0f} steps in one life, on average",
        style="dim",
    )
