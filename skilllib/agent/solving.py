"""Zero-shot use of a library on a task it never saw: run and adapt what is known, else divide the task and go on.

First the library alone. Then a model divides the task into sub-goals with checks; each is reached by skills, or by new code
where there is none; after a failure the task is divided anew, with what failed. A sub-goal that was tried in the very same
state, or failed twice, is refused, and there are only so many divisions: it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from skilllib.agent.apprentice import Apprentice
from skilllib.agent.decomposing import Decomposer, holds
from skilllib.agent.matching import Match
from skilllib.agent.zeroshot import ZeroShot, ended
from skilllib.curriculum.acceptance import Acceptance
from skilllib.curriculum.proposal import mended
from skilllib.errors import BudgetSpent, InvalidCheck, ModelUseless
from skilllib.life import Life
from skilllib.memory import Memory
from skilllib.models.account import Account
from skilllib.protocols import Retriever
from skilllib.records.base import Record, content_hash
from skilllib.records.check import Check
from skilllib.records.execution import Route, Trace
from skilllib.records.facts import Facts
from skilllib.records.skill import Skill
from skilllib.records.task import Task

DIVISIONS = 4
"""How often a task is divided."""
FAILURES = 2
"""Failures of one sub-goal after which it is refused, whatever the state."""
OFFERED = 12
"""Skills that a model is shown when it divides a task."""
OUT_OF_STEPS = "the budget of world steps is spent; allow more with a larger `--max-steps` and run it again"
END = {"terminated": "the world ended", "truncated": "the episode's time ran out"}

Hands: TypeAlias = ZeroShot | Apprentice
"""Who tries tasks."""
By = Literal["check", "skill", "sub-goals", "opinion", "nobody"]
"""Who said that a task was solved: the check that was given, that of the skill which bears the task's words, those of all
sub-goals, a model; or nobody, where it was not."""


class SubGoal(Record):
    """One sub-goal, or the task itself, and what became of it."""

    goal: str
    check: str | None
    outcome: Literal["reached", "held", "failed", "refused"]
    """`held`: it was so already. `refused`: it had failed before in the same state, or too often."""
    reason: str = ""
    route: Route | None = None
    """How the last program came about."""
    skills: tuple[str, ...] = ()
    """Names of the skills that were really run."""
    attempts: int = 0
    model_calls: int = 0
    tokens: int = 0
    world_steps: int = 0


class Solution(Record):
    """How it went."""

    task: str
    environment: str
    solved: bool
    ended: Literal["success", "failure", "budget"]
    by: By = "nobody"
    reason: str
    sub_goals: tuple[SubGoal, ...] = ()
    divisions: int = 0
    """How often the task was divided."""
    model_calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    world_steps: int = 0
    seed: int | None = None
    """Seed of the world."""
    learned: tuple[str, ...] = ()
    """Names of the skills that became active."""


class _Ended(Exception):
    """It is over: solved, hopeless, or without budget."""

    def __init__(self, how: Literal["success", "failure", "budget"], reason: str, by: By = "nobody") -> None:
        super().__init__(reason)
        self.how, self.reason, self.by = how, reason, by


@dataclass(kw_only=True)
class Solver:
    """Solves one task in one episode, by a library and perhaps a model."""

    life: Life
    hands: Hands
    retriever: Retriever
    match: Match
    decomposer: Decomposer | None
    """None: the library has to suffice."""
    account: Account = field(default_factory=Account)
    _start: Facts = field(init=False, default_factory=dict)
    _done: list[SubGoal] = field(init=False, default_factory=list)
    _seen: set[tuple[str, str]] = field(init=False, default_factory=set)
    _failures: dict[str, int] = field(init=False, default_factory=dict)
    _failed: list[str] = field(init=False, default_factory=list)
    _divisions: int = field(init=False, default=0)

    def solve(self, goal: str, check: str | None = None) -> Solution:
        """Solve a task that is given in words, and perhaps by a check, in a world that has just begun.

        Raises:
            InvalidCheck: The check cannot decide anything in this environment.
            ModelError: The model gave no reply, for another reason than the budget.
        """
        self._start, environment = self.life.wake().facts, self.life.environment.spec.name
        check = check if check is None else self._sound(check)
        task = Task(id=f"solve:{content_hash([goal, check])[:12]}", environment=environment, goal=goal, check=check)
        try:
            self._by_library(task)
            self._by_division(task)
        except _Ended as end:
            ending = end
        except BudgetSpent as error:
            ending = _Ended("budget", f"{error} and run it again")
        except ModelUseless as error:
            ending = _Ended("failure", str(error))
        return Solution(
            task=goal,
            environment=environment,
            solved=ending.how == "success",
            ended=ending.how,
            by=ending.by,
            reason=ending.reason,
            sub_goals=tuple(self._done),
            divisions=self._divisions,
            model_calls=self.account.calls,
            tokens=self.account.tokens,
            usd=self.account.usd,
            world_steps=self.hands.steps,
            seed=self.life.world_seed,
            learned=tuple(self.hands.learned),
        )

    def _sound(self, check: str) -> str:
        """Return a check with a side for every fact, or raise if it can never decide."""
        spec = self.life.environment.spec
        check = mended(check, spec)
        held = Check(check).holds(self._start, self._start)
        if not held and (problem := Acceptance(spec=spec, memory=Memory()).problem(check, self._start)) is not None:
            raise InvalidCheck(f"the check {check!r}: {problem}")
        return check

    # ---- by the library alone

    def _by_library(self, task: Task) -> None:
        """Try what active skills can do by themselves: for the check that is given, or that of the skill the words name."""
        hits = self.retriever.retrieve(task.goal, k=OFFERED)
        helpless = self.decomposer is None and (task.check is None or not self.hands.writes)
        if not hits and helpless:
            raise _Ended("failure", f"the library has no active skill for {task.environment!r}; learn some, or give a model")
        matched = None if task.check else self.match.task(task, hits)
        root, by = (task, "check") if matched is None else (matched, "skill")
        if root.check is not None:
            if holds(root, self._start):
                raise _Ended("success", f"{root.check} holds already; nothing was done", by=by)  # type: ignore[arg-type]
            self._try(root, write=False)
            self._reached(root, by)  # type: ignore[arg-type]
        if helpless:
            raise _Ended("failure", self._lacking(task, matched, [hit.skill for hit in hits]))

    def _lacking(self, task: Task, matched: Task | None, near: Sequence[Skill]) -> str:
        """Return what is missing for the library alone to suffice."""
        nearest = ", ".join(skill.name for skill in near[:3])
        if task.check is None and matched is None:
            return (
                f"no active skill bears all the words of the task (the nearest: {nearest}); give its check, or a model to divide it"
            )
        last = self._done[-1]
        tried = f"{last.attempts} attempts with {', '.join(last.skills) or 'no skill'} failed: {last.reason}"
        return (
            f"{tried if last.attempts else 'no active skill or chain of skills was shown to do this'}; give a model to write more"
        )

    # ---- by division

    def _by_division(self, task: Task) -> None:
        for _ in range(DIVISIONS):
            sub_goals = self._divided(task)
            if not sub_goals:
                break
            self._follow(task, sub_goals)
        else:
            raise _Ended("failure", f"it was divided {DIVISIONS} times, and each time something failed: {self._failed[-1]}")
        if self._divisions > 1:
            raise _Ended("failure", f"nothing new to divide it into was found after {self._failed[-1]}")
        # Nothing usable at once: then it is not divided, but written as a whole, judged by its check or by a model.
        self._try(task, write=True)
        if task.check is not None:
            self._reached(task, "check")
        elif self._done[-1].outcome == "reached":
            raise _Ended("success", f"in the opinion of a model: {self._done[-1].reason}", by="opinion")
        raise _Ended("failure", f"the task could not be divided, nor written as a whole: {self._done[-1].reason}")

    def _divided(self, task: Task) -> list[Task]:
        if self.decomposer is None:
            return []
        self._divisions += 1
        skills = [hit.skill for hit in self.retriever.retrieve(task.goal, k=OFFERED)]
        return self.decomposer.sub_goals(task, self.life.environment.observe(), skills=skills, failed=self._failed)

    def _follow(self, task: Task, sub_goals: Sequence[Task]) -> None:
        """Reach sub-goals one after the other; return after the first that is not reached."""
        for sub in sub_goals:
            if not self._sub_goal(sub):
                return
            if task.check is not None:
                self._reached(task, "check")
        if task.check is None:
            raise _Ended("success", "all sub-goals of the division were reached, each by its check", by="sub-goals")
        self._failed.append(f"all of {', '.join(sub.goal for sub in sub_goals)}: reached, but {task.check} does not hold")

    def _sub_goal(self, sub: Task) -> bool:
        """Return whether a sub-goal is reached, by trying it or because it is so already."""
        facts = self.life.environment.observe().facts
        if holds(sub, facts):
            self._done.append(SubGoal(goal=sub.goal, check=_written(sub), outcome="held", reason="it is so already"))
            return True
        name = _written(sub) or sub.goal
        key = (name, content_hash(facts))
        if key in self._seen or self._failures.get(name, 0) >= FAILURES:
            reason = "it failed before, in this very state" if key in self._seen else f"it failed {FAILURES} times before"
            self._done.append(SubGoal(goal=sub.goal, check=_written(sub), outcome="refused", reason=reason))
            self._failed.append(f"{sub.goal} | {name}: {reason}")
            return False
        self._seen.add(key)
        self._try(sub, write=True)
        if self._done[-1].outcome == "reached":
            return True
        self._failures[name] = self._failures.get(name, 0) + 1
        self._failed.append(f"{sub.goal} | {name}: {self._done[-1].reason}")
        return False

    # ---- one task at a time

    def _try(self, task: Task, *, write: bool) -> None:
        """Pursue one task and note how it went; the end of the episode or of a budget ends everything."""
        if not self.hands.within_budget():
            raise _Ended("budget", OUT_OF_STEPS)
        trace = self.hands.pursue(task, write=write)
        self._done.append(_account(task, trace))
        if (end := ended(trace)) is not None:
            raise _Ended("failure", f"{END[end]} before the task was done")
        if not trace.solved and not self.hands.within_budget():
            raise _Ended("budget", OUT_OF_STEPS)

    def _reached(self, task: Task, by: By) -> None:
        """End with success if a task's check holds, compared with the beginning of everything."""
        if holds(task, self.life.environment.observe().facts, self._start):
            raise _Ended("success", f"{_written(task)} holds", by=by)


def _written(task: Task) -> str | None:
    """Return a check with its parameters' values filled in, as words; for people and for memory of what was tried."""
    if task.check is None or not task.parameters:
        return task.check
    return f"{task.check} with {', '.join(f'{name} = {value!r}' for name, value in task.arguments().items())}"


def _account(task: Task, trace: Trace) -> SubGoal:
    last = trace.attempts[-1] if trace.attempts else None
    calls = [call for attempt in trace.attempts for call in attempt.model_calls] + list(trace.model_calls)
    skills = [
        name
        for attempt in trace.attempts
        for name in [*([attempt.program.name] if attempt.reuses else []), *(call.name for call in attempt.execution.skill_calls)]
    ]
    return SubGoal(
        goal=task.goal,
        check=_written(task),
        outcome="reached" if trace.solved else "failed",
        reason=last.verdict.reason if last else "there was nothing to try",
        route=last.route if last else None,
        skills=tuple(dict.fromkeys(skills)),
        attempts=len(trace.attempts),
        model_calls=sum(call.tries for call in calls),
        tokens=sum(call.tokens_in + call.tokens_out for call in calls),
        world_steps=sum(attempt.execution.world_steps for attempt in trace.attempts),
    )
