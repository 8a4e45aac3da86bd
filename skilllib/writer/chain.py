"""Plans a chain of active skills backwards from a task's check, as PSN plans over its skill graph (arXiv 2601.03509).

A skill counts for what its runs were measured to do, and needs what its failed runs said they lacked. No sub-goal is
repeated on the way to itself, so the search ends; it is greedy, since the world and not the plan has the last word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from skilllib.errors import InvalidProgram
from skilllib.memory import Memory
from skilllib.protocols import Draft
from skilllib.records.check import Condition
from skilllib.records.need import Need
from skilllib.records.program import Program
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec
from skilllib.writer.naming import skill_name
from skilllib.writer.plan import Call, Collect, Do, Ensure, calls_in
from skilllib.writer.providers import Known, providing
from skilllib.writer.reuse import wanted
from skilllib.writer.source import describe, function_source, parameter_of

MAX_DEPTH = 4
"""Skills prepared for one another, one inside the other."""
MAX_CALLS = 12
"""Calls in one plan."""

_Step = TypeVar("_Step", Ensure, Ensure | Collect)

_ALWAYS = Need(fact=None, kind="near")
"""The need of what is to be done whatever the facts are."""


def planned(task: Task, known: Sequence[Known], *, spec: EnvironmentSpec, memory: Memory) -> list[Draft]:
    """Return at most one draft: a program that calls active skills in order until all that a task asks for should hold.

    Args:
        task: Its check is a conjunction over facts; another one is not planned for.
        known: The active skills.
        spec: The environment; tells vital needs, and which names are taken.
        memory: What failed runs of skills lacked.
    """
    goals = wanted(task)
    chain = _Chain(known=known, memory=memory, vital=frozenset(need.fact for need in spec.vital_needs))
    steps = [chain.step(goal, task) for goal in goals]
    body = [step for step in steps if step is not None]
    if not goals or len(body) < len(steps):
        return []
    body = chain.ordered(body)
    calls = list(calls_in(tuple(body)))
    if len(calls) > MAX_CALLS or (len(calls) == 1 and not _repeats(body[0])):
        return []  # one call of one skill is no program of its own
    taken = {one.skill.name for one in known} | {primitive.name for primitive in spec.primitives}
    parameters = [parameter_of(name, values) for name, values in task.parameters.items()]
    source = function_source(skill_name(task, goals[0], taken), parameters, describe(task.goal, body), body)
    try:
        program = Program.parse(source)
    except InvalidProgram:
        return []  # a goal's words may hold what no docstring can
    return [Draft(program=program, route="plan", rationale=f"a chain of {', '.join(dict.fromkeys(call.name for call in calls))}")]


@dataclass(frozen=True, kw_only=True)
class _Chain:
    known: Sequence[Known]
    memory: Memory
    vital: frozenset[str]

    def step(self, goal: Condition, task: Task) -> Ensure | Collect | None:
        """Return the statement that reaches one of a task's conditions, or None where no skill was shown to."""
        value = goal.bound(task.arguments()).value
        if goal.kind == "increase":
            found = self._ensured(Need(fact=goal.fact, kind="at_least", value=value), ())
            return None if found is None or found.repeat else Ensure(need=_ALWAYS, body=found.body)
        if goal.kind not in ("at_least", "equals"):
            return None
        if value == goal.value:
            return self._ensured(Need(fact=goal.fact, kind=goal.kind, value=value), ())
        found = self._ensured(Need(fact=goal.fact, kind=goal.kind, value=1), ()) if goal.kind == "at_least" else None
        return Collect(fact=goal.fact, parameter=str(goal.value)[1:], body=found.body) if found else None

    def _ensured(self, need: Need, above: tuple[Need, ...]) -> Ensure | None:
        if len(above) >= MAX_DEPTH or any((need.fact, need.near) == (other.fact, other.near) for other in above):
            return None
        for call, repeat in providing(self.known, need):
            lacks = [self._ensured(lack, (*above, need)) for lack in self._lacks(call)]
            # A skill was proved from nothing, so what it lacked once it may well do without.
            before = self.ordered([lack for lack in lacks if lack is not None])
            return Ensure(need=need, body=(*before, Do(call=call)), repeat=repeat)
        return None

    def _lacks(self, call: Call) -> list[Need]:
        needs = [
            Need.of(missing)
            for seen in self.memory.calls()
            if call.skill
            and seen.name == f"skill:{call.skill.code_hash}"
            and dict(call.arguments).items() <= seen.arguments.items()
            for missing in seen.missing
        ]
        strongest: dict[tuple[str | None, str | None], Need] = {}
        for need in needs:
            known = strongest.get((need.fact, need.near))
            if need.fact not in self.vital and (known is None or _level(need) > _level(known)):
                strongest[need.fact, need.near] = need
        return list(strongest.values())

    def ordered(self, steps: Sequence[_Step]) -> list[_Step]:
        """Return the steps so that none undoes an earlier one, as far as there is such an order."""
        left, done = list(steps), list[_Step]()
        while left:
            free = [one for one in left if not any(self._undoes(other, one) for other in left if other is not one)]
            done.append((free or left)[0])
            left.remove(done[-1])
        return done

    def _undoes(self, other: Ensure | Collect, one: Ensure | Collect) -> bool:
        """Return whether a step uses up, or changes, what another brings about."""
        fact, state = _fact(one), isinstance(one, Ensure) and one.need.kind == "equals"
        skills = {call.skill.code_hash for call in calls_in((other,)) if call.skill}
        return any(
            effect.fact == fact and (effect.uses > 0 or (state and effect.changed > 0))
            for known in self.known
            if known.skill.code_hash in skills
            for effect in known.effects
        )


def _fact(step: Ensure | Collect) -> str | None:
    return step.fact if isinstance(step, Collect) else step.need.fact


def _repeats(step: Ensure | Collect) -> bool:
    return isinstance(step, Collect) or step.repeat


def _level(need: Need) -> float:
    return float(need.value) if isinstance(need.value, int | float) else 0.0
