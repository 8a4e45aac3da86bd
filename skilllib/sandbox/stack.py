"""Which skills are being executed, from reports of entries and exits and from where each call comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from skilllib.records.base import Scalar
from skilllib.records.execution import SkillCall
from skilllib.records.facts import Changes, Facts, changes
from skilllib.records.skill import Skill


class Moment(NamedTuple):
    """Where a run stands: how many steps were taken, and the facts."""

    steps: int
    facts: Facts


@dataclass(kw_only=True, slots=True)
class _Entry:
    skill: Skill
    arguments: dict[str, Scalar]
    depth: int
    entered: Moment
    left: int | None = None
    raised: bool = False
    changes: Changes = field(default_factory=dict)


class SkillStack:
    """The open calls of skills, and the record of all of them.

    A skill that raises reports no exit: a `try` around it would cost us the line of the error. But every later call tells
    from whose source it comes, and no code of a caller runs while its callee is open, so the calls above the one that
    speaks have been left. Recursion is the one ambiguous case: then a call counts as open until its caller returns.
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._open: list[int] = []

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the open skills, outermost first."""
        return tuple(self._entries[i].skill.name for i in self._open)

    @property
    def skills(self) -> tuple[Skill, ...]:
        """The open skills, outermost first."""
        return tuple(self._entries[i].skill for i in self._open)

    def speaks(self, skill: Skill | None, now: Moment) -> None:
        """Take note that code of this skill (None: of the root program) is running: what it had called was left by an error."""
        if skill is not None and all(self._entries[i].skill is not skill for i in self._open):
            return  # a function that a skill returned and that outlived it
        while self._open and self._entries[self._open[-1]].skill is not skill:
            self._close(now, raised=True)

    def enter(self, skill: Skill, arguments: Mapping[str, Scalar], now: Moment) -> int:
        """Open a call and return its number."""
        self._entries.append(_Entry(skill=skill, arguments=dict(arguments), depth=len(self._open), entered=now))
        self._open.append(len(self._entries) - 1)
        return self._open[-1]

    def leave(self, number: int, now: Moment) -> None:
        """Close a call that returned; those above it raised."""
        while self._open and self._open[-1] > number:
            self._close(now, raised=True)
        if self._open and self._open[-1] == number:
            self._close(now, raised=False)

    def end(self, now: Moment) -> None:
        """Close everything: the program ended by itself, so what is open was left by an error."""
        self.leave(-1, now)

    def calls(self) -> tuple[SkillCall, ...]:
        """Return the record, in order of entry."""
        return tuple(
            SkillCall(
                name=entry.skill.name,
                code_hash=entry.skill.code_hash,
                arguments=entry.arguments,
                depth=entry.depth,
                entered=entry.entered.steps,
                left=entry.left,
                raised=entry.raised,
                changes=entry.changes,
            )
            for entry in self._entries
        )

    def _close(self, now: Moment, *, raised: bool) -> None:
        entry = self._entries[self._open.pop()]
        entry.left, entry.raised, entry.changes = now.steps, raised, changes(entry.entered.facts, now.facts)
