"""What was seen of single calls: which facts they change, what they lack.

Experience is derived from executions and stored with each attempt, so a memory can be rebuilt from a library's traces
at any time; it is a view, never a second truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skilllib.records.base import Json, Scalar, canonical
from skilllib.records.execution import Execution, SkillCall, Step
from skilllib.records.experience import CallExperience
from skilllib.records.facts import Changes, changes
from skilllib.records.skill import Skill
from skilllib.records.world import Missing


class Memory:
    """Adds up the experience of calls and answers questions about their effects."""

    def __init__(self) -> None:
        self._calls: dict[str, CallExperience] = {}

    def record(self, calls: Iterable[CallExperience]) -> None:
        """Add experience."""
        for call in calls:
            known = self._calls.get(call.key)
            self._calls[call.key] = known.plus(call) if known else call

    def of(self, name: str, arguments: Mapping[str, Scalar]) -> CallExperience | None:
        """Return what was seen of one call, or None."""
        return self._calls.get(f"{name}({canonical(dict(arguments))})")

    def calls(self) -> list[CallExperience]:
        """Return all experience, in a stable order."""
        return [self._calls[key] for key in sorted(self._calls)]

    def primitives_raising(self, fact: str) -> list[CallExperience]:
        """Return the primitive calls after which a fact rose, most reliable first."""
        found = [call for call in self.calls() if call.rises.get(fact) and not call.name.startswith("skill:")]
        return sorted(found, key=lambda call: (-call.rises[fact] / call.succeeded, call.key))


def observed(execution: Execution, *, root: Skill | None = None) -> tuple[CallExperience, ...]:
    """Return what one execution showed about the primitives and skills it called.

    Args:
        execution: What happened.
        root: The skill that was run, where the program is one.
    """
    merged: dict[str, CallExperience] = {}
    skills = [*execution.skill_calls, *([_as_call(root, execution)] if root else [])]
    for call in [*map(_of_step, execution.trajectory), *(_of_skill(call, execution) for call in skills)]:
        merged[call.key] = merged[call.key].plus(call) if call.key in merged else call
    return tuple(merged[key] for key in sorted(merged))


def rises(changes: Changes) -> dict[str, int]:
    """Return the facts that rose, became true, or took a new word (as `fact=word`)."""
    found: dict[str, int] = {}
    for fact, (old, new) in changes.items():
        if isinstance(new, bool) or isinstance(old, bool):
            if new is True:
                found[fact] = 1
        elif _is_number(new) and (new > (old if _is_number(old) else 0)):
            found[fact] = 1
        elif isinstance(new, str):
            found[f"{fact}={new}"] = 1
    return found


def falls(changes: Changes) -> dict[str, int]:
    """Return the facts that fell or became false."""
    found: dict[str, int] = {}
    for fact, (old, new) in changes.items():
        if isinstance(old, bool):
            if new is not True:
                found[fact] = 1
        elif _is_number(old) and _is_number(new) and new < old:
            found[fact] = 1
    return found


def used(steps: Iterable[Step]) -> dict[str, float]:
    """Return for every numeric fact the sum of its decreases over some steps."""
    total: dict[str, float] = {}
    for step in steps:
        for fact, (old, new) in step.changes.items():
            if _is_number(old) and _is_number(new) and new < old:
                total[fact] = total.get(fact, 0.0) + old - new
    return dict(sorted(total.items()))


def gained(steps: Iterable[Step]) -> dict[str, float]:
    """Return for every numeric fact the sum of its increases over some steps."""
    total: dict[str, float] = {}
    for step in steps:
        for fact, (old, new) in step.changes.items():
            if _is_number(old) and _is_number(new) and new > old:
                total[fact] = total.get(fact, 0.0) + new - old
    return dict(sorted(total.items()))


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _gains(changes: Changes) -> dict[str, float]:
    return {fact: float(new - old) for fact, (old, new) in changes.items() if _is_number(old) and _is_number(new) and new > old}


def _of_step(step: Step) -> CallExperience:
    failure = step.outcome.failure
    if failure is not None:
        return CallExperience(
            name=step.primitive,
            arguments=step.arguments,
            calls=1,
            retried=int(failure.retry),
            steps=step.outcome.steps,
            # What will pass by itself is nothing to be obtained first.
            missing=() if failure.retry else tuple(lack(missing) for missing in failure.missing),
            messages=(failure.message,),
        )
    return CallExperience(
        name=step.primitive,
        arguments=step.arguments,
        calls=1,
        succeeded=1,
        steps=step.outcome.steps,
        rises=rises(step.changes),
        falls=falls(step.changes),
        gains=_gains(step.changes),
        uses=used([step]),
    )


def lack(missing: Missing) -> Missing:
    """Return what was missing without the value at the time, so that equal lacks are equal."""
    return missing.model_copy(update={"have": None})


def _as_call(skill: Skill, execution: Execution) -> SkillCall:
    return SkillCall(
        name=skill.name,
        code_hash=skill.code_hash,
        arguments=execution.arguments,
        depth=0,
        entered=0,
        left=None if execution.stopped else len(execution.trajectory),
        raised=execution.error is not None,
        changes=changes(execution.before.facts, execution.after.facts),
    )


def _of_skill(call: SkillCall, execution: Execution) -> CallExperience:
    end = call.left if call.left is not None else len(execution.trajectory)
    steps = execution.trajectory[call.entered : end]
    succeeded = call.left is not None and not call.raised
    failure = steps[-1].outcome.failure if call.raised and steps else None
    return CallExperience(
        name=f"skill:{call.code_hash}",
        arguments=call.arguments,
        calls=1,
        succeeded=int(succeeded),
        steps=sum(step.outcome.steps for step in steps),
        rises=rises(call.changes) if succeeded else {},
        falls=falls(call.changes) if succeeded else {},
        gains=_gains(call.changes) if succeeded else {},
        uses=used(steps) if succeeded else {},
        missing=tuple(lack(missing) for missing in failure.missing) if failure and not failure.retry else (),
    )
