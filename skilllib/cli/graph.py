"""`skilllib graph`: which skill calls which."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath

if TYPE_CHECKING:
    from rich.tree import Tree

    from skilllib.records.skill import Skill


class Format(StrEnum):
    """What the graph can be drawn as."""

    text = "text"
    mermaid = "mermaid"
    dot = "dot"
    png = "png"


def graph(
    library: LibraryPath = DEFAULT_LIBRARY,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to draw it.")] = Format.text,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file (png: skill-graph.png by default).")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Draw retired, revoked and trial versions too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Draw which skill calls which: the active skills and what they rest on."""
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, stderr, stdout, write_file
    from skilllib.report import drawing

    with reading(library) as opened:
        skills = drawing.chosen(opened.skills(), everything=everything)
    if as_json:
        emit(_record(skills))
    elif form is Format.text and output is None:
        stdout().print(_tree(skills))
    elif form is not Format.png and output is None:
        typer.echo(drawing.mermaid(skills) if form is Format.mermaid else drawing.dot(skills), nl=False)
    else:
        path = output or Path("skill-graph.png")
        write_file(path, drawing.png(skills) if form is Format.png else _text(form, skills))
        stderr().print(f"wrote {path}: {len(skills)} skills")


def _record(skills: Sequence[Skill]) -> dict[str, object]:
    from skilllib.report.drawing import edges_of

    nodes = [{"code_hash": s.code_hash, "name": s.name, "version": s.version, "status": s.status} for s in skills]
    return {"nodes": nodes, "edges": [[caller, callee] for caller, callees in edges_of(skills).items() for callee in callees]}


def _text(form: Format, skills: Sequence[Skill]) -> str:
    import io

    from rich.console import Console

    from skilllib.report import drawing

    if form is Format.mermaid:
        return drawing.mermaid(skills)
    if form is Format.dot:
        return drawing.dot(skills)
    file = io.StringIO()
    Console(file=file, width=120, markup=False, emoji=False).print(_tree(skills))
    return file.getvalue()


def _tree(skills: Sequence[Skill]) -> Tree:
    from rich.text import Text
    from rich.tree import Tree

    from skilllib.report.drawing import edges_of, labels

    known, label, edges = {skill.code_hash: skill for skill in skills}, labels(skills), edges_of(skills)
    called = {callee for callees in edges.values() for callee in callees}
    root = Tree(Text(f"{len(skills)} skills, {sum(map(len, edges.values()))} calls", style="bold"))
    shown: set[str] = set()

    def grow(branch: Tree, key: str) -> None:
        again = key in shown and edges[key]
        line = Text(label[key]).append(f"  {known[key].status}", style="dim") if known[key].status != "active" else Text(label[key])
        leaf = branch.add(line.append("  (see above)", style="dim") if again else line)
        shown.add(key)
        for callee in [] if again else edges[key]:
            grow(leaf, callee)

    for key in edges:
        if key not in called:
            grow(root, key)
    return root
