"""Draws step curves as SVG: how something grew over attempts or over world steps."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560.0, 240.0, 40.0, 12.0, 12.0, 40.0
"""Sizes in pixels."""
Placing = Callable[[float, float], tuple[float, float]]
"""A value → its place on the drawing."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One curve: points in order of x; between them the value stays."""

    name: str
    style: str
    """Class of the style sheet."""
    points: Sequence[tuple[float, float]]


def svg(curves: Sequence[Curve], *, across: str, top: float, end: float) -> str:
    """Return the curves in one frame.

    Args:
        curves: What is drawn.
        across: What the horizontal axis counts.
        top: Largest value on the vertical axis, at least.
        end: Last value on the horizontal axis.
    """
    high = _nice(max([top, *(y for curve in curves for _, y in curve.points)]) or 1.0)
    far = max(end, 1.0)

    def at(x: float, y: float) -> tuple[float, float]:
        return LEFT + x / far * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / high * (HEIGHT - TOP - BOTTOM)

    parts = [_grid(at, high, far)]
    for curve in curves:
        parts.append(f'<path class="curve {curve.style}" d="{_path(curve.points, at, far)}"/>')
    parts.append(f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 4:.0f}">{html.escape(across)}</text>')
    said = "; ".join(f"{curve.name}: {curve.points[-1][1]:g} at the end" for curve in curves if curve.points)
    label = html.escape(f"Over {across}. {said}")
    return f'<svg class="plot" role="img" aria-label="{label}" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}">{"".join(parts)}</svg>'


def _grid(at: Placing, high: float, far: float) -> str:
    parts = []
    for i in range(5):
        value = high * i / 4
        x, y = at(0, value)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{y:.1f}" x2="{WIDTH - RIGHT:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick y" x="{x - 6:.1f}" y="{y + 4:.1f}">{_tick(value)}</text>')
        x, y = at(far * i / 4, 0)
        anchor = " last" if i == 4 else ""
        parts.append(f'<text class="tick{anchor}" x="{x:.1f}" y="{y + 16:.1f}">{_short(far * i / 4)}</text>')
    return "".join(parts)


def _path(points: Sequence[tuple[float, float]], at: Placing, far: float) -> str:
    x, y = at(0, 0)
    path = [f"M{x:.1f},{y:.1f}"]
    for px, py in points:
        x, y = at(px, py)
        path.append(f"H{x:.1f}V{y:.1f}")
    path.append(f"H{at(far, 0)[0]:.1f}")
    return "".join(path)


def _nice(value: float) -> float:
    """Return the next number that divides well by four.

    >>> [_nice(value) for value in (1, 5, 22, 37, 12_345, 0.0123)]
    [4, 8, 24, 40, 14000.0, 0.014]
    """
    if 1 <= value <= 40:
        return -(-value // 4) * 4
    step = 2 * 10 ** math.floor(math.log10(value) - 0.5)
    return float(f"{math.ceil(value / step) * step:g}")


def _tick(value: float) -> str:
    return _short(value) if value >= 1000 else f"{value:.3g}"


def _short(value: float) -> str:
    """Return a number in few characters.

    >>> _short(37.5), _short(12500), _short(2_000_000)
    ('38', '12.5k', '2M')
    """
    if value >= 1_000_000:
        return f"{value / 1_000_000:.3g}M"
    return f"{value / 1000:.3g}k" if value >= 10_000 else f"{value:.0f}"
