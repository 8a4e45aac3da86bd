"""What the names in a program stand for."""

from __future__ import annotations

from dataclasses import dataclass

from skilllib.library import SkillLibrary
from skilllib.protocols import Draft, Linked


@dataclass(frozen=True)
class PinnedLinks:
    """New names stand for active versions; what was linked once keeps its callees, whatever becomes active later."""

    library: SkillLibrary

    def of(self, draft: Draft) -> Linked:
        """Return the closure of a draft and what its names stand for; an active skill keeps its own callees."""
        if draft.reuses is not None:
            calls = {callee.name: callee.code_hash for callee in draft.reuses.calls}
        else:
            calls = self.library.resolve(sorted(draft.program.names))
            for merge in draft.merges:
                calls = {**{callee.name: callee.code_hash for callee in merge.skill.calls}, **calls}
            calls = {name: code_hash for name, code_hash in calls.items() if name in draft.program.names}
        return Linked(self.library.closure(tuple(calls.values())), calls)
