"""An active skill that was shown to do a task is run as it is: no writing, no search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skilllib.protocols import Draft
from skilllib.records.base import Scalar
from skilllib.records.check import Condition
from skilllib.records.need import counted_on
from skilllib.records.skill import Effect, Skill
from skilllib.records.task import Task
from skilllib.writer.providers import Known


def wanted(task: Task) -> tuple[Condition, ...]:
    """Return what a task asks for, or nothing where its check says more than conditions can."""
    check = task.parsed_check()
    conditions = check.conditions() if check else ()
    return conditions if check and {condition.fact for condition in conditions} == set(check.facts()) else ()


def reused(task: Task, known: Sequence[Known]) -> Draft | None:
    """Return a draft that runs the best of the active skills shown to do a task, or None."""
    return next(iter(reuses(task, known)), None)


def reuses(task: Task, known: Sequence[Known]) -> list[Draft]:
    """Return drafts that run active skills shown to do a task, best first.

    Skills that promise it, or name it, come before those that brought it about by the way; among equals the cheapest.
    """
    offers = [
        ((not _on_purpose(one.skill, given, task), one.world_steps, one.skill.name), one.skill, given)
        for one in known
        if (given := _reaches(one, task)) is not None
    ]
    return [
        Draft(program=skill.program, arguments=given, reuses=skill, route="run", rationale=f"{skill.name} was shown to do this")
        for _, skill, given in sorted(offers, key=lambda offer: offer[0])
        if skill.program is not None
    ]


def _on_purpose(skill: Skill, arguments: dict[str, Scalar], task: Task) -> bool:
    """Return whether a skill promises what a task asks for, or names it."""
    promised = any(p.check == task.check and p.arguments.items() <= arguments.items() for p in skill.contract.provides)
    said = set("_".join([skill.name, *map(str, arguments.values())]).split("_"))
    return promised or all(set(goal.fact.rsplit(".", 1)[-1].split("_")) <= said for goal in wanted(task))


def _reaches(known: Known, task: Task) -> dict[str, Scalar] | None:
    """Return the arguments under which a skill was shown to reach all that a task asks for, or None."""
    for provision in known.skill.contract.provides:
        if provision.check == task.check and set(provision.parameters) == set(task.parameters):
            return dict(provision.arguments)
    goals = wanted(task)
    if task.parameters or not goals:
        return None
    for arguments in _given(known.effects):
        effects = [effect for effect in known.effects if effect.arguments == arguments]
        if all(any(_brings(known.skill, effect, goal, task) for effect in effects) for goal in goals):
            return dict(arguments)
    return None


def _given(effects: Sequence[Effect]) -> Iterator[dict[str, Scalar]]:
    seen: list[dict[str, Scalar]] = []
    for effect in effects:
        if effect.arguments not in seen:
            seen.append(effect.arguments)
            yield effect.arguments


def _brings(skill: Skill, effect: Effect, goal: Condition, task: Task) -> bool:
    """Return whether an effect is what a task asks for, shown often enough to be counted on."""
    if effect.fact != goal.fact:
        return False
    if not task.lasting and effect.raised:
        return True
    if not counted_on(skill.name, effect.arguments, effect.fact, changed=effect.changed, n=effect.n):
        return False
    if goal.kind in ("increase", "at_least"):
        return effect.rise >= float(goal.value)
    return goal.kind == "equals" and effect.value == goal.value
