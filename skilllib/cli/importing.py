"""`skilllib import`: skills from outside are taken in, on trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath

if TYPE_CHECKING:
    from skilllib.exchange import Imported, Taken


def import_skills(
    source: Annotated[
        Path, typer.Argument(help="A SKILL.md folder, a folder of such, a zip or tar of them, or JSON lines from `export`.")
    ],
    library: LibraryPath = DEFAULT_LIBRARY,
    as_json: AsJson = False,
) -> None:
    """Take skills in, on trial: nothing of them is run, found or called before it was proved here. Makes a missing library.

    Exit code 1: a skill was refused; the others are in the library.
    """
    from skilllib.cli.output import emit
    from skilllib.exchange import take_in
    from skilllib.library import SkillLibrary

    with SkillLibrary.open(library, create=True) as opened:
        taken = take_in(opened, source)
    if as_json:
        emit(_record(taken))
    else:
        _print(taken)
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
                "caution": one.caution,
            }
            for one in taken.imported
        ],
        "aliases": [{"alias": one.other, "name": one.name, "left_out": one.left_out} for one in taken.aliases],
        "refused": [{"place": one.place, "reason": one.reason} for one in taken.refused],
    }


def _print(taken: Taken) -> None:
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
        console.print(f"{name.other}: {f'not given: {name.left_out}' if name.left_out else f'another name of {name.name}'}")
    new = sum(one.new for one in taken.imported)
    here = len(taken.imported) - new
    console.print(f"{new} skills taken in on trial, {here} were here before, {len(taken.refused)} refused.", style="bold")


def _note(one: Imported) -> str:
    left = f"not kept: {', '.join(one.left_out)}" if one.left_out else ""
    return "; ".join(part for part in ("" if one.new else "was here before", one.caution, left) if part)
