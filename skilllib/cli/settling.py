"""`skilllib adapters settle`: adapters that can be mounted at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.compile import CacheFolder
from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skilllib.compiler.job import Compiled


def settle_adapters(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Skills with adapters, or hashes of adapters; two or more.")
    ],
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="KEY=VALUE", help="steps, rows, lr, locality, verified, check_every, patience."),
    ] = None,
    ungated: Annotated[bool, typer.Option("--ungated", help="Measure nothing and keep everything.")] = False,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Of what is drawn.")] = 0,
    library: LibraryPath = DEFAULT_LIBRARY,
    cache: CacheFolder = None,
    as_json: AsJson = False,
) -> None:
    """Teach adapters that are there to live together, so that all can be mounted at once; `skilllib merge` then adds them up.

    Each is measured alone and among all. If one of them loses by it, none is kept, and what was there before stays.
    """
    from skilllib.build.compiling import settled
    from skilllib.cli.adapters import chosen, opened_cache
    from skilllib.cli.compiling import shown
    from skilllib.cli.options import json_pairs
    from skilllib.cli.output import emit

    found = opened_cache(library, cache)
    stored = [chosen(found, name, unsettled=True) for name in names]
    with shown() as progress:
        came = settled(found, stored, json_pairs(option, "the option"), seed=seed, gated=not ungated, progress=progress)
    if as_json:
        emit([{**one.manifest.model_dump(mode="json", exclude={"text"}), "kept": one.stored is not None} for one in came])
    else:
        _print(came)
    if any(one.stored is None for one in came):
        raise typer.Exit(1)


def _print(came: Sequence[Compiled]) -> None:
    from rich.text import Text

    from skilllib.cli.output import stdout, table

    rows = table("skill", "kept", "text", "before", "alone", "among all", "wrong", "CPU s", "why", right=("CPU s",))
    for one in came:
        mark = Text("yes", style="green") if one.stored is not None else Text("no", style="red")
        arms = one.manifest.evaluation.arms if one.manifest.evaluation is not None else {}
        scores = [
            f"{arms[arm].success:.0%}" if arm in arms else "" for arm in ("context", "unsettled", "adapter", "together", "wrong")
        ]
        why = "found" if one.found else one.manifest.reason or "not measured"
        rows.add_row(one.manifest.skill, mark, *scores, f"{one.manifest.cost.cpu_s:.1f}", why)
    stdout().print(rows)
    if any(one.stored is None for one in came):
        stdout().print("none was kept; let them learn longer, with a larger --option steps=N", style="yellow")
