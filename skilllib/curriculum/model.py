"""The curriculum with a language model: it proposes several tasks, and the signals of the frontier choose among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf

import numpy as np

from skilllib.curriculum.acceptance import Acceptance
from skilllib.curriculum.frontier import Candidate, FrontierCurriculum, Provided
from skilllib.curriculum.history import History
from skilllib.curriculum.honing import Honing
from skilllib.curriculum.proposal import Proposal, identity, mended, proposals, task_of
from skilllib.curriculum.questions import Questions
from skilllib.curriculum.view import fact_names, primitive_lines, revealed
from skilllib.errors import InvalidCheck
from skilllib.memory import Memory
from skilllib.prompts import Part
from skilllib.prompts.role import Role
from skilllib.prompts.shown import clipped
from skilllib.protocols import Embedder, Recorder, SkillSource, Vectors
from skilllib.records.base import Json
from skilllib.records.check import Check
from skilllib.records.execution import Trace
from skilllib.records.need import Need
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Observation

DISTANCE = 1.0
"""Weight of a goal's distance from the goals set so far, beside the signals of the frontier."""
FITTING = 1.0
"""Weight of a goal's likeness to what the environment shows: what is at hand is easier than what is not."""
PROPOSED = 0.1
"""What a model's new proposal has ahead of the goals that follow from what was seen."""
QUIET = 3
"""Tasks for which a model is not asked again after it proposed nothing that is new and can be used."""
MILESTONES = 40
"""Milestones not reached yet that are listed."""
LINES = 20
"""Solved tasks, failed tasks and skills that are shown, of each."""
SET_ASIDE = "it failed before, and nothing was learned since that helps; ask for what it lacked, or for something else"
FIXED = 100.0
"""Worth of what is left out last."""


@dataclass(frozen=True)
class Accepted:
    """A proposal that may be set as a task."""

    proposal: Proposal
    candidate: Candidate


@dataclass(frozen=True)
class Refused:
    """A proposal that may not, and why."""

    proposal: Proposal
    reason: str


@dataclass(kw_only=True)
class ModelCurriculum:
    """Lets a model propose tasks with checks, and chooses among those that pass acceptance.

    Vital needs that press come first, then exercises when they are due. Else proposals and the frontier's own goals are
    weighed alike: by the signals of the frontier, their distance from the goals set so far, and what is at hand. What was
    proposed and not chosen waits for the tasks to come, so that one call serves several.

    All but that backlog follows from the traces; `state` and `restore` carry it over to a resumed run.
    """

    spec: EnvironmentSpec
    role: Role
    """Who proposes."""
    frontier: FrontierCurriculum
    skills: SkillSource
    memory: Memory
    embedder: Embedder
    honing: Honing
    questions: Questions
    recorder: Recorder | None = None
    """Is told what was proposed, refused and chosen."""
    warm_up: int = 8
    """Solved tasks after which the whole state is shown."""
    asks: int = 2
    """How often a model is asked for one task, the first time included."""
    _history: History = field(init=False, default_factory=History)
    _backlog: list[Proposal] = field(init=False, default_factory=list)
    _quiet: int = field(init=False, default=0)
    _vectors: dict[str, Vectors] = field(init=False, default_factory=dict)

    def propose(self, observation: Observation) -> Task | None:
        """Return the next task, or None when nothing is left in reach.

        Raises:
            ModelError: The model gave no reply.
        """
        goals = self.frontier.candidates(observation)
        urgent = max(goals, key=lambda candidate: candidate.score, default=None)
        if urgent is not None and not urgent.task.lasting:
            return self._chosen(urgent.task, urgent.reason)
        if self.honing.due(self._history.tasks) and (exercise := self.honing.propose(self.frontier.rounds)) is not None:
            return self._chosen(exercise, "an exercise")
        own = max((self._weighed(one, observation) for one in goals), key=lambda one: one.score, default=None)
        best = max(self._proposed(observation), key=lambda one: one.candidate.score, default=None)
        if best is None or (own is not None and own.score > best.candidate.score + PROPOSED * (not self._stale(best))):
            return None if own is None else self._chosen(own.task, f"{own.reason}; no proposal was better")
        self._backlog = [one for one in self._backlog if one != best.proposal]
        return self._chosen(best.candidate.task, best.candidate.reason)

    def record(self, trace: Trace) -> None:
        """Take note of how a task went."""
        self.frontier.record(trace)
        self.questions.note(trace)
        self._history.add(trace)

    def state(self) -> Json:
        """Return what does not follow from the traces."""
        return {"backlog": [[one.goal, one.check] for one in self._backlog], "quiet": self._quiet}

    def restore(self, state: Json) -> None:
        """Take over the state of an interrupted run."""
        self._backlog, self._quiet = [Proposal(*pair) for pair in state["backlog"]], state["quiet"]

    def _chosen(self, task: Task, reason: str) -> Task:
        if self.recorder is not None:
            self.recorder("chosen", task=task.id, goal=task.goal, reason=reason)
        return self.questions.posed(task, skills=self._abilities(), failed=self._history.why(task.id))

    # ---- proposals

    def _proposed(self, observation: Observation) -> list[Accepted]:
        """Return the accepted proposals: those of the backlog that were not tried yet, else what the model says now."""
        accepted, _ = self._judged(self._backlog, observation)
        waiting = [one for one in accepted if not self._stale(one)]
        self._backlog = [one.proposal for one in waiting]
        if waiting:
            return waiting
        if self._quiet:
            self._quiet -= 1
            return []
        accepted = self._asked(observation)
        self._backlog = [one.proposal for one in accepted]
        self._quiet = QUIET if all(map(self._stale, accepted)) else 0
        return accepted

    def _asked(self, observation: Observation) -> list[Accepted]:
        """Ask the model until a proposal is accepted, or often enough."""
        refused: list[Refused] = []
        for again in range(self.asks):
            given = proposals(self.role.ask(self._parts(observation, refused), again=again))
            accepted, fresh = self._judged(given, observation)
            self._told(accepted, fresh)
            if accepted:
                return accepted
            refused += fresh if given else [Refused(Proposal("", ""), "no line had the form goal | check")]
        return []

    def _stale(self, one: Accepted) -> bool:
        """Return whether a proposal was set as a task before, with nothing learned since that it lacked."""
        return self.frontier.stale(one.candidate.task, self.frontier.provided())

    def _judged(self, given: Sequence[Proposal], observation: Observation) -> tuple[list[Accepted], list[Refused]]:
        """Divide proposals into those that may be set as tasks, with their scores, and those that may not."""
        provided = self.frontier.provided()
        tasks, refused = self._sound(given, observation, provided)
        candidates = {c.task.id: c for c in self.frontier.appraised([task for _, task in tasks], provided)}
        accepted = [Accepted(one, self._weighed(candidates[task.id], observation)) for one, task in tasks if task.id in candidates]
        refused += [Refused(one, SET_ASIDE) for one, task in tasks if task.id not in candidates]
        return accepted, refused

    def _sound(
        self, given: Sequence[Proposal], observation: Observation, provided: Provided
    ) -> tuple[list[tuple[Proposal, Task]], list[Refused]]:
        """Return the proposals that ask for something new with a check that can decide it, and the others."""
        acceptance = Acceptance(spec=self.spec, memory=self.memory, starts=tuple(self._history.starts.values()))
        known = {identity(t.check): t for t in self.frontier.goals(observation) if t.check is not None and not t.parameters}
        sound: dict[frozenset[str], tuple[Proposal, Task]] = {}
        refused: list[Refused] = []
        for proposal in given:
            try:
                one = replace(proposal, check=mended(proposal.check, self.spec))
                problem = acceptance.problem(one.check, observation.facts)
            except InvalidCheck as error:
                one, problem = proposal, str(error)
            facts = frozenset(Check(one.check).facts()) if problem is None else frozenset()
            if problem is None and facts in sound:
                problem = "another line asks for the same fact"
            elif problem is None:
                task = task_of(one, self.spec, known)
                if not _done(task, provided):
                    sound[facts] = (one, task)
                    continue
                problem = "a skill does this already; ask for something new"
            refused.append(Refused(one, problem))
        return list(sound.values()), refused

    def _weighed(self, candidate: Candidate, observation: Observation) -> Candidate:
        """Return a candidate with its distance from the goals set so far, and its nearness to what is there, in its score."""
        nearest = max(self._likeness(candidate.task.goal, self._history.goals()), default=0.0)
        (fitting,) = self._likeness(candidate.task.goal, [observation.text])
        return replace(candidate, score=round(candidate.score + DISTANCE * (1 - nearest) + FITTING * fitting, 6))

    def _likeness(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return the cosine of a text with each of others."""
        missing = [text for text in dict.fromkeys([query, *texts]) if text not in self._vectors]
        self._vectors.update(zip(missing, self.embedder.embed(missing), strict=True) if missing else ())
        return [float(np.dot(self._vectors[query], self._vectors[text])) for text in texts]

    def _fitting_first(self, texts: Sequence[str], query: str) -> list[str]:
        likeness = self._likeness(query, texts)
        return [texts[i] for i in sorted(range(len(texts)), key=lambda i: -round(likeness[i], 4))]

    def _told(self, accepted: Sequence[Accepted], refused: Sequence[Refused]) -> None:
        if self.recorder is not None:
            self.recorder(
                "proposed",
                accepted=[
                    {"goal": one.candidate.task.goal, "task": one.candidate.task.id, "score": one.candidate.score}
                    for one in accepted
                ],
                refused=[{"goal": one.proposal.goal, "check": one.proposal.check, "reason": one.reason} for one in refused],
            )

    # ---- what the model sees

    def _parts(self, observation: Observation, refused: Sequence[Refused]) -> list[Part]:
        """Return what fills the prompt; of what was done before the least relevant is left out first."""
        lacking = self.frontier.lacking(self.frontier.provided())
        fixed = {
            "open": ", ".join(self._fitting_first(self.frontier.unreached(), observation.text)[:MILESTONES]),
            "state": revealed(self.spec, observation, solved=len(self._history.solved), warm_up=self.warm_up),
            "lacking": "\n".join(f"{need.words()} ({n} tasks wait for it)" for need, n in lacking.items()),
            "refused": "\n".join(f"{one.proposal.goal} | {one.proposal.check}: {one.reason}" for one in refused[-2 * self.asks :]),
        }
        failed = [f"{goal}: {why}" for goal, why in self._history.failed.values()]
        lines = {"solved": list(self._history.solved.values()), "failed": failed, "skills": self._skills()}
        parts = [Part("facts", fact_names(self.spec), inf), Part("primitives", primitive_lines(self.spec.primitives), inf)]
        parts += [Part(slot, text, FIXED) for slot, text in fixed.items()]
        for slot, texts in lines.items():
            parts += self._most_relevant(slot, texts, observation.text)
        return parts

    def _most_relevant(self, slot: str, texts: Sequence[str], query: str) -> list[Part]:
        """Return the lines that are most like the state or the latest, the most relevant first."""
        likeness = self._likeness(query, texts)
        parts = [Part(slot, text, round(likeness[i] + (i + 1) / len(texts), 4)) for i, text in enumerate(texts)]
        return sorted(parts, key=lambda part: -part.worth)[:LINES]

    def _skills(self) -> list[str]:
        mine = [skill for skill in self.skills.skills("active") if skill.environment in ("", self.spec.name)]
        return [f"{skill.signature()}: {clipped(skill.description)}" for skill in mine]

    def _abilities(self) -> str:
        return "\n".join(self._skills()[-20:])


def _done(task: Task, provided: Provided) -> bool:
    """Return whether active skills do a task already, or bring about any amount of what it asks for."""
    check = task.parsed_check()
    conditions = check.conditions() if check is not None and not task.parameters else ()
    amounts = [Need(fact=c.fact, kind="at_least", value=c.value) for c in conditions if c.kind == "at_least"]
    return provided.task(task) or (0 < len(amounts) == len(conditions) and all(map(provided.need, amounts)))
