"""Question and answer: what a model knows about how to do a task, asked once and kept with the task's traces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from skilllib.prompts import Part, lines
from skilllib.prompts.role import Role
from skilllib.prompts.shown import clipped
from skilllib.records.execution import Trace
from skilllib.records.task import Task

When = Literal["never", "retry", "always"]
LENGTH = 600
"""Characters of an answer that are kept."""


@dataclass(kw_only=True)
class Questions:
    """Gives tasks their context: a question on its first line, the answer below.

    Answers are kept where tasks are, in the traces; a question that a trace answers is not asked again.

    Args:
        role: Who answers.
        when: `retry` asks for tasks that failed before.
        known: What the answers may build on: what can be called, and what each call needs.
    """

    role: Role
    when: When = "retry"
    known: str = ""
    _answers: dict[str, str] = field(init=False, default_factory=dict)

    def note(self, trace: Trace) -> None:
        """Remember the answer that came with a task."""
        question, _, answer = trace.task.context.partition("\n")
        if answer:
            self._answers[question] = answer

    def posed(self, task: Task, *, skills: str, failed: str) -> Task:
        """Return a task with its context, where it is to have one.

        Args:
            task: Without context.
            skills: What the library can do.
            failed: Why the task failed the last time; empty if it did not.
        """
        if self.when == "never" or (self.when == "retry" and not failed) or not task.lasting:
            return task
        question = f"How to {clipped(task.goal, 100)}" + (f", given that it failed: {clipped(failed)}?" if failed else "?")
        if question not in self._answers:
            parts = [Part("question", question, 10), Part("check", task.check or "", 9), *lines("known", self.known, 8)]
            reply = self.role.ask([*parts, *lines("skills", skills, 6, latest=True)])
            self._answers[question] = clipped(reply, LENGTH)
        answer = self._answers[question]
        return task.model_copy(update={"context": f"{question}\n{answer}"}) if answer else task
