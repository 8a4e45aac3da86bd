"""The frozen curriculum: chooses among what a library can do, and learns nothing."""

from __future__ import annotations

from skilllib.curriculum.frontier import Provided
from skilllib.curriculum.goals import milestone_task, reached, vital_task
from skilllib.curriculum.standing import pressing
from skilllib.protocols import SkillSource
from skilllib.records.execution import Execution
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Observation

FAILURES = 12
"""Failures in one life after which a goal is given up."""


class FrozenCurriculum:
    """Proposes milestones that active skills reach, in one life; vital needs that press come first.

    Of the goals that failed least so far, the one with the most reliable skill is next, then the cheapest, then the first
    by name.

    Args:
        spec: The environment's specification.
        skills: The frozen library.
    """

    def __init__(self, spec: EnvironmentSpec, *, skills: SkillSource) -> None:
        self._spec = spec
        self.reached: dict[str, int] = {}
        """Milestone → world steps of this life when it was reached."""
        self._failed: dict[str, int] = {}
        provided = Provided(skills, spec)
        self._vital = {need.fact: vital_task(spec, need) for need in spec.vital_needs if provided.raises(need.fact)}
        self._tasks = {m.name: milestone_task(spec, m) for m in spec.milestones if provided.task(milestone_task(spec, m))}
        self._order = {name: (-reliability, cost) for name, (reliability, cost) in provided.figures(self._tasks).items()}

    def propose(self, observation: Observation) -> Task | None:
        """Return the next task, or None when everything in reach was reached or given up."""
        for fact in pressing(self._spec, observation.facts):
            task = self._vital.get(fact)
            if task is not None and self._failed.get(task.id, 0) < FAILURES:
                return task
        left = [name for name in self._tasks if name not in self.reached and self._failed.get(self._tasks[name].id, 0) < FAILURES]
        if not left:
            return None
        return self._tasks[min(left, key=lambda name: (self._failed.get(self._tasks[name].id, 0), self._order[name], name))]

    def note(self, task: Task, execution: Execution, *, solved: bool, steps: int) -> None:
        """Take note of how a task went in this life, and of every milestone reached on the way."""
        if not solved:
            self._failed[task.id] = self._failed.get(task.id, 0) + 1
        elif not task.lasting:
            self._failed.pop(task.id, None)
        for milestone in self._spec.milestones:
            if milestone.name not in self.reached and reached(milestone.check, execution.before.facts, execution.after.facts):
                self.reached[milestone.name] = steps
