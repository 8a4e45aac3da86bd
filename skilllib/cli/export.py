"""`skilllib export`: skills leave the library."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath


class Form(StrEnum):
    """What is written."""

    skills = "skills"
    jsonl = "jsonl"
    tools = "tools"
    stubs = "stubs"


def export(
    to: Annotated[Path, typer.Argument(help="A new or empty folder for `skills`, a file for the other formats.")],
    names: Annotated[list[str] | None, typer.Argument(help="Skills, as in `show`; all active ones by default.")] = None,
    form: Annotated[
        Form,
        typer.Option(
            "--format",
            "-f",
            help="`skills`: SKILL.md folders; `jsonl`: one file to import elsewhere, without NAMES with every version; "
            "`tools`: function tools in OpenAI's format; `stubs`: a .pyi for editors.",
        ),
    ] = Form.skills,
    library: LibraryPath = DEFAULT_LIBRARY,
    as_json: AsJson = False,
) -> None:
    """Write skills for other people and programs: with everything they call, their contracts and kept tests."""
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, stdout
    from skilllib.exchange import export as write
    from skilllib.exchange import staying

    with reading(library) as opened:
        found = write(opened, to, names=names or (), form=form.value)
        stays = staying(opened, found, names=names or (), form=form.value)
    if as_json:
        written = [_record(skill.name, skill.version_hash) for skill in found]
        emit({"path": str(to), "format": form.value, "skills": written, "stays": list(stays)})
    else:
        stdout().print(f"{len(found)} skills written to {to} ({form.value})")
        for line in stays:
            stdout().print(line, style="dim", soft_wrap=True)


def _record(name: str, version_hash: str) -> dict[str, str]:
    return {"name": name, "version_hash": version_hash}
