"""Records as text for prompts: short, and bounded whatever happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from skilllib.records.base import Json
from skilllib.records.execution import Step
from skilllib.records.facts import Changes, Facts, flatten

STEPS = 24
"""Steps of a trajectory that are shown: the first third and the last two."""
CHANGES = 6
"""Changes of one call that are shown."""
VALUE = 120
"""Characters of one value or message."""


def clipped(text: str, length: int = VALUE) -> str:
    r"""Return a text on one line, cut off at a length.

    >>> clipped("one two\nthree", 9)
    'one two …'
    """
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def facts_text(facts: Facts) -> str:
    """Return facts, a line each, without those that are 0, false or empty.

    >>> facts_text({"stock": {"rope": 2, "bell": 0}, "dark": False})
    'stock.rope = 2'
    """
    return "\n".join(f"{path} = {_value(value)}" for path, value in flatten(facts).items() if value)


def changes_text(changes: Changes) -> str:
    """Return changes, a line each.

    >>> changes_text({"stock.rope": (0, 2)})
    'stock.rope: 0 -> 2'
    """
    return "\n".join(f"{path}: {_value(old)} -> {_value(new)}" for path, (old, new) in changes.items())


def steps_text(trajectory: Sequence[Step]) -> str:
    """Return what was called and what came of it, a line for each run of equal calls with equal outcomes.

    Of many changes those are shown that are seldom: what changes with every call, such as a clock, says little.
    """
    often = Counter(path for step in trajectory for path in step.changes)
    lines = [
        f"{line} ({n} times)" if (n := len(list(equal))) > 1 else line
        for line, equal in groupby(_step(step, often) for step in trajectory)
    ]
    if len(lines) > STEPS:
        head, tail = STEPS // 3, STEPS - STEPS // 3
        lines = [*lines[:head], f"… {len(lines) - STEPS} more …", *lines[-tail:]]
    return "\n".join(lines)


def _step(step: Step, often: Counter[str]) -> str:
    call = f"{step.primitive}({', '.join(f'{name}={value!r}' for name, value in step.arguments.items())})"
    if step.outcome.failure is not None:
        return f"{call} failed: {clipped(step.outcome.failure.message)}"
    seldom = sorted(step.changes, key=lambda path: (often[path], path))[:CHANGES]
    changed = ", ".join(f"{path} {_value(step.changes[path][0])} -> {_value(step.changes[path][1])}" for path in seldom)
    return f"{call} done: {changed or 'nothing changed'}"


def _value(value: Json) -> str:
    return clipped(repr(value))
