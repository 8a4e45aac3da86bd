"""Names of new skills."""

from __future__ import annotations

import itertools
import keyword
import re
from collections.abc import Iterable

from skilllib.records.check import Condition
from skilllib.records.naming import RESERVED, look_alike
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
    """Return a legal identifier close to the words that is not taken and that no reader takes for one that is.

    >>> free_name("get salt", {"get_malt", "get_salt_2"})
    'get_salt_3'
    >>> free_name("print", set())
    'do_print'
    """
    base = re.sub(r"\W+", "_", name.lower()).strip("_")[:50] or "skill"
    if base[0].isdigit() or keyword.iskeyword(base) or base in RESERVED:
        base = f"do_{base}"
    names = itertools.chain([base], (f"{base}_{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken and not looks_taken(name, taken))


def looks_taken(name: str, taken: Iterable[str]) -> bool:
    """Return whether a reader might take a name for one of those that are taken; a library refuses it then."""
    return any(look_alike(name, other) for other in taken)
