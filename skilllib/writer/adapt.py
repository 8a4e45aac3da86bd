"""An active skill that nearly does a task is run with other arguments: no writing, no search.

A skill was proved for some arguments; its signature allows more. What it promises for those it was proved with says what
it is likely to do for the others: an amount is a parameter, or a word of the fact is one of a closed set. Whether it does is
for the world to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from skilllib.protocols import Draft
from skilllib.records.base import Scalar
from skilllib.records.check import Check, Condition
from skilllib.records.skill import Provision, Skill
from skilllib.records.task import Task
from skilllib.records.world import Parameter
from skilllib.writer.providers import Known
from skilllib.writer.reuse import wanted

_TYPES: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "string": (str,), "boolean": (bool,)}


def adapted(task: Task, known: Sequence[Known]) -> list[Draft]:
    """Return drafts that run active skills with arguments under which they should do a task, best first.

    A skill that promises the very facts comes before one of which another word has to be understood; then the cheapest.
    """
    goals = [goal.bound(task.arguments()) for goal in wanted(task)]
    found: list[tuple[tuple[bool, float, str], Skill, dict[str, Scalar]]] = []
    for one in known if goals else ():
        for provision in one.skill.contract.provides:
            for guessed, promised, given in _readings(one.skill, provision):
                if (bound := _bound(promised, goals, one.skill)) is not None:
                    found.append(((guessed, one.world_steps, one.skill.name), one.skill, {**given, **bound}))
    return [
        Draft(program=skill.program, arguments=given, reuses=skill, route="adapt", rationale=f"{skill.name} does nearly this")
        for _, skill, given in sorted(found, key=lambda offer: offer[0])
        if skill.program is not None
    ]


def _readings(skill: Skill, provision: Provision) -> Iterator[tuple[bool, list[Condition], dict[str, Scalar]]]:
    """Yield what a provision promises: as it stands, and with every other word of each closed set in place of its own."""
    promised = list(Check(provision.check, parameters=frozenset(provision.parameters)).conditions())
    yield False, promised, dict(provision.arguments)
    for parameter in skill.contract.parameters:
        own = provision.arguments.get(parameter.name, parameter.default)
        for other in parameter.choices or () if isinstance(own, str) else ():
            changed = [_reworded(condition, str(own), str(other)) for condition in promised]
            if changed != promised:
                yield True, changed, {**provision.arguments, parameter.name: other}


def _reworded(condition: Condition, old: str, new: str) -> Condition:
    fact = re.sub(rf"(?<![a-z0-9]){re.escape(old)}(?![a-z0-9])", lambda _: new, condition.fact)
    return replace(condition, fact=fact, value=new if condition.value == old else condition.value)


def _bound(promised: Sequence[Condition], goals: Sequence[Condition], skill: Skill) -> dict[str, Scalar] | None:
    """Return values of the skill's parameters under which what it promises is all that is wanted, or None."""
    parameters = {parameter.name: parameter for parameter in skill.contract.parameters}
    values: dict[str, Scalar] = {}
    for goal in goals:
        for condition in promised:
            if (condition.fact, condition.kind) != (goal.fact, goal.kind):
                continue
            name = str(condition.value).removeprefix("$") if str(condition.value).startswith("$") else None
            if name in parameters and _allows(parameters[name], goal.value) and values.get(name, goal.value) == goal.value:
                values[name] = goal.value
                break
            if condition.value == goal.value or _more(condition, goal):
                break
        else:
            return None
    return values


def _allows(parameter: Parameter, value: Scalar) -> bool:
    """Return whether a value is of a parameter's type and within its range."""
    if type(value) not in _TYPES[parameter.type] or (parameter.choices is not None and value not in parameter.choices):
        return False
    low, high = parameter.minimum, parameter.maximum
    return not isinstance(value, int | float) or ((low is None or value >= low) and (high is None or value <= high))


def _more(promised: Condition, goal: Condition) -> bool:
    """Return whether a promised amount is more than the one that is wanted."""
    if not all(isinstance(value, int | float) for value in (promised.value, goal.value)):
        return False
    return promised.value >= goal.value if goal.kind in ("at_least", "increase") else False
