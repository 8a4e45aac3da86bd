"""`skilllib import`: skills from outside are taken in, on trial."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath

if TYPE_CHECKING:
    from skilllib.exchange import Imported, Taken
    from skilllib.records.base import Json

SHOWN = 60
"""Characters of a value that are printed; --json gives all."""


def import_skills(
    source: Annotated[
        Path, typer.Argument(help="A SKILL.md folder, a folder of such, a zip or tar of them, or JSON lines from `export`.")
    ],
    heads: Annotated[
        bool,
        typer.Option(
            "--heads",
            help="Where a skill is here on trial with another description, licence or metadata, take those that come now; "
            "the ledger keeps both.",
        ),
    ] = False,
    library: LibraryPath = DEFAULT_LIBRARY,
    as_json: AsJson = False,
) -> None:
    """Take skills in, on trial: nothing of them is run, found or called before it was proved here. Makes a missing library.

    A skill that is here already stays as it is, and what it says otherwise of itself is told.

    Exit code 1: a skill was refused; the others are in the library.
    """
    from skilllib.cli.output import emit
    from skilllib.exchange import take_in
    from skilllib.library import SkillLibrary

    with SkillLibrary.open(library, create=True) as opened:
        taken = take_in(opened, source, heads=heads)
    if as_json:
        emit(_record(taken))
    else:
        _print(taken, source)
    if taken.refused:
        raise typer.Exit(1)


def _record(taken: Taken) -> dict[str, Any]:
    return {
        "imported": [
            {
                "name": one.skill.name,
                "version": one.skill.version,
                "status": one.skill.status,
                "code_hash": one.skill.code_hash,
                "version_hash": one.skill.version_hash,
                "new": one.new,
                "left_out": list(one.left_out),
                "differs": {name: {"here": here, "came": came} for name, (here, came) in one.differs.items()},
                "reheaded": one.reheaded,
                "caution": one.caution,
            }
            for one in taken.imported
        ],
        "aliases": [{"alias": one.other, "name": one.name, "left_out": one.left_out} for one in taken.aliases],
        "refused": [{"place": one.place, "reason": one.reason} for one in taken.refused],
    }


def _print(taken: Taken, source: Path) -> None:
    from rich.text import Text

    from skilllib.cli.output import status_text, stdout, table

    console = stdout()
    rows = table("skill", "version", "status", "note", right=("version",))
    for one in taken.imported:
        rows.add_row(one.skill.name, str(one.skill.version), status_text(one.skill.status), _note(one))
    for refused in taken.refused:
        rows.add_row(repr(refused.place), "", Text("refused", style="red"), refused.reason)
    console.print(rows)
    for name in taken.aliases:
        console.print(f"{name.other!r}: {f'not given: {name.left_out}' if name.left_out else f'another name of {name.name}'}")
    for line in _remedies(taken, source):
        console.print(line, soft_wrap=True)
    new = sum(one.new for one in taken.imported)
    here = len(taken.imported) - new
    console.print(f"{new} skills taken in on trial, {here} were here before, {len(taken.refused)} refused.", style="bold")


def _note(one: Imported) -> str:
    left = f"not kept: {', '.join(one.left_out)}" if one.left_out else ""
    return "; ".join(part for part in ("" if one.new else "was here before", _told(one), one.caution, left) if part)


def _told(one: Imported) -> str:
    """Return what a skill says otherwise of itself than it did before."""
    here, came = ("before", "now") if one.reheaded else ("here", "came")
    fields = [f"{name} ({_short(old)} {here}, {_short(new)} {came})" for name, (old, new) in one.differs.items()]
    return f"with another {', '.join(fields)}" if fields else ""


def _short(value: Json) -> str:
    from skilllib.prompts.shown import clipped

    return "nothing" if value in (None, "", {}) else clipped(repr(value), SHOWN)


def _remedies(taken: Taken, source: Path) -> Iterator[str]:
    """Yield what to do where a skill came otherwise than it is here."""
    stayed = [one for one in taken.imported if one.differs and not one.reheaded]
    if any(one.skill.status == "trial" for one in stayed):
        again = f"skilllib import {shlex.quote(str(source))} --heads"
        yield f"Descriptions, licences and metadata here stay as they were. Of skills on trial, to take those that came: {again}"
    if any(one.skill.status != "trial" for one in stayed) or any(one.beside for one in taken.imported):
        yield (
            "What is not on trial keeps its head, and every skill the files and tests it came with first. "
            "Change its text or code as well, and it comes in as another version with all that is new."
        )
