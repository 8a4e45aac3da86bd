"""Watches a run: writes its events down, keeps the figures a person wants to see, and tells a display."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from skilllib.library import SkillLibrary
from skilllib.records.base import Json
from skilllib.report.costs import Cost
from skilllib.report.figures import by_status, composed_share
from skilllib.runs import RunFolder


@dataclass(kw_only=True)
class State:
    """What a display shows."""

    environment: str
    milestones_total: int = 0
    task: str = ""
    goal: str = ""
    program: str = ""
    doing: str = "starting"
    attempts: int = 0
    tasks: int = 0
    steps: int = 0
    milestones: list[str] = field(default_factory=list)
    skills: dict[str, int] = field(default_factory=dict)
    composed: float = 0.0
    spent: Cost = field(default_factory=Cost)
    """What models cost in the whole run."""
    since: Cost = field(default_factory=Cost)
    """What they cost since the last attempt."""
    asking: str = ""
    """What a model is being asked at this moment."""
    asked: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the state was made."""
        return time.monotonic() - self.started


Display = Callable[[str, dict[str, Json], State], None]


class Logbook:
    """A `protocols.Recorder`: every event goes to the run folder first, then to the display.

    Args:
        state: What is kept up to date.
        display: Is told each event.
    """

    def __init__(self, state: State, display: Display) -> None:
        self.state, self._display = state, display
        self._run: RunFolder | None = None
        self._library: SkillLibrary | None = None

    def begin(self, run: RunFolder, library: SkillLibrary) -> None:
        """Begin to write into a run folder."""
        self._run, self._library = run, library
        self._look()

    def __call__(self, event: str, **fields: Json) -> None:
        """Take note of one event; that a model is being asked is shown and not kept."""
        if event == "asking":
            self.state.asking, self.state.asked = f"{fields['purpose']}, {fields['model']}", time.monotonic()
            self._display(event, fields, self.state)
            return
        if event == "attempt":
            self._attempted(fields)
            fields = {**fields, "skills": dict(self.state.skills)}
        elif event == "model_call":
            self._called(fields)
        elif event == "task":
            self.state.task, self.state.goal, self.state.doing = fields["task"], fields["goal"], "writing"
            self.state.tasks = fields["number"]
        elif event == "proving":
            self.state.program, self.state.doing = fields["program"], "executing it again on fresh worlds"
        if self._run is not None:
            self._run(event, **fields)
        self._display(event, fields, self.state)
        if event == "attempt":
            self.state.since = Cost()

    def _called(self, fields: dict[str, Json]) -> None:
        tokens = fields["tokens_in"] + fields["tokens_out"]
        one = Cost(calls=fields["tries"], tokens=tokens, usd=fields["usd"], seconds=fields["seconds"])
        self.state.asking, self.state.spent, self.state.since = "", self.state.spent + one, self.state.since + one

    def _attempted(self, fields: dict[str, Json]) -> None:
        state = self.state
        state.attempts, state.steps, state.doing = fields["number"], fields["steps"], "writing"
        state.program = fields["program"]
        state.milestones += fields["milestones"]
        if fields["lower_bound"] is not None:  # there was a proof, so the library has a skill more, if only on trial
            self._look()

    def _look(self) -> None:
        if self._library is not None:
            skills = self._library.skills()
            self.state.skills, self.state.composed = by_status(skills), composed_share(skills)
