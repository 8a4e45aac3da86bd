"""Divides a task into sub-goals with checks, as a model writes them and acceptance lets them pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from skilllib.curriculum.acceptance import Acceptance
from skilllib.curriculum.proposal import Proposal, mended, proposals, task_of
from skilllib.curriculum.view import fact_names, primitive_lines
from skilllib.errors import InvalidCheck
from skilllib.memory import Memory
from skilllib.prompts import Part, lines
from skilllib.prompts.role import Role
from skilllib.prompts.shown import clipped, facts_text
from skilllib.records.check import Check
from skilllib.records.facts import Facts
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Observation

FIXED = 100.0
"""Worth of what is left out last."""


@dataclass(frozen=True, kw_only=True)
class Decomposer:
    """Asks a model for the sub-goals of a task, and again where what it wrote cannot be used."""

    spec: EnvironmentSpec
    role: Role
    """Who divides; of the purpose `decompose`."""
    memory: Memory
    asks: int = 3
    """How often a model is asked for one decomposition, the first time included."""

    def sub_goals(self, task: Task, observation: Observation, *, skills: Sequence[Skill], failed: Sequence[str]) -> list[Task]:
        """Return sub-goals in the order in which they are to be reached; an empty list if nothing usable was written.

        Args:
            task: What is to be divided.
            observation: What there is now.
            skills: The skills to be used, the most useful first.
            failed: What failed so far, a line each.

        Raises:
            ModelError: The model gave no reply.
        """
        refused: list[str] = []
        for number in range(self.asks):
            given = proposals(self.role.ask(self._parts(task, observation, skills, [*failed, *refused]), again=number))
            tasks, problems = self._judged(given, observation.facts)
            if tasks and not problems:
                return tasks
            refused += problems or ["no line had the form goal | check"]
        return []

    def _judged(self, given: Sequence[Proposal], facts: Facts) -> tuple[list[Task], list[str]]:
        """Return the sub-goals as tasks, and what is wrong with them; one bad line spoils the order of the others."""
        acceptance = Acceptance(spec=self.spec, memory=self.memory)
        tasks: list[Task] = []
        problems: list[str] = []
        for one in given:
            try:
                check = mended(one.check, self.spec)
                problem = None if Check(check).holds(facts, facts) else acceptance.problem(check, facts)
                if problem is None:
                    tasks.append(task_of(Proposal(one.goal, check), self.spec, {}))
            except InvalidCheck as error:
                problem = str(error)
            if problem is not None:
                problems.append(f"{one.goal} | {one.check}: {problem}")
        if tasks and not problems and all(holds(sub, facts) for sub in tasks):
            problems.append("everything you wrote is true already, and the task is not done")
        return tasks, problems

    def _parts(self, task: Task, observation: Observation, skills: Sequence[Skill], failed: Sequence[str]) -> list[Part]:
        """Return what fills the prompt; the last skills and the oldest failures are left out first."""
        return [
            Part("facts", fact_names(self.spec), inf),
            Part("primitives", primitive_lines(self.spec.primitives), inf),
            Part("task", task.goal, inf),
            Part("done", f"`{task.check}` is true" if task.check else "", FIXED),
            Part("state", clipped(observation.text, 800), FIXED),
            *lines("state", facts_text(observation.facts), FIXED),
            *(Part("skills", skill_line(skill), 1 - i / len(skills)) for i, skill in enumerate(skills)),
            *(Part("failed", line, 1 + i) for i, line in enumerate(dict.fromkeys(failed))),
        ]


def skill_line(skill: Skill) -> str:
    """Return a skill with what it makes true, on one line."""
    checks = "; ".join(dict.fromkeys(provision.check for provision in skill.contract.provides))
    return f"{skill.signature()}: {clipped(skill.description)} | {checks}"


def holds(task: Task, facts: Facts, before: Facts | None = None) -> bool:
    """Return whether a task's check holds for these facts, compared with earlier ones or with themselves."""
    check = task.parsed_check()
    return check is not None and check.holds(facts if before is None else before, facts, task.arguments())
