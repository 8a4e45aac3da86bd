"""Shows a run while it goes on: one live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from skilllib.cli.logbook import State
from skilllib.cli.output import STATUS_STYLES, seconds_text
from skilllib.cli.transcript import Transcript
from skilllib.records.base import Json
from skilllib.report.costs import usd_text

REASON = 90
"""Characters of a reason that are shown; the event log has all of it."""


class Quiet:
    """Shows nothing."""

    def __call__(self, event: str, fields: dict[str, Json], state: State) -> None:
        """Do nothing."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Plain:
    """One line for each task, model call and attempt."""

    def __init__(self, console: Console, transcript: Transcript | None = None) -> None:
        self._console, self._transcript = console, transcript

    def __call__(self, event: str, fields: dict[str, Json], state: State) -> None:
        """Print what is worth a line."""
        if event == "task":
            self._console.print(Text(f"task {fields['number']}: {fields['goal']}", style="bold"))
        elif event == "model_call":
            self._console.print(call_line(fields))
        print_if_lasting(self._console, event, fields, state, self._transcript)

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Full:
    """A panel that stays at the bottom; what was solved or learned scrolls away above it."""

    def __init__(self, console: Console, transcript: Transcript | None = None) -> None:
        self._state: State | None = None
        self._transcript = transcript
        self._live = Live(get_renderable=self._panel, console=console, refresh_per_second=4, transient=True)

    def __call__(self, event: str, fields: dict[str, Json], state: State) -> None:
        """Update the panel; print what will be worth reading later."""
        self._state = state
        print_if_lasting(self._live.console, event, fields, state, self._transcript)

    def __enter__(self) -> Full:
        self._live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.__exit__(kind, error, trace)

    def _panel(self) -> Group | Panel:
        return panel(self._state) if self._state else Group(Text("starting …", style="dim"))


Display = Quiet | Plain | Full


def print_if_lasting(console: Console, event: str, fields: dict[str, Json], state: State, transcript: Transcript | None) -> None:
    """Print what will be worth reading later: attempts, refused replies and, where wanted, what was asked and answered."""
    if event == "attempt":
        console.print(attempt_line(fields, state))
    elif event == "refused_reply":
        console.print(Text(f"      refused ({fields['purpose']}): ", style="yellow").append(_short(fields["problem"]), style="dim"))
    elif event == "model_call" and transcript is not None:
        console.print(transcript.exchange(fields["request"]))


def call_line(fields: dict[str, Json]) -> Text:
    """Return one model call in a line."""
    tokens = f"{fields['tokens_in']:,} + {fields['tokens_out']:,} tokens"
    money = f", {usd_text(fields['usd'])}" if fields["usd"] else ""
    return Text(f"      {fields['purpose']}: {tokens}{money}, {seconds_text(fields['seconds'])}, {fields['model']}", style="dim")


def attempt_line(fields: dict[str, Json], state: State) -> Text:
    """Return one attempt in a line."""
    solved, skill = fields["solved"], fields["skill"]
    line = Text(f"{fields['number']:>5} ", style="dim")
    line.append("✓ " if solved else "✗ ", style="green" if solved else "red")
    line.append(fields["program"], style="bold" if skill else "")
    if skill:
        line.append(f"  new skill, success ≥ {fields['lower_bound']:.0%}", style="green")
    elif solved:
        line.append("  solved with a skill it has" if fields["reuses"] else "  solved, no new skill", style="cyan")
    if not solved or not skill:
        line.append(f"  {_short(fields['reason'] or '')}", style="dim")
    if state.spent:
        line.append(f"  [{fields['route']}, {state.since}]", style="blue")
    if fields["milestones"]:
        line.append(f"  ★ {', '.join(fields['milestones'])}", style="bold yellow")
        line.append(f" ({len(state.milestones)} of {state.milestones_total})", style="yellow")
    return line


def _short(reason: str) -> str:
    line = " ".join(reason.partition(" (missing: ")[0].split())
    return line if len(line) <= REASON else line[: REASON - 1] + "…"


def panel(state: State) -> Panel:
    """Return the panel of a state."""
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    rows.add_row("task", f"{state.tasks}: {state.goal}")
    rows.add_row("attempt", f"{state.attempts + 1}: {state.program}  ({state.doing})")
    total = max(1, state.milestones_total)
    bar = Table.grid(padding=(0, 1, 0, 0))
    bar.add_row(
        ProgressBar(total=total, completed=len(state.milestones), width=30), f"{len(state.milestones)} of {state.milestones_total}"
    )
    rows.add_row("milestones", bar)
    skills = Text(", ").join(Text(f"{count} {status}", STATUS_STYLES[status]) for status, count in state.skills.items() if count)
    rows.add_row("skills", (skills or Text("none yet", style="dim")).append(f"   {state.composed:.0%} composed", style="dim"))
    if state.spent or state.asking:
        rows.add_row("model", _model(state))
    rows.add_row("steps", f"{state.steps:,}   {seconds_text(state.seconds)}")
    return Panel(
        rows,
        title=f"learning {state.environment}",
        subtitle="Ctrl-C stops; nothing is lost",
        title_align="left",
        subtitle_align="left",
    )


def _model(state: State) -> Text:
    line = Text(str(state.spent))
    if state.asking:
        line.append(f"   asking: {state.asking}, {seconds_text(time.monotonic() - state.asked)}", style="blue")
    return line
