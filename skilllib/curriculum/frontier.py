"""The curriculum without a language model: the frontier of what can be learned next.

Goals are milestones, facts that something lacked, amounts of what was seen to be obtainable, and vital needs that press.
Among those in reach the next is chosen by how many set-aside goals wait for it, by its novelty, and by learning progress
(absolute change of competence, after Baranes and Oudeyer 2013). A goal that fails is set aside with what was missing and
comes back when a skill with that effect is learned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from skilllib.curriculum.goals import milestone_task, need_task, obtainable, quantity_task, reached, vital_task
from skilllib.curriculum.standing import Record, pressing
from skilllib.memory import Memory
from skilllib.protocols import SkillSource
from skilllib.records.execution import Trace
from skilllib.records.need import Need, counted_on
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Observation

ROUNDS = 3
"""Rounds in a row without success, and without anything new to go by, after which a goal is given up."""
PATIENCE = 3
"""Tasks that pass before a goal that failed by chance comes back."""
WAITED_FOR, REACH, NOVELTY, PROGRESS, PRESSING = 0.5, 1.0, 2.0, 0.5, 10.0
"""Weights of the signals."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A goal with what speaks for it."""

    task: Task
    score: float
    reason: str


class FrontierCurriculum:
    """Chooses the next task by novelty, learning progress and reach.

    Args:
        spec: The environment's specification.
        memory: Experience of calls; tells what is obtainable.
        skills: The library; its active skills' verified effects tell what is in reach.
    """

    def __init__(self, spec: EnvironmentSpec, *, memory: Memory, skills: SkillSource) -> None:
        self.spec, self._memory, self._skills = spec, memory, skills
        self._record = Record()
        self._reached: set[str] = set()
        self._lacking: dict[Need, set[str]] = {}

    def propose(self, observation: Observation) -> Task | None:
        """Return the next task, or None when nothing is left in reach."""
        candidates = self.candidates(observation)
        best = max(candidates, key=lambda candidate: candidate.score, default=None)
        return best.task if best else None

    def record(self, trace: Trace) -> None:
        """Take note of how a task went, and of what was reached on the way."""
        self._record.add(trace)
        for attempt in trace.attempts:
            for milestone in self.spec.milestones:
                if reached(milestone.check, attempt.execution.before.facts, attempt.execution.after.facts):
                    self._reached.add(milestone.name)
        if trace.solved:
            for waiting in self._lacking.values():
                waiting.discard(trace.task.id)
        else:
            for need in self._record.of(trace.task.id).missing:
                self._lacking.setdefault(need, set()).add(trace.task.id)

    def candidates(self, observation: Observation) -> list[Candidate]:
        """Return the goals in reach with their scores, in a stable order."""
        provided = Provided(self._skills, self.spec)
        goals = list(self._goals(observation, provided))
        for patience in (PATIENCE, 0):  # with nothing else to do there is nothing to wait for
            found = [candidate for goal in goals for candidate in self._candidate(*goal, provided, patience)]
            if found:
                return found
        return []

    def provided(self) -> Provided:
        """Return what the active skills bring about now."""
        return Provided(self._skills, self.spec)

    def appraised(self, tasks: Iterable[Task], provided: Provided) -> list[Candidate]:
        """Return those of some tasks that are in reach, with their scores; what is set aside without news is left out."""
        found: list[Candidate] = []
        for task in tasks:
            waiting = self._waiting_for(task, provided)
            reason = f"{waiting} goals wait for it" if waiting else "proposed"
            found += self._candidate(task, WAITED_FOR * bool(waiting), reason, provided, PATIENCE)
        return found

    def lacking(self, provided: Provided) -> dict[Need, int]:
        """Return what goals lacked that no active skill provides, and how many of them wait for it."""
        return {need: len(waiting) for need, waiting in self._lacking.items() if waiting and not provided.need(need)}

    def unreached(self) -> list[str]:
        """Return the milestones that no attempt reached, in words."""
        return [m.name.replace("_", " ") for m in self.spec.milestones if m.name not in self._reached]

    def stale(self, task: Task, provided: Provided) -> bool:
        """Return whether a task was set before, unless everything it lacked is provided now."""
        standing = self._record.of(task.id)
        return standing.rounds > 0 and not (standing.missing and all(map(provided.need, standing.missing)))

    def rounds(self, task: Task) -> int:
        """Return how often a task was set."""
        return self._record.of(task.id).rounds

    def _waiting_for(self, task: Task, provided: Provided) -> int:
        """Return how many goals wait for something that a task would bring about."""
        check = task.parsed_check()
        facts = {condition.fact for condition in (check.conditions() if check else ())}
        return max((len(w) for need, w in self._lacking.items() if need.fact in facts and not provided.need(need)), default=0)

    def goals(self, observation: Observation) -> list[Task]:
        """Return all goals that are not reached yet, whether they are in reach or not."""
        return [task for task, _, _ in self._goals(observation, Provided(self._skills, self.spec))]

    def _goals(self, observation: Observation, provided: Provided) -> Iterator[tuple[Task, float, str]]:
        pressed = pressing(self.spec, observation.facts)
        for need in self.spec.vital_needs:
            if need.fact in pressed and (provided.raises(need.fact) or self._memory.primitives_raising(need.fact)):
                yield vital_task(self.spec, need), PRESSING - pressed.index(need.fact), "a vital need presses"
        for milestone in self.spec.milestones:
            task = milestone_task(self.spec, milestone)
            if milestone.name not in self._reached or not provided.task(task):
                yield task, WAITED_FOR * self._named_by_waiting(milestone.name, provided), "a milestone"
        for lack, waiting in self._lacking.items():
            if waiting and self._worth_a_task(lack, provided):
                yield need_task(self.spec, lack), WAITED_FOR, f"{len(waiting)} goals wait for it"
        for task in self._amounts(provided):
            yield task, 0.0, "obtainable"

    def _candidate(self, task: Task, bonus: float, reason: str, provided: Provided, patience: int) -> Iterable[Candidate]:
        reach = self._reach(task, provided, patience)
        if reach <= 0:
            return
        standing = self._record.of(task.id)
        score = bonus + REACH * reach + NOVELTY / (1 + standing.rounds) + PROGRESS * self._record.progress(task.goal.split()[0])
        yield Candidate(task=task, score=round(score + 0.2 * provided.brings(task, self._unreached()), 6), reason=reason)

    def _reach(self, task: Task, provided: Provided, patience: int = PATIENCE) -> float:
        """Return how likely a task is in reach: 1 with a skill for it, 0.5 when unknown, 0 when set aside."""
        standing = self._record.of(task.id)
        if not task.lasting:
            return 1.0 if standing.fruitless < ROUNDS else 0.0
        if standing.fruitless > ROUNDS or (standing.untried and standing.promoted == self._record.promoted):
            return 0.0
        if provided.task(task):
            return 1.0 if standing.fruitless < ROUNDS else 0.0
        if standing.solved >= ROUNDS:
            return 0.0
        if not standing.fruitless:
            return 0.7 if self._seen(task) else 0.5
        blocked = [need for need in standing.missing if need.is_quantity and not provided.need(need) and not self._is_vital(need)]
        if blocked:
            return 0.0
        waited = self._record.tasks - standing.set_aside_at >= patience
        return 0.4 / (1 + standing.fruitless) if waited or standing.missing else 0.0

    def _seen(self, task: Task) -> bool:
        """Return whether some call was seen to bring about what a task asks for."""
        check = task.parsed_check()
        return any(self._memory.primitives_raising(condition.fact) for condition in (check.conditions() if check else ()))

    def _worth_a_task(self, lack: Need, provided: Provided) -> bool:
        """Return whether to set obtaining something as a task of its own: unless a milestone that names it is in reach."""
        if lack.fact is None or lack.near is not None or lack.kind == "at_most" or provided.need(lack) or self._is_vital(lack):
            return False
        tasks = [milestone_task(self.spec, milestone) for milestone in self.spec.milestones if _names(milestone.name, lack)]
        return lack.value not in (1, True) or not any(self._reach(task, provided) > 0 for task in tasks)

    def _named_by_waiting(self, name: str, provided: Provided) -> float:
        """Return 1 if something that goals wait for is named by a milestone, so that it is tried under that name first."""
        for need, waiting in self._lacking.items():
            if waiting and need.value in (1, True) and _names(name, need) and not provided.need(need) and not self._is_vital(need):
                return 1.1
        return 0.0

    def _amounts(self, provided: Provided) -> list[Task]:
        tasks = [quantity_task(self.spec, fact, 2) for fact in obtainable(self.spec, self._memory)]
        return [task for task in tasks if not provided.task(task)]

    def _unreached(self) -> set[str]:
        return {milestone.check for milestone in self.spec.milestones if milestone.name not in self._reached}

    def _is_vital(self, need: Need) -> bool:
        return need.kind == "at_least" and any(need.fact == vital.fact for vital in self.spec.vital_needs)


def _names(milestone: str, need: Need) -> bool:
    """Return whether a milestone's name bears all the words of what is needed."""
    leaf = set((need.fact or need.near or "").rsplit(".", 1)[-1].split("_"))
    return bool(leaf) and leaf <= set(milestone.split("_"))


class Provided:
    """What the active skills bring about, by their contracts and verified effects."""

    def __init__(self, skills: SkillSource, spec: EnvironmentSpec) -> None:
        self._source = skills
        self._skills = [
            (skill, tuple(skills.effects(skill.code_hash)))
            for skill in skills.skills("active")
            if skill.environment in ("", spec.name)
        ]

    def task(self, task: Task) -> bool:
        """Return whether an active skill was shown to do a task."""
        if any(provision.check == task.check for skill, _ in self._skills for provision in skill.contract.provides):
            return True
        check = task.parsed_check()
        conditions = check.conditions() if check else ()
        return bool(conditions) and not task.parameters and all(self._brings(c.fact, c.kind, c.value) for c in conditions)

    def need(self, need: Need) -> bool:
        """Return whether an active skill provides a need."""
        if need.fact is None:
            return False
        promised = f"after.{need.fact} >= "
        if any(provision.check.startswith(promised) for skill, _ in self._skills for provision in skill.contract.provides):
            return True
        return self._brings(need.fact, need.kind, need.value)

    def brings(self, task: Task, checks: set[str]) -> int:
        """Return how many of some checks over changes the skill for a task was shown to bring about as well."""
        best = 0
        for skill, effects in self._skills:
            if any(provision.check == task.check for provision in skill.contract.provides):
                raised = {effect.fact for effect in effects if effect.rise > 0}
                best = max(best, sum(any(f"after.{fact} >" in check for fact in raised) for check in checks))
        return best

    def figures(self, tasks: Mapping[str, Task]) -> dict[str, tuple[float, float]]:
        """Return for each task how reliable and how costly the best skill for it is: (lower bound of success, world steps)."""
        return {
            name: max((self._figure(skill, task) for skill, _ in self._skills), default=(0.0, 0.0)) for name, task in tasks.items()
        }

    def _figure(self, skill: Skill, task: Task) -> tuple[float, float]:
        if not any(provision.check == task.check for provision in skill.contract.provides):
            return 0.0, 0.0
        statistics = self._source.statistics(skill.code_hash)
        return statistics.lower_bound, statistics.world_steps

    def raises(self, fact: str) -> bool:
        """Return whether a skill was seen to raise a fact at some point, even if it ended up the same."""
        return any(effect.fact == fact and effect.raised for _, effects in self._skills for effect in effects)

    def _brings(self, fact: str, kind: str, value: object) -> bool:
        for skill, effects in self._skills:
            for effect in effects:
                if effect.fact != fact or not counted_on(skill.name, effect.arguments, fact, changed=effect.changed, n=effect.n):
                    continue
                if kind in ("at_least", "increase") and effect.rise > 0:
                    return True
                if kind == "equals" and effect.value == value:
                    return True
        return False
