"""A curriculum that chooses without judgement: the ablation."""

from __future__ import annotations

import numpy as np

from skilllib.curriculum.frontier import FrontierCurriculum
from skilllib.memory import Memory
from skilllib.protocols import SkillSource
from skilllib.records.execution import Trace
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Observation


class RandomCurriculum:
    """Chooses uniformly among the same goals as the frontier curriculum, whether they are in reach or not.

    Args:
        spec: The environment's specification.
        memory: Experience of calls; tells what is obtainable.
        skills: The library; a goal that an active skill reaches and that was reached is not set again.
        seed: Of the choices.
    """

    def __init__(self, spec: EnvironmentSpec, *, memory: Memory, skills: SkillSource, seed: int) -> None:
        self._goals = FrontierCurriculum(spec, memory=memory, skills=skills)
        self._seed = seed
        self._tasks = 0

    def propose(self, observation: Observation) -> Task | None:
        """Return a task drawn from all goals not yet reached."""
        tasks = self._goals.goals(observation)
        if not tasks:
            return None
        generator = np.random.default_rng([self._seed, self._tasks])
        return tasks[int(generator.integers(len(tasks)))]

    def record(self, trace: Trace) -> None:
        """Take note of how a task went."""
        self._tasks += 1
        self._goals.record(trace)
