"""Draws the skill graph: as text for other tools, as SVG, and as a PNG."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skilllib.records.skill import Skill
from skilllib.report.layout import layers

CHARACTER, LINE, GAP_X, GAP_Y, PADDING = 7.6, 30.0, 22.0, 62.0, 20.0
"""Sizes in pixels."""
WIDEST = 1400.0
"""Pixels after which a layer goes on in a second row."""
COLOURS = {"active": "#1a7f37", "trial": "#9a6700", "retired": "#6e7781", "revoked": "#cf222e"}


@dataclass(frozen=True, kw_only=True)
class Box:
    """A skill on the drawing; x and y are the middle of its box."""

    skill: Skill
    label: str
    x: float
    y: float
    width: float


def chosen(skills: Sequence[Skill], *, everything: bool) -> list[Skill]:
    """Return the skills to draw: the active ones and what they rest on, or all versions."""
    if everything:
        return list(skills)
    known = {skill.code_hash: skill for skill in skills}
    wanted = [skill for skill in skills if skill.status == "active"]
    found = {skill.code_hash for skill in wanted}
    for skill in wanted:  # grows while it is walked through
        for callee in skill.calls:
            if callee.code_hash in known and callee.code_hash not in found:
                found.add(callee.code_hash)
                wanted.append(known[callee.code_hash])
    return [skill for skill in skills if skill.code_hash in found]


def edges_of(skills: Sequence[Skill]) -> dict[str, list[str]]:
    """Return code hash → code hashes it calls, among these skills."""
    known = {skill.code_hash for skill in skills}
    return {skill.code_hash: [callee.code_hash for callee in skill.calls if callee.code_hash in known] for skill in skills}


def labels(skills: Sequence[Skill]) -> dict[str, str]:
    """Return code hash → label; the version is named where a name has several."""
    names = [skill.name for skill in skills]
    return {skill.code_hash: skill.name if names.count(skill.name) == 1 else f"{skill.name} v{skill.version}" for skill in skills}


def mermaid(skills: Sequence[Skill]) -> str:
    """Return the graph in Mermaid's language."""
    label = labels(skills)
    ids = {skill.code_hash: f"s{i}" for i, skill in enumerate(skills)}
    lines = ["graph TD"]
    lines += [f'    {ids[skill.code_hash]}["{_quoted(label[skill.code_hash])}"]:::{skill.status}' for skill in skills]
    lines += [f"    {ids[caller]} --> {ids[callee]}" for caller, callees in edges_of(skills).items() for callee in callees]
    lines += [f"    classDef {status} stroke:{colour},color:{colour}" for status, colour in COLOURS.items()]
    return "\n".join(lines) + "\n"


def dot(skills: Sequence[Skill]) -> str:
    """Return the graph in Graphviz' language."""
    label = labels(skills)
    lines = ["digraph skills {", "    node [shape=box, style=rounded];"]
    for skill in skills:
        lines.append(f'    "{skill.code_hash[:12]}" [label="{_escaped(label[skill.code_hash])}", color="{COLOURS[skill.status]}"];')
    for caller, callees in edges_of(skills).items():
        lines += [f'    "{caller[:12]}" -> "{callee[:12]}";' for callee in callees]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    return html.escape(text).replace("\n", " ")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def boxes(skills: Sequence[Skill]) -> tuple[list[Box], float, float]:
    """Return the boxes with the width and the height of the drawing, in pixels."""
    known, label = {skill.code_hash: skill for skill in skills}, labels(skills)
    rows = [row for layer in layers(edges_of(skills)) for row in _broken(layer, label)]
    width = max((_row_width(row, label) for row in rows), default=0.0) + 2 * PADDING
    placed: list[Box] = []
    for i, row in enumerate(rows):
        x = (width - _row_width(row, label)) / 2
        for key in row:
            wide = _box_width(label[key])
            y = PADDING + LINE / 2 + i * GAP_Y
            placed.append(Box(skill=known[key], label=label[key], x=x + wide / 2, y=y, width=wide))
            x += wide + GAP_X
    return placed, width, 2 * PADDING + LINE + max(0, len(rows) - 1) * GAP_Y


def _broken(layer: list[str], label: dict[str, str]) -> list[list[str]]:
    rows: list[list[str]] = [[]]
    for key in layer:
        if rows[-1] and _row_width([*rows[-1], key], label) > WIDEST:
            rows.append([])
        rows[-1].append(key)
    return rows


def _box_width(label: str) -> float:
    return len(label) * CHARACTER + 20


def _row_width(row: Sequence[str], label: dict[str, str]) -> float:
    return sum(_box_width(label[key]) for key in row) + GAP_X * max(0, len(row) - 1)


def svg(skills: Sequence[Skill]) -> str:
    """Return the graph as an SVG element that takes its colours from the page."""
    placed, width, height = boxes(skills)
    if not placed:
        return ""
    at = {box.skill.code_hash: box for box in placed}
    lines = [_curve(at[caller], at[callee]) for caller, callees in edges_of(skills).items() for callee in callees]
    nodes = [
        f'<g class="node {box.skill.status}"><title>{html.escape(box.skill.description)}</title>'
        f'<rect x="{box.x - box.width / 2:.1f}" y="{box.y - LINE / 2:.1f}" width="{box.width:.1f}" height="{LINE}" rx="7"/>'
        f'<text x="{box.x:.1f}" y="{box.y + 4.5:.1f}">{html.escape(box.label)}</text></g>'
        for box in placed
    ]
    described = f"Skill graph: {len(placed)} skills, {len(lines)} calls"
    return (
        f'<svg class="graph" role="img" aria-label="{described}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'style="max-width:{width:.0f}px">{"".join(lines)}{"".join(nodes)}</svg>'
    )


def _curve(caller: Box, callee: Box) -> str:
    top, bottom = caller.y + LINE / 2, callee.y - LINE / 2
    bend = (bottom - top) / 2
    return (
        f'<path class="edge" d="M{caller.x:.1f},{top:.1f} C{caller.x:.1f},{top + bend:.1f} '
        f'{callee.x:.1f},{bottom - bend:.1f} {callee.x:.1f},{bottom:.1f}"/>'
    )


def png(skills: Sequence[Skill]) -> bytes:
    """Return the graph as a PNG, drawn without a display."""
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch

    placed, width, height = boxes(skills)
    figure = Figure(figsize=(max(width, 300) / 100, max(height, 80) / 100), dpi=200, facecolor="white")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, max(width, 300)), ylim=(max(height, 80), 0))
    axes.axis("off")
    at = {box.skill.code_hash: box for box in placed}
    for caller, callees in edges_of(skills).items():
        for callee in callees:
            start, end = (at[caller].x, at[caller].y + LINE / 2), (at[callee].x, at[callee].y - LINE / 2)
            axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=10, color="#8c959f", linewidth=1))
    for box in placed:
        frame = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": COLOURS[box.skill.status], "linewidth": 1.4}
        style: dict[str, Any] = {"fontsize": 8, "family": "DejaVu Sans Mono", "ha": "center", "va": "center"}
        axes.text(box.x, box.y, box.label, bbox=frame, parse_math=False, **style)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
