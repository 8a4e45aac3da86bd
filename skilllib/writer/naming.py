"""Names of new skills."""

from __future__ import annotations

import keyword
import re

from skilllib.records.check import Condition
from skilllib.records.task import Task


def skill_name(task: Task, goal: Condition, taken: set[str]) -> str:
    """Return a free name for a task's skill, taken from the task's own words.

    >>> task = Task(id="milestone:open_door", environment="e", goal="open door", check="after.door > before.door")
    >>> skill_name(task, task.parsed_check().conditions()[0], {"open_door"})
    'open_door_2'
    """
    kind, _, subject = task.id.partition(":")
    leaf = "_".join(goal.fact.split(".")[-2:]) if goal.kind == "equals" else goal.fact.rsplit(".", 1)[-1]
    if kind == "milestone":
        name = subject
    elif kind in ("have", "keep"):
        value = f"_{goal.value}" if goal.kind == "equals" and isinstance(goal.value, str) else ""
        name = f"{'get' if goal.kind in ('at_least', 'increase') else 'reach'}_{leaf}{value}"
    else:
        name = task.goal
    return free_name(name, taken)


def free_name(name: str, taken: set[str]) -> str:
    """Return a legal identifier close to the words that is not taken."""
    base = re.sub(r"\W+", "_", name.lower()).strip("_")[:50] or "skill"
    if base[0].isdigit() or keyword.iskeyword(base):
        base = f"do_{base}"
    if base not in taken:
        return base
    number = 2
    while f"{base}_{number}" in taken:
        number += 1
    return f"{base}_{number}"
