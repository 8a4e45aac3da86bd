"""Draws the skill graph: as text for other tools, as SVG, and as a PNG."""

from __future__ import annotations

import html
import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skilllib.records.skill import Skill
from skilllib.report.layout import layout

CHARACTER, LINE, GAP_X, GAP_Y, PADDING, JOINT = 7.6, 30.0, 22.0, 64.0, 20.0, 4.0
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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where everything is drawn, in pixels."""

    boxes: list[Box]
    lines: list[list[tuple[float, float]]]
    """Of each call: from the lower edge of the caller over its joints to the upper edge of the callee."""
    width: float
    height: float


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


def plan(skills: Sequence[Skill]) -> Plan:
    """Return where everything is drawn."""
    known, label = {skill.code_hash: skill for skill in skills}, labels(skills)
    found = layout(edges_of(skills))
    wide = {key: _width(label.get(key)) for row in found.rows for key in row}
    rows = [part for row in found.rows for part in _broken(row, wide)]
    width = max((_row_width(row, wide) for row in rows), default=0.0) + 2 * PADDING
    middles: dict[str, tuple[float, float]] = {}
    for i, row in enumerate(rows):
        x = (width - _row_width(row, wide)) / 2
        for key in row:
            middles[key] = (x + wide[key] / 2, PADDING + LINE / 2 + i * GAP_Y)
            x += wide[key] + GAP_X
    return Plan(
        boxes=[
            Box(skill=skill, label=label[key], x=middles[key][0], y=middles[key][1], width=wide[key])
            for key, skill in known.items()
        ],
        lines=[_line([middles[key] for key in way]) for way in found.ways.values()],
        width=width,
        height=2 * PADDING + LINE + max(0, len(rows) - 1) * GAP_Y,
    )


def _line(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    (x, y), (last_x, last_y) = points[0], points[-1]
    return [(x, y + LINE / 2), *points[1:-1], (last_x, last_y - LINE / 2)]


def _broken(layer: list[str], wide: Mapping[str, float]) -> list[list[str]]:
    rows: list[list[str]] = [[]]
    for key in layer:
        if rows[-1] and _row_width([*rows[-1], key], wide) > WIDEST:
            rows.append([])
        rows[-1].append(key)
    return rows


def _width(label: str | None) -> float:
    return JOINT if label is None else len(label) * CHARACTER + 20


def _row_width(row: Sequence[str], wide: Mapping[str, float]) -> float:
    return sum(wide[key] for key in row) + GAP_X * max(0, len(row) - 1)


def svg(skills: Sequence[Skill]) -> str:
    """Return the graph as an SVG element that takes its colours from the page."""
    drawn = plan(skills)
    if not drawn.boxes:
        return ""
    lines = [f'<path class="edge" d="{_curve(line)}"/>' for line in drawn.lines]
    nodes = [
        f'<g class="node {box.skill.status}"><title>{html.escape(box.skill.description)}</title>'
        f'<rect x="{box.x - box.width / 2:.1f}" y="{box.y - LINE / 2:.1f}" width="{box.width:.1f}" height="{LINE}" rx="7"/>'
        f'<text x="{box.x:.1f}" y="{box.y + 4.5:.1f}">{html.escape(box.label)}</text></g>'
        for box in drawn.boxes
    ]
    described = f"Skill graph: {len(nodes)} skills, {len(lines)} calls"
    return (
        f'<svg class="graph" role="img" aria-label="{described}" viewBox="0 0 {drawn.width:.0f} {drawn.height:.0f}" '
        f'style="width:{drawn.width:.0f}px">{"".join(lines)}{"".join(nodes)}</svg>'
    )


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Return a smooth path: vertical in every point, so that it bends between the layers."""
    path = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for (x, y), (to_x, to_y) in itertools.pairwise(points):
        middle = (y + to_y) / 2
        path.append(f"C{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f} {to_x:.1f},{to_y:.1f}")
    return "".join(path)


def png(skills: Sequence[Skill]) -> bytes:
    """Return the graph as a PNG, drawn without a display."""
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    drawn = plan(skills)
    width, height = max(drawn.width, 300), max(drawn.height, 80)
    figure = Figure(figsize=(width / 100, height / 100), dpi=200, facecolor="white")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for line in drawn.lines:
        points = [line[0]]
        for (x, y), (to_x, to_y) in itertools.pairwise(line):
            points += [(x, (y + to_y) / 2), (to_x, (y + to_y) / 2), (to_x, to_y)]
        curve = Curve(points, [Curve.MOVETO] + [Curve.CURVE4] * (len(points) - 1))
        axes.add_patch(FancyArrowPatch(path=curve, arrowstyle="-|>", mutation_scale=9, color="#8c959f", linewidth=1))
    style: dict[str, Any] = {"fontsize": 8, "family": "DejaVu Sans Mono", "ha": "center", "va": "center", "parse_math": False}
    for box in drawn.boxes:
        frame = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": COLOURS[box.skill.status], "linewidth": 1.4}
        axes.text(box.x, box.y, box.label, bbox=frame, **style)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
