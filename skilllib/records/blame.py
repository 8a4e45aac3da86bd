"""Where a failure belongs: in the skill in which it broke, not in what called it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skilllib.records.base import Scalar
from skilllib.records.execution import Attempt, Execution, ProgramError, SkillCall
from skilllib.records.facts import Facts


@dataclass(frozen=True, kw_only=True, slots=True)
class Blame:
    """The run of a skill in which an attempt broke."""

    name: str
    skill: str
    """Its code hash, or its version hash where the skill was run as it is."""
    arguments: dict[str, Scalar]
    entered: int
    """Number of steps that the attempt had taken before."""
    before: Facts
    """The facts at that moment."""
    error: ProgramError


def blamed(attempt: Attempt) -> Blame | None:
    """Return the run of a skill in which an attempt broke, or None.

    Nobody is to blame for chance: the end of an episode, a budget that ran out, a call that may succeed later. Nor is a skill
    that was run as it is, for arguments with which it never proved itself.
    """
    execution = attempt.execution
    error = execution.error
    if attempt.verdict.solved or error is None or execution.stopped is not None or (error.failure and error.failure.retry):
        return None
    if error.skill is not None:
        broken = [call for call in execution.skill_calls if call.name == error.skill and call.raised]
        return _of(broken[-1], execution, error) if broken else None
    if attempt.reuses is None or attempt.route == "adapt":
        return None
    facts = execution.before.facts
    return Blame(
        name=attempt.program.name, skill=attempt.reuses, arguments=execution.arguments, entered=0, before=facts, error=error
    )


def broke(call: SkillCall, calls: Sequence[SkillCall]) -> bool:
    """Return whether a call of a skill failed by itself, and not because one that it made in turn had failed."""
    return call.raised and not any(
        inner.raised and inner.depth == call.depth + 1 and inner.entered >= call.entered and inner.left == call.left
        for inner in calls
        if inner is not call
    )


def unrun(execution: Execution) -> bool:
    """Return whether a program was refused before its first line: its arguments do not fit, or it was revoked meanwhile.

    That is the doing of whoever called it. What a program does wrong by itself stands in a line.
    """
    error = execution.error
    return error is not None and error.kind in ("argument", "grant") and error.line is None


def _of(call: SkillCall, execution: Execution, error: ProgramError) -> Blame:
    return Blame(
        name=call.name,
        skill=call.code_hash,
        arguments=call.arguments,
        entered=call.entered,
        before=_after(execution, call.entered),
        error=error,
    )


def _after(execution: Execution, steps: int) -> Facts:
    """Return the facts after some of an execution's steps."""
    facts = copy.deepcopy(execution.before.facts)
    for step in execution.trajectory[:steps]:
        for path, (_, new) in step.changes.items():
            *keys, last = path.split(".")
            place: Any = facts
            for key in keys:
                place = place.setdefault(key, {}) if isinstance(place, dict) else {}
            if isinstance(place, dict):
                place[last] = new
    return facts
