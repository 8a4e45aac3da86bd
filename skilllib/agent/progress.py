"""What a run has come to so far; follows from its attempts alone, so a resumed run has the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from skilllib.records.base import Json
from skilllib.records.check import Check
from skilllib.records.execution import Attempt
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec


@dataclass(kw_only=True)
class Progress:
    """Counts attempts, steps and what was reached in the run's own world."""

    spec: EnvironmentSpec
    attempts: int = 0
    tasks_proposed: int = 0
    tasks_solved: int = 0
    steps_awake: int = 0
    """World steps of attempts."""
    steps_proving: int = 0
    """World steps of re-executions on fresh worlds."""
    tokens: int = 0
    usd: float = 0.0
    routes: dict[str, int] = field(default_factory=lambda: {"written": 0, "reused": 0})
    """How many tasks were solved by a new program and by an active skill as it was."""
    goals: list[dict[str, Json]] = field(default_factory=list)
    milestones: list[dict[str, Json]] = field(default_factory=list)

    @property
    def environment_steps(self) -> int:
        """All world steps of the run."""
        return self.steps_awake + self.steps_proving

    def proposed(self) -> None:
        """Count a task."""
        self.tasks_proposed += 1

    def add(self, task: Task, attempt: Attempt) -> list[str]:
        """Count an attempt and return the names of the milestones it was the first to reach."""
        self.attempts += 1
        start = self.environment_steps
        new = self._milestones(attempt, start)
        self.steps_awake += attempt.execution.world_steps
        self.steps_proving += sum(trial.world_steps for trial in attempt.proof.trials) if attempt.proof else 0
        self.tokens += attempt.tokens
        self.usd += attempt.usd
        if attempt.solved:
            self.tasks_solved += 1
            self.routes["reused" if attempt.reuses else "written"] += 1
            if task.id not in {goal["goal"] for goal in self.goals}:
                self.goals.append({"goal": task.id, "attempt": attempt.number, "step": start + attempt.execution.world_steps})
        return new

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
            "tasks_by_route": dict(self.routes),
            "goals_reached": list(self.goals),
            "milestones_reached": list(self.milestones),
            "milestones_total": len(self.spec.milestones),
            "skills": skills,
            "composed_share": composed,
            "parameterised_share": parameterised,
            "environment_steps": self.environment_steps,
            "steps_awake": self.steps_awake,
            "steps_proving": self.steps_proving,
            "model_calls": 0,
            "tokens": self.tokens,
            "usd": self.usd,
        }


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
