"""What a run has come to so far; follows from its attempts alone, so a resumed run has the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

from skilllib.models.account import Account
from skilllib.records.base import Json
from skilllib.records.check import Check
from skilllib.records.execution import Attempt, Route
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec


@dataclass(kw_only=True)
class Progress:
    """Counts attempts, steps and what was reached in the run's own world."""

    spec: EnvironmentSpec
    account: Account = field(default_factory=Account)
    """Of calls to language models; stays empty without one."""
    attempts: int = 0
    tasks_proposed: int = 0
    tasks_solved: int = 0
    steps_awake: int = 0
    """World steps of attempts."""
    steps_choosing: int = 0
    """World steps of candidates that were run so that one could be chosen."""
    steps_proving: int = 0
    """World steps of re-executions on fresh worlds."""
    routes: dict[str, dict[str, float]] = field(default_factory=lambda: {route: _nothing_yet() for route in get_args(Route)})
    """By route: its attempts, how many of them solved their task, and what they cost."""
    goals: list[dict[str, Json]] = field(default_factory=list)
    milestones: list[dict[str, Json]] = field(default_factory=list)

    @property
    def environment_steps(self) -> int:
        """All world steps of the run."""
        return self.steps_awake + self.steps_choosing + self.steps_proving

    @property
    def model_calls(self) -> int:
        """Requests to language models, those that failed included."""
        return self.account.calls

    @property
    def tokens(self) -> int:
        """Tokens in and out of all calls."""
        return self.account.tokens

    @property
    def usd(self) -> float:
        """Money they cost."""
        return self.account.usd

    def proposed(self) -> None:
        """Count a task."""
        self.tasks_proposed += 1

    def add(self, task: Task, attempt: Attempt) -> list[str]:
        """Count an attempt and return the names of the milestones it was the first to reach."""
        self.attempts += 1
        before = self.environment_steps
        self.steps_choosing += attempt.steps_choosing
        start = self.environment_steps
        new = self._milestones(attempt, start)
        self.steps_awake += attempt.execution.world_steps
        self.steps_proving += attempt.proof.world_steps if attempt.proof else 0
        self._count_route(attempt, steps=self.environment_steps - before)
        if attempt.solved:
            self.tasks_solved += 1
            if task.id not in {goal["goal"] for goal in self.goals}:
                self.goals.append({"goal": task.id, "attempt": attempt.number, "step": start + attempt.execution.world_steps})
        return new

    def _count_route(self, attempt: Attempt, *, steps: int) -> None:
        asked = sum(call.tries for call in attempt.model_calls)
        spent = {"model_calls": asked, "tokens": attempt.tokens, "usd": attempt.usd, "world_steps": steps}
        for key, value in {"attempts": 1, "solved": int(attempt.solved), **spent}.items():
            self.routes[attempt.route][key] += value

    def _milestones(self, attempt: Attempt, start: int) -> list[str]:
        known = {milestone["milestone"] for milestone in self.milestones}
        before, after = attempt.execution.before.facts, attempt.execution.after.facts
        new = []
        for milestone in self.spec.milestones:
            check = Check(milestone.check)
            if milestone.name not in known and check.holds(before, after) and not check.holds(before, before):
                step = start + _steps_until(attempt, check.facts())
                self.milestones.append({"milestone": milestone.name, "attempt": attempt.number, "step": step})
                new.append(milestone.name)
        return new

    def summary(self, *, seed: int, writer: str, skills: dict[str, int], shares: tuple[float, float]) -> dict[str, Json]:
        """Return the run's summary but for the time it took."""
        composed, parameterised = shares
        return {
            "environment": self.spec.name,
            "seed": seed,
            "writer": writer,
            "attempts": self.attempts,
            "tasks_proposed": self.tasks_proposed,
            "tasks_solved": self.tasks_solved,
            "routes": {route: dict(figures) for route, figures in self.routes.items()},
            "goals_reached": list(self.goals),
            "milestones_reached": list(self.milestones),
            "milestones_total": len(self.spec.milestones),
            "skills": skills,
            "composed_share": composed,
            "parameterised_share": parameterised,
            "environment_steps": self.environment_steps,
            "steps_awake": self.steps_awake,
            "steps_choosing": self.steps_choosing,
            "steps_proving": self.steps_proving,
            "model_calls": self.account.calls,
            "tokens": self.account.tokens,
            "usd": round(self.account.usd, 6),
        }


def _nothing_yet() -> dict[str, float]:
    return {"attempts": 0, "solved": 0, "model_calls": 0, "tokens": 0, "usd": 0.0, "world_steps": 0}


def _steps_until(attempt: Attempt, facts: Sequence[str]) -> int:
    """Return the world steps an attempt had used when the last of some facts first changed."""
    used, found = 0, 0
    waiting = set(facts)
    for step in attempt.execution.trajectory:
        used += step.outcome.steps
        if waiting & step.changes.keys():
            found = used
            waiting -= step.changes.keys()
    return found or used
