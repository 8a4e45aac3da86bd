"""Places the nodes of an acyclic graph in layers: callers above callees, long edges led between the boxes, few crossings."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

SWEEPS = 8
"""Rounds of ordering; the order is stable long before for the graphs of a library."""


class Layout(NamedTuple):
    """Layers from top to bottom, and the way of each edge."""

    rows: list[list[str]]
    """Nodes, and the joints of long edges, which are no nodes."""
    ways: dict[tuple[str, str], list[str]]
    """(caller, callee) → caller, joints, callee."""


def layout(edges: Mapping[str, Sequence[str]]) -> Layout:
    """Return the nodes by layer, after Sugiyama, Tagawa and Toda (1981).

    A node that calls nothing is in the last layer, each caller above all it calls. An edge that passes through layers has
    a joint in each of them, so that no edge is drawn across a box.

    Args:
        edges: Node → nodes it calls; a callee that is no key is left out.

    >>> layout({"house": ["wall", "roof"], "roof": ["wall"], "wall": []}).rows
    [['house'], ['roof', 'house>wall:1'], ['wall']]
    """
    known = {node: [callee for callee in dict.fromkeys(callees) if callee in edges] for node, callees in edges.items()}
    height = _heights(known)
    rows: list[list[str]] = [[] for _ in range(1 + max(height.values(), default=-1))]
    for node in known:
        rows[height[node]].append(node)
    ways: dict[tuple[str, str], list[str]] = {}
    for node, callees in known.items():
        for callee in callees:
            joints = [f"{node}>{callee}:{level}" for level in range(height[node] - 1, height[callee], -1)]
            for level, joint in zip(range(height[node] - 1, height[callee], -1), joints, strict=True):
                rows[level].append(joint)
            ways[node, callee] = [node, *joints, callee]
    rows.reverse()
    _order(rows, ways)
    return Layout(rows, ways)


def _heights(edges: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return node → length of the longest way down from it."""
    height: dict[str, int] = {}
    waiting = dict.fromkeys(edges)
    while waiting:
        ready = [node for node in waiting if all(callee in height for callee in edges[node])]
        if not ready:
            raise ValueError(f"the calls of {next(iter(waiting))!r} go in a circle")
        for node in ready:
            height[node] = 1 + max((height[callee] for callee in edges[node]), default=-1)
            del waiting[node]
    return height


def _order(rows: list[list[str]], ways: Mapping[tuple[str, str], list[str]]) -> None:
    """Order each layer by the mean place of its neighbours above, then below, in turn."""
    above: dict[str, list[str]] = {key: [] for row in rows for key in row}
    below: dict[str, list[str]] = {key: [] for row in rows for key in row}
    for way in ways.values():
        for upper, lower in itertools.pairwise(way):
            below[upper].append(lower)
            above[lower].append(upper)
    for i in range(SWEEPS):
        for row in rows if i % 2 == 0 else reversed(rows):
            places = {key: (n + 0.5) / len(level) for level in rows for n, key in enumerate(level)}
            near = above if i % 2 == 0 else below
            centres = {key: _mean([places[other] for other in near[key]], places[key]) for key in row}
            row.sort(key=centres.__getitem__)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
