"""An active skill that was shown to do a task is run as it is: no writing, no search."""

from __future__ import annotations

from collections.abc import Sequence

from skilllib.protocols import Draft
from skilllib.records.base import Scalar
from skilllib.records.check import Condition
from skilllib.records.need import counted_on
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.writer.providers import Known


def reused(task: Task, known: Sequence[Known]) -> Draft | None:
    """Return a draft that runs the active skill shown to do a task, or None.

    Skills that promise it, or name it, come before those that brought it about by the way; among equals the cheapest.
    """
    check = task.parsed_check()
    conditions = check.conditions() if check else ()
    if not conditions:
        return None
    goal = conditions[0]
    offers = [
        ((not _on_purpose(one.skill, given, task, goal), one.world_steps, one.skill.name), one.skill, given)
        for one in known
        if (given := _reaches(one, task, goal)) is not None
    ]
    if not offers:
        return None
    _, skill, arguments = min(offers, key=lambda offer: offer[0])
    if skill.program is None:
        return None
    return Draft(
        program=skill.program, arguments=arguments, reuses=skill, route="run", rationale=f"{skill.name} was shown to do this"
    )


def _on_purpose(skill: Skill, arguments: dict[str, Scalar], task: Task, goal: Condition) -> bool:
    """Return whether a skill promises what a task asks for, or names it."""
    promised = any(p.check == task.check and p.arguments.items() <= arguments.items() for p in skill.contract.provides)
    said = set("_".join([skill.name, *map(str, arguments.values())]).split("_"))
    return promised or set(goal.fact.rsplit(".", 1)[-1].split("_")) <= said


def _reaches(known: Known, task: Task, goal: Condition) -> dict[str, Scalar] | None:
    """Return the arguments under which a skill was shown to reach the goal, or None."""
    for provision in known.skill.contract.provides:
        if provision.check == task.check and set(provision.parameters) == set(task.parameters):
            return dict(provision.arguments)
    if task.parameters:
        return None
    for effect in known.effects:
        if effect.fact != goal.fact:
            continue
        if not task.lasting and effect.raised:
            return dict(effect.arguments)
        if not counted_on(known.skill.name, effect.arguments, effect.fact, changed=effect.changed, n=effect.n):
            continue
        if goal.kind in ("increase", "at_least") and effect.rise >= float(goal.value):
            return dict(effect.arguments)
        if goal.kind == "equals" and effect.value == goal.value:
            return dict(effect.arguments)
    return None
