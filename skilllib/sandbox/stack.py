"""Which skills are being executed, from reports of entries and exits and from where each call comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skilllib.records.base import Scalar
from skilllib.records.execution import SkillCall
from skilllib.records.facts import Changes, Facts, changes
from skilllib.records.skill import Skill


@dataclass(kw_only=True, slots=True)
class _Entry:
    skill: Skill
    arguments: dict[str, Scalar]
    depth: int
    entered: int
    facts: Facts
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

    def speaks(self, skill: Skill | None, *, steps: int, facts: Facts) -> None:
        """Take note that code of this skill (None: of the root program) is running: what it had called was left by an error."""
        if skill is not None and all(self._entries[i].skill is not skill for i in self._open):
            return  # a function that a skill returned and that outlived it
        while self._open and self._entries[self._open[-1]].skill is not skill:
            self._close(raised=True, steps=steps, facts=facts)

    def enter(self, skill: Skill, arguments: Mapping[str, Scalar], *, steps: int, facts: Facts) -> int:
        """Open a call and return its number."""
        self._entries.append(
            _Entry(skill=skill, arguments=dict(arguments), depth=len(self._open), entered=steps, facts=facts)
        )
        self._open.append(len(self._entries) - 1)
        return self._open[-1]

    def leave(self, number: int, *, steps: int, facts: Facts) -> None:
        """Close a call that returned; those above it raised."""
        while self._open and self._open[-1] > number:
            self._close(raised=True, steps=steps, facts=facts)
        if self._open and self._open[-1] == number:
            self._close(raised=False, steps=steps, facts=facts)

    def end(self, *, steps: int, facts: Facts) -> None:
        """Close everything: the program ended by itself, so what is open was left by an error."""
        self.leave(-1, steps=steps, facts=facts)

    def calls(self) -> tuple[SkillCall, ...]:
        """Return the record, in order of entry."""
        return tuple(
            SkillCall(
                name=entry.skill.name,
                code_hash=entry.skill.code_hash,
                arguments=entry.arguments,
                depth=entry.depth,
                entered=entry.entered,
                left=entry.left,
                raised=entry.raised,
                changes=entry.changes,
            )
            for entry in self._entries
        )

    def _close(self, *, raised: bool, steps: int, facts: Facts) -> None:
        entry = self._entries[self._open.pop()]
        entry.left, entry.raised, entry.changes = steps, raised, changes(entry.facts, facts)
