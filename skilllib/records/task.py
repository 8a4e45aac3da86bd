"""A task: a goal in an environment, in words and as a check."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from skilllib.records.base import Record, Scalar
from skilllib.records.check import Check
from skilllib.records.skill import KeptTest

Split = Literal["train", "gate", "sealed", "transfer"]


class Task(Record):
    """A goal in an environment. Seeds belong to attempts, not to tasks."""

    id: str
    environment: str
    goal: str
    """The goal in words; also the retrieval query."""
    check: str | None = None
    """The expression that decides; without one no trace of the task can make a skill active by itself."""
    parameters: dict[str, tuple[Scalar, ...]] = {}
    """Values on which the task is posed, per parameter; the first is the one an attempt uses."""
    split: Split = "train"
    context: str = ""
    """What is known about how to do it, in words; advice for a writer."""
    repairs: str | None = None
    """Code hash of the skill that a solution is to replace, where the task is to mend one."""
    case: KeptTest | None = None
    """The case in which that skill failed, where the world can be brought there again; a repair must pass it."""
    lasting: bool = True
    """False for what matters now only, such as a need that presses: solving it is acting, not evidence for a skill."""

    @model_validator(mode="after")
    def _check_parses(self) -> Task:
        if any(not values for values in self.parameters.values()):
            raise ValueError("a parameter of a task needs at least one value")
        self.parsed_check()
        return self

    def parsed_check(self) -> Check | None:
        """Return the check, parsed, or None for a task without one."""
        return None if self.check is None else Check(self.check, parameters=frozenset(self.parameters))

    def arguments(self, i: int = 0) -> dict[str, Scalar]:
        """Return the i-th assignment of values; every parameter cycles through its own values."""
        return {name: values[i % len(values)] for name, values in self.parameters.items()}
