"""Skills linked by name at run time: what a caller calls is whatever bears that name now, as in a flat library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from skilllib.records.naming import RESERVED
from skilllib.records.skill import Callee, Skill


class ByName(Skill):
    """A skill whose calls were looked up by name; it goes by the code hash under which the library knows it.

    What it calls is no part of what it is, so skills may even call each other in a circle. Nor is it held to the primitives
    it declared: they were those of what bore the names when it was written.
    """

    known_as: str
    """Code hash of the stored version."""

    @cached_property
    def code_hash(self) -> str:
        """The code hash of the stored version."""
        return self.known_as


def linked_by_name(names: Iterable[str], active: Sequence[Skill]) -> tuple[tuple[Skill, ...], dict[str, str]]:
    """Return every skill that is reached by name, sorted by name, and name → code hash of those that are called directly.

    Args:
        names: What the root program reads.
        active: One version of each name.
    """
    offered = {skill.name: skill for skill in active if skill.program is not None and skill.name not in RESERVED}
    calls = {name: offered[name].code_hash for name in sorted(set(names)) if name in offered}
    reached: dict[str, Skill] = {}
    frontier = list(calls)
    while frontier:
        name = frontier.pop()
        if name not in reached:
            reached[name] = _relinked(offered[name], offered)
            frontier += [callee.name for callee in reached[name].calls]
    return tuple(reached[name] for name in sorted(reached)), calls


def _relinked(skill: Skill, offered: dict[str, Skill]) -> ByName:
    names = sorted(skill.program.names) if skill.program else []
    fields = {name: getattr(skill, name) for name in Skill.model_fields}
    fields["calls"] = tuple(Callee(name=name, code_hash=offered[name].code_hash) for name in names if name in offered)
    fields["contract"] = skill.contract.model_copy(update={"capabilities": ()})
    return ByName(**fields, known_as=skill.code_hash)
