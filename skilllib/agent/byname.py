"""Links by name, for a flat library in which a name is overwritten and its callers follow."""

from __future__ import annotations

from dataclasses import dataclass

from skilllib.library import SkillLibrary
from skilllib.library.byname import linked_by_name
from skilllib.protocols import Draft, Linked


@dataclass(frozen=True)
class NamedLinks:
    """A name stands for what is active under it when the program runs, at every depth."""

    library: SkillLibrary

    def of(self, draft: Draft) -> Linked:
        """Return everything a draft reaches by name, and what its own names stand for."""
        return Linked(*linked_by_name(draft.program.names, self.library.skills("active")))
