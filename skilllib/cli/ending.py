"""What is printed when a run has ended: what was reached, what was not and why, and where to look next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from skilllib.cli.output import seconds_text, table
from skilllib.records.world import EnvironmentSpec
from skilllib.report.account import unreached
from skilllib.report.costs import Cost, usd_text

ENDINGS = {
    "max_attempts": "the budget of attempts is spent (go on with `--resume --max-attempts N`)",
    "max_steps": "the budget of world steps is spent (go on with `--resume --max-steps N`)",
    "max_seconds": "the time is over (go on with `--resume --max-seconds S`)",
    "model": "a model gave no reply that could be used",
    "nothing_left": "nothing was left in reach",
    "interrupted": "interrupted",
    "failed": "an error ended it",
}


def show(
    console: Console, summary: dict[str, Any], events: list[dict[str, Any]], spec: EnvironmentSpec, folder: Path, library: str
) -> None:
    """Print the end of a run."""
    _print_reached(console, summary)
    lacking = unreached([milestone.name for milestone in spec.milestones], summary, events)
    if lacking:
        rows = table("milestone not reached", "why", title="")
        by_reason: dict[str, list[str]] = {}
        for name, why in lacking.items():
            by_reason.setdefault(why, []).append(name)
        for why, names in by_reason.items():
            rows.add_row(", ".join(names), Text(why, style="dim"))
        console.print(rows)
    _print_figures(console, summary)
    if summary["ended"] == "interrupted":
        console.print(f"Interrupted; nothing is lost. Go on with: skilllib learn --resume --run {folder}", style="bold yellow")
    else:
        spent = f"{summary['why']}, and go on with `--resume`" if summary["ended"] == "budget" else ""
        console.print(f"The run ended: {spent or ENDINGS[summary['ended']]}.")
    if summary["ended"] == "model":
        console.print(f"Nothing is lost. Once its server, key or account is mended: skilllib learn --resume --run {folder}")
        console.print("A run keeps its models and prompts. For others begin a new run; it goes on from the same library.")
    where = "" if library == "skill-library" else f" --library {library}"
    console.print(f"Look at it with: skilllib report {folder}   skilllib search{where} 'what it should do'", style="dim")


def _print_reached(console: Console, summary: dict[str, Any]) -> None:
    reached = summary["milestones_reached"]
    rows = table("milestone reached", "attempt", "step", title="", right=("attempt", "step"))
    for milestone in reached:
        rows.add_row(milestone["milestone"], str(milestone["attempt"]), f"{milestone['step']:,}")
    if reached:
        console.print(rows)


def _print_figures(console: Console, summary: dict[str, Any]) -> None:
    skills = ", ".join(f"{count} {status}" for status, count in summary["skills"].items() if count) or "none"
    line = Text("\n").append(f"{len(summary['milestones_reached'])} of {summary['milestones_total']} milestones", style="bold")
    line.append(f", {summary['tasks_solved']} tasks solved in {summary['attempts']} attempts, ")
    line.append(f"{summary['environment_steps']:,} world steps ({summary['steps_proving']:,} of them in proofs), ")
    line.append(seconds_text(summary["seconds"]))
    console.print(line)
    if summary["model_calls"]:
        _print_costs(console, summary)
    shares = f"{summary['composed_share']:.0%} of the active ones call another, "
    shares += f"{summary['parameterised_share']:.0%} have an argument that matters"
    console.print(Text("skills: ", style="bold").append(skills).append(f"; {shares}", style="dim"))


def _print_costs(console: Console, summary: dict[str, Any]) -> None:
    spent = Cost(calls=summary["model_calls"], tokens=summary["tokens"], usd=summary["usd"])
    per = f", {summary['tokens'] / summary['tasks_solved']:,.0f} tokens for each solved task" if summary["tasks_solved"] else ""
    console.print(Text("model: ", style="bold").append(f"{spent}{per}"))
    numbers = ("attempts", "solved", "calls", "tokens", "$", "steps")
    rows = table("route", *numbers, title="", right=numbers)
    for route, figures in summary["routes"].items():
        if figures["attempts"]:
            counts = (f"{figures[key]:,}" for key in ("attempts", "solved", "model_calls", "tokens"))
            rows.add_row(route, *counts, usd_text(figures["usd"]), f"{figures['world_steps']:,}")
    if rows.row_count:
        console.print(rows)
