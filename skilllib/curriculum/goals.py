"""Goals: what can be asked for in an environment, as tasks with checks."""

from __future__ import annotations

from collections.abc import Iterable

from skilllib.memory import Memory
from skilllib.records.base import Scalar
from skilllib.records.check import Check
from skilllib.records.need import Need
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Milestone, VitalNeed

SPECIFIC = 2
"""A fact that more primitive calls than this make rise is taken for scenery rather than for something one obtains."""


def milestone_task(spec: EnvironmentSpec, milestone: Milestone) -> Task:
    """Return the task of reaching a milestone."""
    return Task(
        id=f"milestone:{milestone.name}", environment=spec.name, goal=milestone.name.replace("_", " "), check=milestone.check
    )


def vital_task(spec: EnvironmentSpec, need: VitalNeed) -> Task:
    """Return the task of raising a vital fact."""
    return Task(
        id=f"keep:{need.fact}",
        environment=spec.name,
        goal=f"restore {need.fact.rsplit('.', 1)[-1].replace('_', ' ')}",
        check=f"after.{need.fact} > before.{need.fact}",
        lasting=False,
    )


def need_task(spec: EnvironmentSpec, need: Need) -> Task:
    """Return the task of having what something lacked; a quantity becomes a parameter."""
    assert need.fact is not None  # noqa: S101 - only needs with a fact become tasks
    leaf = need.fact.rsplit(".", 1)[-1].replace("_", " ")
    if need.kind == "at_least" and isinstance(need.value, int) and not isinstance(need.value, bool):
        if need.value <= 1:
            return Task(id=f"have:{need.fact}", environment=spec.name, goal=f"have {leaf}", check=f"after.{need.fact} >= 1")
        return quantity_task(spec, need.fact, need.value)
    words = need.fact.replace("_", " ").replace(".", " ")
    operator = {"at_least": ">=", "at_most": "<=", "equals": "==", "near": "=="}[need.kind]
    goal = words if need.value is True else f"{words} {need.value}"
    check = f"after.{need.fact}" if need.value is True else f"after.{need.fact} {operator} {need.value!r}"
    return Task(id=f"have:{need.fact}:{need.value}", environment=spec.name, goal=goal, check=check)


def quantity_task(spec: EnvironmentSpec, fact: str, amount: int) -> Task:
    """Return the task of having a number of something, posed for several numbers."""
    most = spec.fact_types().get(fact, {}).get("maximum")
    values = [value for value in (amount, 1, amount + 1) if most is None or value <= most]
    leaf = fact.rsplit(".", 1)[-1].replace("_", " ")
    return Task(
        id=f"have:{fact}",
        environment=spec.name,
        goal=f"have an amount of {leaf}",
        check=f"after.{fact} >= amount",
        parameters={"amount": tuple(dict.fromkeys(values)) or (1,)},
    )


def obtainable(spec: EnvironmentSpec, memory: Memory) -> list[str]:
    """Return the counted facts that few calls were seen to raise: things one can have an amount of.

    Left out are vital facts and what milestones count, which are goals in their own right, and facts that never
    mattered: those that no call lacked, and those that nothing used up and of which one was always enough.
    """
    schema = spec.fact_types()
    apart = {need.fact for need in spec.vital_needs} | set(_milestone_facts(spec.milestones))
    raised: dict[str, int] = {}
    lacked: set[str] = set()
    spent: set[str] = set()
    for call in memory.calls():
        lacked |= {missing.fact for missing in call.missing if missing.fact and missing.near is None}
        spent |= {missing.fact for missing in call.missing if missing.fact and (missing.at_least or 0) >= 2}
        if not call.name.startswith("skill:"):
            spent |= set(call.uses)
            for fact in call.rises:
                raised[fact] = raised.get(fact, 0) + 1
    return [
        fact
        for fact in sorted(raised)
        if raised[fact] <= SPECIFIC
        and fact in lacked & spent
        and fact not in apart
        and schema.get(fact, {}).get("type") == "integer"
        and float(schema[fact].get("maximum", 2)) >= 2
    ]


def _milestone_facts(milestones: Iterable[Milestone]) -> list[str]:
    return [fact for milestone in milestones for fact in Check(milestone.check).facts()]


def reached(check: str, before: dict[str, object], after: dict[str, object], arguments: dict[str, Scalar] | None = None) -> bool:
    """Return whether a milestone's check came true between two sets of facts."""
    parsed = Check(check, parameters=frozenset(arguments or ()))
    return parsed.holds(before, after, arguments) and not parsed.holds(before, before, arguments)
