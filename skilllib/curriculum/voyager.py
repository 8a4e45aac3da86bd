"""Voyager's automatic curriculum: the model alone proposes the next task, and nothing of ours chooses among tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from skilllib.curriculum.acceptance import Acceptance
from skilllib.curriculum.history import History
from skilllib.curriculum.proposal import Proposal, mended, proposals
from skilllib.curriculum.questions import Questions
from skilllib.curriculum.view import fact_names, primitive_lines, revealed
from skilllib.errors import InvalidCheck, ModelUseless
from skilllib.memory import Memory
from skilllib.prompts import Part
from skilllib.prompts.role import Role
from skilllib.protocols import Recorder
from skilllib.records.base import content_hash
from skilllib.records.execution import Trace
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Observation

FIXED = 1000.0
"""Worth of what the prompt cannot do without."""


@dataclass(kw_only=True)
class VoyagerCurriculum:
    """Takes the first task that a model proposes, judged by nothing but whether its check could be measured afterwards.

    The model sees the state, more of it with every solved task, and all solved and failed tasks; no milestones, no skills,
    no signals, no reasons of failures. Amounts stay in the words of a task, vital needs are the model's own concern, and
    there are no exercises. All of it follows from the traces.

    Args:
        spec: The environment's specification.
        role: Who proposes.
        questions: Asked about every task.
        recorder: Is told what was proposed and chosen.
        warm_up: Solved tasks after which the whole state is shown.
        asks: How often a model is asked for one task, the first time included.
    """

    spec: EnvironmentSpec
    role: Role
    questions: Questions
    recorder: Recorder | None = None
    warm_up: int = 8
    asks: int = 5
    _history: History = field(init=False, default_factory=History)
    _failures: list[str] = field(init=False, default_factory=list)
    """Goals of failed tasks, each as often as it failed: that is what keeps a model that answers alike from asking alike."""

    def propose(self, observation: Observation) -> Task | None:
        """Return the first task of a reply that has a sound check, or after some replies the first one without.

        Raises:
            ModelUseless: No reply had the form of a task.
            ModelError: The model gave no reply.
        """
        unsound: list[Proposal] = []
        for again in range(self.asks):
            given = proposals(self.role.ask(self._parts(observation), again=again))
            for one in given:
                if (check := self._sound(one, observation)) is not None:
                    return self._chosen(one.goal, check)
            unsound += given
        if not unsound:
            raise ModelUseless(f"the model proposed no task in {self.asks} replies; look at them on the tape")
        return self._chosen(unsound[0].goal, None)

    def record(self, trace: Trace) -> None:
        """Take note of how a task went."""
        self.questions.note(trace)
        self._history.add(trace)
        self._failures += [] if trace.solved else [trace.task.goal]

    def _sound(self, one: Proposal, observation: Observation) -> str | None:
        """Return a proposal's check if it can tell success from doing nothing, so that opinions can be measured against it."""
        try:
            check = mended(one.check, self.spec)
        except InvalidCheck:
            return None
        problem = Acceptance(spec=self.spec, memory=Memory()).problem(check, observation.facts)
        return check if problem is None else None

    def _chosen(self, goal: str, check: str | None) -> Task:
        task = Task(id=f"voyager:{content_hash([goal, check])[:12]}", environment=self.spec.name, goal=goal, check=check)
        if self.recorder is not None:
            self.recorder("chosen", task=task.id, goal=goal, reason="proposed")
        return self.questions.posed(task, skills="", failed="")

    def _parts(self, observation: Observation) -> list[Part]:
        state = revealed(self.spec, observation, solved=len(self._history.solved), warm_up=self.warm_up)
        failed = [goal for goal in self._failures if goal not in self._history.solved.values()]
        return [
            Part("facts", fact_names(self.spec), inf),
            Part("primitives", primitive_lines(self.spec.primitives), inf),
            Part("state", state, FIXED),
            *_listed("solved", list(self._history.solved.values())),
            *_listed("failed", failed),
        ]


def _listed(slot: str, goals: Sequence[str]) -> list[Part]:
    return [Part(slot, goal, i / len(goals)) for i, goal in enumerate(goals)]
