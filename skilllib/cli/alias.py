"""`skilllib alias`: a skill gets another name."""

from __future__ import annotations

from typing import Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, Author, LibraryPath


def alias(
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The other name.")],
    name: Annotated[str, typer.Argument(help="The skill.")],
    move: Annotated[bool, typer.Option("--move", help="Take the name from the skill that it stands for now.")] = False,
    library: LibraryPath = DEFAULT_LIBRARY,
    author: Author = "",
    as_json: AsJson = False,
) -> None:
    """Give a skill another name, by which it is found and called as long as no skill bears it.

    A name that stands for another skill stays with that one, unless it is moved.
    """
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, stdout

    with reading(library) as opened:
        entry = opened.alias(other, name, move=move, proposer=author or "user")
        skill = opened.get(other)
    if as_json:
        emit({"alias": other, "name": skill.name, "code_hash": skill.code_hash, "entry": entry.number})
    else:
        before = next((f"; before it was {edit.value}" for edit in entry.change.edits if edit.field == "instead_of"), "")
        stdout().print(f"{other} is {skill.name} (version {skill.version}){before}.")
