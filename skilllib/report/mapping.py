"""A map of adapters as a picture, drawn without a display, alone or on a page with its figures."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal

LABELLED = 40
"""Adapters up to which each bears its name."""
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Adapters</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:860px;margin:2em auto;padding:0 1em}}svg{{max-width:100%;height:auto}}
td{{padding:.1em 1.5em .1em 0}}td:last-child{{text-align:right;font-variant-numeric:tabular-nums}}</style>
<h1>Adapters</h1><p>{caption}</p>{picture}<table>{rows}</table></html>
"""


def drawn(
    points: Sequence[Sequence[float]], names: Sequence[str], families: Sequence[str], form: Literal["png", "svg"] = "png"
) -> bytes:
    """Return points in the plane, one colour for each family.

    Args:
        points: Where each adapter lies.
        names: What each is called.
        families: The family of each.
        form: Of the picture.
    """
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), dpi=150, facecolor="white", layout="constrained")
    axes: Any = figure.add_subplot()
    colours = matplotlib.colormaps["tab20"].colors  # type: ignore[attr-defined]  # it is a list of colours
    for i, family in enumerate(dict.fromkeys(sorted(families))):
        own = [point for point, one in zip(points, families, strict=True) if one == family]
        axes.scatter([x for x, _ in own], [y for _, y in own], s=36, color=colours[(2 * i) % 20 + (i // 10) % 2], label=family)
    if len(names) <= LABELLED:
        for (x, y), name in zip(points, names, strict=True):
            axes.annotate(name, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=7, color="#57606a", parse_math=False)
    axes.set_aspect("equal", "datalim")
    axes.set(xlabel="distance of ΔW", xticks=[], yticks=[])
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "skilllib", "svg.fonttype": "none"}):
        figure.savefig(buffer, format=form, metadata={"Date": None} if form == "svg" else None)
    return buffer.getvalue()


def page(picture: bytes, caption: str, figures: Mapping[str, str]) -> str:
    """Return a page with a map (SVG) and its figures; nothing of it is fetched from anywhere."""
    svg = picture.decode("utf-8")
    rows = "".join(f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in figures.items())
    return _PAGE.format(caption=html.escape(caption), picture=svg[svg.index("<svg") :], rows=rows)
