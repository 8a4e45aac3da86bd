"""`skilllib diff`: what tells two versions apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath

if TYPE_CHECKING:
    from rich.console import Console

    from skilllib.library import SkillLibrary
    from skilllib.library.upkeep import Difference


def diff(
    name: Annotated[str, typer.Argument(help="The skill.")],
    a: Annotated[str | None, typer.Argument(help="A number or hash of a version, or another skill; the one before B.")] = None,
    b: Annotated[str | None, typer.Argument(help="Likewise; by default the version that NAME stands for.")] = None,
    library: LibraryPath = DEFAULT_LIBRARY,
    as_json: AsJson = False,
) -> None:
    """Show what two versions of a skill have different: source, contract, calls, text, description."""
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, stdout

    with reading(library) as opened:
        found = opened.diff(*_references(opened, name, a, b))
    if as_json:
        emit(
            {
                "a": {"name": found.a.name, "version": found.a.version, "version_hash": found.a.version_hash},
                "b": {"name": found.b.name, "version": found.b.version, "version_hash": found.b.version_hash},
                "same": found.same,
                "source": found.source,
                "text": found.text,
                "contract": found.contract,
                "calls": found.calls,
                "description": found.description,
            }
        )
    else:
        _print(stdout(), found)


def _references(library: SkillLibrary, name: str, a: str | None, b: str | None) -> tuple[str, str]:
    from skilllib.errors import UnknownSkill

    later = library.get(name) if b is None else library.get(_reference(library, name, b))
    if a is not None:
        return _reference(library, name, a), f"{later.name}@{later.version}"
    if later.version == 1:
        raise UnknownSkill(f"{later.name!r} has no version before 1; name two, as in: skilllib diff {later.name} 1 2")
    return f"{later.name}@{later.version - 1}", f"{later.name}@{later.version}"


def _reference(library: SkillLibrary, name: str, text: str) -> str:
    """Return a reference for what stands for a version: a number or a hash of this name, else a reference by itself."""
    from skilllib.errors import UnknownSkill

    if "@" in text:
        return text
    bearer = library.get(name).name
    try:
        return f"{bearer}@{library.get(f'{bearer}@{text}').version}"
    except UnknownSkill:
        if text.isdecimal():
            raise
        return text


def _print(console: Console, found: Difference) -> None:
    from rich.syntax import Syntax
    from rich.text import Text

    title = f"{found.a.name}@{found.a.version} → {found.b.name}@{found.b.version}"
    console.print(Text(title, style="bold"))
    if found.same:
        console.print("They are the same.")
    for part in (found.source, found.text):
        if part:
            console.print(Syntax(part, "diff", theme="ansi_dark", background_color="default", word_wrap=True))
    changes: dict[str, tuple[object, ...]] = {f"contract: {field}": pair for field, pair in found.contract.items()}
    changes |= {f"calls {callee}": tuple(one[:12] if one else one for one in pair) for callee, pair in found.calls.items()}
    changes |= {"description": found.description} if found.description else {}
    for what, (old, new) in changes.items():
        console.print(Text(what, style="bold"))
        console.print(Text(f"- {old}", style="red"))
        console.print(Text(f"+ {new}", style="green"))
