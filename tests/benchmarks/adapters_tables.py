"""Markdown tables of what `adapters.py` measured, with 95 % bootstrap intervals over skills and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

ARMS = {
    "none": "no skill",
    "context": "text in context",
    "adapter": "adapter",
    "wrong": "wrong adapter",
    "both": "adapter + text",
}
MODES = {"routed": "one right adapter"}


def printed(results: Mapping[str, Any]) -> str:
    """Return the tables of all that there is."""
    tables = [table for make in (_arms, _together, _alpha, _merge, _prefill, _edit) if (table := "\n".join(make(results)))]
    return "\n\n".join(tables)


def _of(results: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {key.removeprefix(f"{kind} "): value for key, value in results.items() if key.startswith(f"{kind} ")}


def _interval(values: Sequence[float], form: str = ".2f") -> str:
    from scipy.stats import bootstrap

    data = np.asarray(values, float)
    if len(data) < 2 or (data == data[0]).all():
        return f"{data.mean():{form}}"
    found = bootstrap((data,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(0))
    low, high = found.confidence_interval
    return f"{data.mean():{form}} ({low:{form}}-{high:{form}})"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _arms(results: Mapping[str, Any]) -> Iterator[str]:
    cells = list(_of(results, "distill").values())
    if not cells:
        return
    rows = [
        [name, _interval([cell[arm]["success"] for cell in cells]), _interval([cell[arm]["nll"] for cell in cells], ".3f")]
        for arm, name in ARMS.items()
    ]
    yield from _table(["arm", "success", "NLL, nats a token"], rows)
    yield ""
    costs = {
        "CPU-seconds": _interval([cell["cpu_s"] for cell in cells], ".1f"),
        "steps": _interval([cell["steps"] for cell in cells], ".1f"),
        "peak memory, GB": f"{max(cell['peak_bytes'] for cell in cells) / 1e9:.2f}",
        "kB on disk": f"{np.mean([cell['bytes'] for cell in cells]) / 1e3:.0f}",
        "KL on other skills' prompts, nats a token": _interval([cell["locality"] for cell in cells], ".3f"),
    }
    yield from _table(["a skill", f"{len(cells)} skills"], [[name, value] for name, value in costs.items()])


def _together(results: Mapping[str, Any]) -> Iterator[str]:
    cells, alone = _of(results, "together"), _of(results, "distill")
    if not cells:
        return
    plain = {key: {"alone": alone[key]["adapter"]["success"], "together": value} for key, value in cells.items()}
    rows = [_lives("as each was taught", plain)]
    if settled := _of(results, "settled"):
        rows.append(_lives("settled", settled))
    yield from _table(
        ["adapters", "alone", "all of a seed mounted", "skills under 0.9 of their own", "CPU-seconds more, a skill"], rows
    )


def _lives(name: str, cells: Mapping[str, Any]) -> list[str]:
    alone, together = ([float(cell[arm]) for cell in cells.values()] for arm in ("alone", "together"))
    fallen = sum(among < 0.9 * own for own, among in zip(alone, together, strict=True))
    more = [cell["cpu_s"] for cell in cells.values() if "cpu_s" in cell]
    return [name, _interval(alone), _interval(together), f"{fallen} of {len(cells)}", _interval(more, ".1f") if more else ""]


def _alpha(results: Mapping[str, Any]) -> Iterator[str]:
    cells = list(_of(results, "alpha").values())
    if not cells:
        return
    rows = [
        [
            value,
            _interval([cell[value]["success"] for cell in cells]),
            _interval([cell[value]["nll"] for cell in cells], ".3f"),
            _interval([cell[value]["locality"] for cell in cells], ".3f"),
        ]
        for value in cells[0]
    ]
    yield from _table(["α", "success", "NLL, nats a token", "KL on other skills' prompts"], rows)


def _merge(results: Mapping[str, Any]) -> Iterator[str]:
    cells = _of(results, "merge")
    if not cells:
        return
    modes = list(dict.fromkeys(key.split()[-1] for key in cells))
    rows = []
    for mode in modes:
        pairs = [value for key, value in cells.items() if key.split()[-1] == mode]
        both = [float(np.mean(pair)) for pair in pairs]
        rows.append([MODES.get(mode, mode), _interval(both), _interval([float(min(pair)) for pair in pairs]), str(len(pairs))])
    yield from _table(["two skills", "success", "of the worse one", "pairs"], rows)


def _prefill(results: Mapping[str, Any]) -> Iterator[str]:
    cells = _of(results, "prefill")
    seconds = list(_of(results, "prefill seconds").values())
    if not cells:
        return
    costs = [cell["cpu_s"] for cell in _of(results, "distill").values()]
    rows = []
    for way in ("one skill", "skills in turn"):
        found = [value for key, value in cells.items() if key.endswith(way)]
        for cache, name in (("none", "none"), ("last", "last prompt"), ("every", "every prompt")):
            context, adapter = ([cell[arm][cache] / cell[arm]["tasks"] for cell in found] for arm in ("context", "adapter"))
            saved = np.mean(context) - np.mean(adapter)
            uses = f"{np.mean(costs) / (saved * np.mean(seconds)):.0f}" if costs and seconds and saved > 0 else "never"
            shares = [1 - a / c for a, c in zip(adapter, context, strict=True)]
            row = [way, name, f"{np.mean(context):.0f}", f"{np.mean(adapter):.0f}", _interval([100 * s for s in shares], ".1f")]
            rows.append([*row, uses])
    header = ["tasks", "prefix cache", "tokens a task, text in context", "with adapter", "saved, %", "uses until it has paid"]
    yield from _table(header, rows)
    yield f"\nA token's prefill took {1000 * np.mean(seconds):.2f} CPU-ms."


def _edit(results: Mapping[str, Any]) -> Iterator[str]:
    cells = list(_of(results, "edit").values())
    if not cells:
        return
    rows = [
        ["seconds from the edit to the new adapter", _interval([cell["seconds"] for cell in cells], ".1f")],
        ["CPU-seconds", _interval([cell["cpu_s"] for cell in cells], ".1f")],
        ["of these for compiling itself", _interval([cell["compile_cpu_s"] for cell in cells], ".1f")],
        ["accepted by the gate", f"{sum(bool(cell['accepted']) for cell in cells)} of {len(cells)}"],
    ]
    yield from _table(["an edit", f"{len(cells)} skills"], rows)
