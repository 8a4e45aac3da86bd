"""Plots what a solved task costs in tokens against the number of skills that were admitted before it.

    python tests/benchmarks/cost_by_library.py presets/default-0/library presets/default-1/library learned/library --out cost.png

Every library is read trace by trace. Runs that asked no model only fill the library. Tasks are put into bins by the number
of skills admitted before them; a bin's cost is all tokens of its tasks, those of the unsolved ones too, over its solved
tasks. A task counts as solved by its check's word.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from presets import truly_solved

from skilllib.library import SkillLibrary
from skilllib.records.execution import Trace

BINS = (0, 1, 3, 6, 12, 24, 1000)


def points(folder: Path) -> Iterator[tuple[int, int, int, bool]]:
    """Yield for each task of a run with a model: skills admitted before, tokens, calls, and whether it was solved."""
    with SkillLibrary.open(folder) as library:
        asked = {run for run in library.runs() if library.run_options(run).get("model")}
        admitted = 0
        for trace_id, trace in library.traces():
            if trace_id.rpartition("/")[0] in asked:
                yield admitted, *spent(trace), truly_solved(trace)
            admitted += sum(attempt.admitted is not None for attempt in trace.attempts)


def spent(trace: Trace) -> tuple[int, int]:
    """Return tokens and calls of a trace."""
    calls = [call for attempt in trace.attempts for call in attempt.model_calls] + list(trace.model_calls)
    return sum(call.tokens_in + call.tokens_out for call in calls), len(calls)


def binned(found: list[tuple[int, int, int, bool]]) -> list[dict[str, float]]:
    """Return for each bin with tasks its range, tasks, solved tasks, tokens and calls."""
    rows = []
    for low, high in itertools.pairwise(BINS):
        inside = [one for one in found if low <= one[0] < high]
        if inside:
            row = {"from": low, "to": high - 1, "tasks": len(inside), "solved": sum(one[3] for one in inside)}
            rows.append({**row, "tokens": sum(one[1] for one in inside), "calls": sum(one[2] for one in inside)})
    return rows


def span(row: dict[str, float]) -> str:
    """Return the range of a bin in words."""
    if row["to"] >= BINS[-1] - 1:
        return f"{row['from']:g} or more"
    return f"{row['from']:g}" if row["from"] == row["to"] else f"{row['from']:g}-{row['to']:g}"


def plot(rows: list[dict[str, float]], out: Path) -> None:
    """Draw tokens per solved task by bin; a bin in which nothing was solved is hollow and shows all it cost."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5))
    labels = [span(row) for row in rows]
    heights = [row["tokens"] / max(row["solved"], 1) for row in rows]
    bars = axes.bar(labels, heights, color=["#4477aa" if row["solved"] else "none" for row in rows], edgecolor="#4477aa")
    axes.bar_label(bars, [f"{row['solved']:g} of {row['tasks']:g}" for row in rows], fontsize=8)
    axes.set_xlabel("skills admitted before the task")
    axes.set_ylabel("tokens per solved task")
    figure.tight_layout()
    figure.savefig(out, dpi=120)


def main() -> None:
    """Read libraries, print a Markdown table and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = binned([one for folder in given.libraries for one in points(folder)])
    print("| skills admitted before | tasks | solved | calls | tokens | tokens per solved task |\n|---|---|---|---|---|---|")
    for row in rows:
        each = f"{row['tokens'] / row['solved']:,.0f}" if row["solved"] else "-"
        print(f"| {span(row)} | {row['tasks']} | {row['solved']} | {row['calls']} | {row['tokens']:,.0f} | {each} |")
    print(json.dumps(rows))
    if given.out:
        plot(rows, given.out)


if __name__ == "__main__":
    main()
