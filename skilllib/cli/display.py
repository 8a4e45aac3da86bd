"""Shows a run while it goes on: one live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from skilllib.cli.logbook import State
from skilllib.cli.output import STATUS_STYLES, seconds_text
from skilllib.records.base import Json

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
    """One line for each attempt, and one for each task."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, event: str, fields: dict[str, Json], state: State) -> None:
        """Print what is worth a line."""
        if event == "task":
            self._console.print(Text(f"task {fields['number']}: {fields['goal']}", style="bold"))
        elif event == "attempt":
            self._console.print(attempt_line(fields, state))

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Full:
    """A panel that stays at the bottom; what was solved or learned scrolls away above it."""

    def __init__(self, console: Console) -> None:
        self._state: State | None = None
        self._live = Live(get_renderable=self._panel, console=console, refresh_per_second=4, transient=True)

    def __call__(self, event: str, fields: dict[str, Json], state: State) -> None:
        """Update the panel; print what will be worth reading later."""
        self._state = state
        if event == "attempt":
            self._live.console.print(attempt_line(fields, state))

    def __enter__(self) -> Full:
        self._live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.__exit__(kind, error, trace)

    def _panel(self) -> Group | Panel:
        return panel(self._state) if self._state else Group(Text("starting …", style="dim"))


def attempt_line(fields: dict[str, Json], state: State) -> Text:
    """Return one attempt in a line."""
    solved, skill = fields["solved"], fields["skill"]
    line = Text(f"{fields['number']:>5} ", style="dim")
    line.append("✓ " if solved else "✗ ", style="green" if solved else "red")
    line.append(fields["program"], style="bold" if skill else "")
    if skill:
        line.append(f"  new skill, success ≥ {fields['lower_bound']:.0%}", style="green")
    elif solved:
        line.append("  solved with a skill it has" if fields["route"] == "run" else "  solved, no new skill", style="cyan")
    if not solved or not skill:
        line.append(f"  {_short(fields['reason'] or '')}", style="dim")
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
    rows.add_row("steps", f"{state.steps:,}   {seconds_text(state.seconds)}")
    return Panel(
        rows,
        title=f"learning {state.environment}",
        subtitle="Ctrl-C stops; nothing is lost",
        title_align="left",
        subtitle_align="left",
    )
