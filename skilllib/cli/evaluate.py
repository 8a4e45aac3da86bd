"""`skilllib evaluate`: how well do the skills of a library do in worlds nobody has seen?"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, EnvironmentOption, Jobs, LibraryPath

if TYPE_CHECKING:
    from skilllib.evaluate import Player
    from skilllib.records.report import Report


class PlayerName(StrEnum):
    """Who plays."""

    library = "library"
    random = "random"
    calls = "calls"
    looped = "looped"
    all = "all"


def evaluate(  # noqa: PLR0913 - typer reads the options from the signature
    env: Annotated[str, typer.Argument(metavar="ENV", help="The environment; see `skilllib environments`.")],
    library: LibraryPath = DEFAULT_LIBRARY,
    player: Annotated[
        PlayerName,
        typer.Option(help="Who plays: the library as it is, random primitive calls, the list of --calls once or looped, or all."),
    ] = PlayerName.library,
    calls: Annotated[
        Path | None, typer.Option(help="A JSON file with a list of primitive calls, each a name and an object of arguments.")
    ] = None,
    episodes: Annotated[int, typer.Option("--episodes", "-n", min=1, help="Fresh worlds, one life in each.")] = 20,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="The worlds follow from it.")] = 0,
    max_steps: Annotated[int, typer.Option(min=1, help="World steps of one life at most.")] = 10_000,
    jobs: Jobs = 1,
    option: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Let a frozen library live one life in each of many fresh worlds; nothing is learned and nothing is written.

    The worlds are never those in which skills were written or proved, and the same for every player.
    """
    from skilllib import build
    from skilllib import evaluate as evaluation
    from skilllib.cli.options import json_pairs
    from skilllib.cli.output import emit, stderr

    world = functools.partial(build.make_world, env, json_pairs(option, "the environment option"))
    reports = []
    for name, plays in _players(player, library, calls, max_steps).items():
        with stderr().status(f"{name}: {episodes} lives in {env}"):
            reports.append(
                evaluation.evaluate(
                    plays, name=name, world=world, sandbox=build.make_sandbox, episodes=episodes, seed=seed, processes=jobs
                )
            )
    if as_json:
        dumps = [report.model_dump(mode="json") for report in reports]
        emit(dumps[0] if player is not PlayerName.all else {"reports": dumps})
    else:
        _print(reports)


def _players(player: PlayerName, library: str, calls: Path | None, max_steps: int) -> dict[str, Player]:
    """Return the players that were asked for, by name."""
    from skilllib import evaluate as evaluation
    from skilllib.cli.opening import reading
    from skilllib.errors import InvalidRecord
    from skilllib.records.execution import Limits

    wanted = [player] if player is not PlayerName.all else [one for one in PlayerName if one is not PlayerName.all]
    if calls is None:
        if player in (PlayerName.calls, PlayerName.looped):
            raise InvalidRecord(f"the player {player.value!r} needs a list of calls: --calls FILE.json")
        wanted = [one for one in wanted if one in (PlayerName.library, PlayerName.random)]
    players: dict[str, Player] = {}
    for one in wanted:
        if one is PlayerName.library:
            with reading(library) as opened:
                frozen = evaluation.FrozenLibrary.of(opened)
            players[one.value] = evaluation.LibraryPlayer(library=frozen, limits=Limits(), max_steps=max_steps)
        else:
            made = evaluation.read_calls(calls) if calls is not None and one is not PlayerName.random else None
            players[one.value] = evaluation.CallsPlayer(calls=made, loop=one is PlayerName.looped, max_steps=max_steps)
    return players


def _print(reports: Sequence[Report]) -> None:
    from skilllib.cli.output import stdout, table

    console = stdout()
    first = reports[0]
    rows = table("milestone", *(report.player for report in reports), right=tuple(report.player for report in reports))
    for name in sorted(first.rates, key=lambda name: (-first.rates[name], name)):
        rows.add_row(name, *(f"{report.rates[name]:.0%}" for report in reports))
    console.print(rows)
    for report in reports:
        low, high = report.interval
        console.print(
            f"{report.player}: score {report.score:.1f} (95 % interval over worlds {low:.1f} to {high:.1f})", style="bold"
        )
        console.print(
            f"{report.player} in {report.episodes} worlds of {report.environment}: {report.mean_reached:.1f} of "
            f"{len(report.rates)} milestones and {report.mean_steps:,.0f} steps in one life, on average",
            style="dim",
        )
