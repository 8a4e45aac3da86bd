"""A writer that hands over what it was given: the public double of the `Writer` seam."""

from __future__ import annotations

from collections.abc import Sequence

from skilllib.protocols import Draft
from skilllib.records.execution import Trace
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.records.task import Task


class ScriptedWriter:
    """Hands over drafts in the order in which they were given, and records the tasks it saw.

    Args:
        drafts: Drafts, programs, or sources of programs. When they are used up there is nothing left to try.

    >>> writer = ScriptedWriter("def go() -> None: 'Go home.'; walk('home')")
    >>> task = Task(id="t", environment="bakery", goal="go home", check="after.at == 'home'")
    >>> writer.write(task, skills=(), trace=Trace(task=task)).program.name
    'go'
    >>> writer.write(task, skills=(), trace=Trace(task=task)) is None
    True
    """

    def __init__(self, *drafts: Draft | Program | str) -> None:
        self._left = [_draft(one) for one in drafts]
        self.tasks: list[Task] = []
        """The task of every call, in order."""
        self.traces: list[Trace] = []
        """The trace that came with it."""
        self.offered: list[tuple[str, ...]] = []
        """Names of the skills that came with it."""

    def write(self, task: Task, *, skills: Sequence[Skill], trace: Trace) -> Draft | None:
        """Return the next draft, or None when they are used up."""
        self.tasks.append(task)
        self.traces.append(trace)
        self.offered.append(tuple(skill.name for skill in skills))
        return self._left.pop(0) if self._left else None


def _draft(one: Draft | Program | str) -> Draft:
    if isinstance(one, Draft):
        return one
    return Draft(program=Program.parse(one) if isinstance(one, str) else one)
