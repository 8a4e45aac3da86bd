"""Places the nodes of an acyclic graph in layers: callers above, callees below, few crossings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SWEEPS = 8
"""Rounds of ordering; the order is stable long before for the graphs of a library."""


def layers(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the nodes by layer: a node that calls nothing is in the last one, each caller above all it calls.

    Args:
        edges: Node → nodes it calls; a callee that is no key is left out.

    >>> layers({"house": ["wall", "roof"], "roof": ["wall"], "wall": []})
    [['house'], ['roof'], ['wall']]
    """
    height: dict[str, int] = {}
    waiting = dict.fromkeys(edges)
    while waiting:
        ready = [node for node in waiting if all(callee in height for callee in edges[node] if callee in edges)]
        if not ready:
            raise ValueError(f"the calls of {next(iter(waiting))!r} go in a circle")
        for node in ready:
            height[node] = 1 + max((height[callee] for callee in edges[node] if callee in edges), default=-1)
            del waiting[node]
    rows: list[list[str]] = [[] for _ in range(1 + max(height.values(), default=-1))]
    for node in edges:
        rows[-1 - height[node]].append(node)
    return _ordered(rows, edges)


def _ordered(rows: list[list[str]], edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Order each layer by the mean place of the neighbours (Sugiyama, Tagawa and Toda 1981), up and down in turn."""
    neighbours: dict[str, list[str]] = {node: [] for node in edges}
    for node, callees in edges.items():
        for callee in callees:
            if callee in edges:
                neighbours[node].append(callee)
                neighbours[callee].append(node)
    for _ in range(SWEEPS):
        for row in (*rows, *reversed(rows)):
            places = _places(rows)
            row.sort(key=lambda node: _centre(node, neighbours, places))
    return rows


def _centre(node: str, neighbours: Mapping[str, list[str]], places: Mapping[str, float]) -> float:
    near = [places[other] for other in neighbours[node]]
    return sum(near) / len(near) if near else places[node]


def _places(rows: list[list[str]]) -> dict[str, float]:
    return {node: (i + 0.5) / len(row) for row in rows for i, node in enumerate(row)}
