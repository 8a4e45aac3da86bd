"""Gathers what a report tells of a run: its folder, and its library where that can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skilllib.errors import LibraryError, RunError
from skilllib.library import SkillLibrary
from skilllib.records.skill import Effect, Skill, Statistics
from skilllib.report.conversation import Conversation, conversation
from skilllib.report.costs import Cost, skill_costs
from skilllib.runs import RunFolder


@dataclass(frozen=True, kw_only=True)
class SkillPage:
    """A skill with what was measured of it."""

    skill: Skill
    statistics: Statistics
    effects: tuple[Effect, ...]
    mine: bool
    """True if this run learned it."""
    cost: Cost = field(default_factory=Cost)
    """What models cost until it was learned, as far as this run knows."""


@dataclass(kw_only=True)
class TaskPage:
    """A task of a run: all rounds of it together."""

    task: str
    goal: str
    rounds: int = 0
    attempts: int = 0
    solved: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """Why attempts failed → how often."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Everything a report tells."""

    folder: Path
    options: Mapping[str, Any]
    summary: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    skills: Sequence[SkillPage]
    library: str
    conversation: Conversation = field(default_factory=Conversation)
    fault: str = ""
    """Why the library could not be read, if it could not."""

    @property
    def attempts(self) -> list[Mapping[str, Any]]:
        """The events of attempts, in order; one that was written twice counts once."""
        return list({event["number"]: event for event in self.events if event.get("event") == "attempt"}.values())

    def tasks(self) -> list[TaskPage]:
        """Return the tasks in the order in which they were first set."""
        return tasks_of(self.events)


def gather(folder: Path, library: str, tape: Path | None = None) -> Account:
    """Return the account of a run; without its summary there is none, without its library or its tape less of it.

    Args:
        folder: The run folder.
        library: Folder of the library.
        tape: File on which requests and replies were recorded; by default the one in the run folder.

    Raises:
        RunError: The folder is not a run folder, or the run has left no summary yet.
    """
    run, name = RunFolder.open(folder), folder.resolve().name
    events, skills, said, fault = list(run.events()), list[SkillPage](), Conversation(), ""
    try:
        with SkillLibrary.open(library) as opened:
            skills = _skills(opened, name)
            said = conversation(opened, name, tape or folder / "tape.jsonl", events)
    except LibraryError as error:
        fault = f"{type(error).__name__}: {error}"
    return Account(
        folder=folder,
        options=run.options,
        summary=run.summary(),
        events=events,
        skills=skills,
        library=library,
        conversation=said,
        fault=fault,
    )


def _skills(library: SkillLibrary, run: str) -> list[SkillPage]:
    costs = skill_costs(library, run)
    return [
        SkillPage(
            skill=skill,
            statistics=library.statistics(skill.code_hash),
            effects=library.effects(skill.code_hash),
            mine=skill.provenance.run == run,
            cost=costs.get(skill.version_hash, Cost()),
        )
        for skill in library.skills()
    ]


def tasks_of(events: Sequence[Mapping[str, Any]]) -> list[TaskPage]:
    """Return the tasks of a run from its events."""
    found: dict[str, TaskPage] = {}
    for event in events:
        name = str(event.get("task", ""))
        if event.get("event") == "task":
            page = found.setdefault(name, TaskPage(task=name, goal=str(event.get("goal", name))))
            page.rounds += 1
        elif event.get("event") == "attempt":
            page = found.setdefault(name, TaskPage(task=name, goal=name))
            page.attempts += 1
            page.solved += bool(event.get("solved"))
            if not event.get("solved"):
                reason = str(event.get("reason") or "no reason given")
                page.reasons[reason] = page.reasons.get(reason, 0) + 1
    return list(found.values())


def unreached(milestones: Sequence[str], summary: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return each milestone that was not reached → why: what stood in the way of the last attempt at it."""
    reached = {str(milestone["milestone"]) for milestone in summary.get("milestones_reached", ())}
    pages = {page.task: page for page in tasks_of(events)}
    last = {str(event["task"]): str(event.get("reason") or "") for event in events if event.get("event") == "attempt"}
    tasks = {name: f"milestone:{name}" for name in milestones if name not in reached}
    return {name: _why(pages.get(task), last.get(task, "")) for name, task in tasks.items()}


def _why(page: TaskPage | None, reason: str) -> str:
    if page is None:
        return "never tried: other tasks came first"
    if not page.attempts:
        return "set as a task, but there was no program to try"
    return f"{page.attempts} attempt{'s' if page.attempts > 1 else ''}; the last one: {reason.partition(' (missing: ')[0]}"


def picked(account: Account, most: int) -> list[Mapping[str, Any]]:
    """Return at most so many attempts that reached a milestone, spread evenly over the run, the last one among them.

    Raises:
        RunError: The summary has another form.
    """
    try:
        reached: dict[int, list[str]] = {}
        for milestone in account.summary["milestones_reached"]:
            reached.setdefault(int(milestone["attempt"]), []).append(str(milestone["milestone"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"the summary of {str(account.folder)!r} names no milestones: {error}") from error
    numbers = sorted(reached)
    if len(numbers) > most:
        numbers = [numbers[round(i * (len(numbers) - 1) / (most - 1))] for i in range(most)]
    return [{"attempt": number, "milestones": reached[number]} for number in numbers]
