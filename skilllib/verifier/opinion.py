"""The verifier that asks a model where nothing else can decide; what it says is an opinion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from skilllib.prompts import Part, lines
from skilllib.prompts.role import Role
from skilllib.prompts.shown import changes_text, clipped, facts_text, steps_text
from skilllib.protocols import Verifier
from skilllib.records.execution import Execution, Verdict
from skilllib.records.facts import changes
from skilllib.records.task import Task

ASKS = 2
"""How often a model is asked for one verdict; a reply that is none of `yes` and `no` is no verdict."""
HIDDEN = "(not shown)"

_FIRST_LINE = re.compile(r"\W*(yes|no)\b\W*(.*)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class OpinionVerifier:
    """Decides by the task's check where there is one; without one a model judges, with the whole execution before its eyes.

    Fail closed: what made no call or changed nothing is not solved, nor is what the model gives no clear answer to.

    Args:
        verifier: Decides where there is a check.
        role: Who judges where there is none.
        always: The model judges tasks with a check as well, whatever the check says: a baseline, never a default.
        final_state_only: The model sees what there is at the end and nothing of how it came about: likewise.
    """

    verifier: Verifier
    role: Role
    always: bool = False
    final_state_only: bool = False

    def verify(self, task: Task, execution: Execution) -> Verdict:
        """Return the verdict; an opinion says so.

        Raises:
            ModelError: The model gave no reply.
        """
        if task.check is not None and not self.always:
            return self.verifier.verify(task, execution)
        if not execution.trajectory:
            return _opinion(False, "the program made no primitive call")
        if not self.always and not changes(execution.before.facts, execution.after.facts):
            return _opinion(False, "nothing changed in the world")
        return self._judged(task, execution)

    def _judged(self, task: Task, execution: Execution) -> Verdict:
        parts = list(self._parts(task, execution))
        for again in range(ASKS):
            if (found := answer(self.role.ask(parts, again=again))) is not None:
                return _opinion(*found)
        return _opinion(False, f"the model gave {ASKS} times neither yes nor no")

    def _parts(self, task: Task, execution: Execution) -> Iterator[Part]:
        """Yield what is shown: what changed and what was called last is worth most, how it was before least."""
        before, after = execution.before, execution.after
        yield Part("goal", task.goal, 10)
        yield Part("after", after.text, 4)
        yield from lines("after", facts_text(after.facts), 6)
        if self.final_state_only:
            yield from (Part(slot, HIDDEN, 9) for slot in ("before", "changes", "calls"))
            return
        yield Part("before", before.text, 1)
        yield from lines("before", facts_text(before.facts), 3)
        yield from lines("changes", changes_text(changes(before.facts, after.facts)), 9)
        yield from lines("calls", steps_text(execution.trajectory), 8, latest=True)


def answer(reply: str) -> tuple[bool, str] | None:
    r"""Return the verdict of a reply and its reason, or None where its first line is neither `yes` nor `no`.

    >>> answer("no\nThe door is shut.")
    (False, 'The door is shut.')
    >>> answer("The door is open, so yes") is None
    True
    """
    first, _, rest = reply.strip().partition("\n")
    found = _FIRST_LINE.fullmatch(first)
    if found is None:
        return None
    return found[1].lower() == "yes", clipped(f"{found[2]} {rest}")


def _opinion(solved: bool, reason: str) -> Verdict:
    return Verdict(solved=solved, score=float(solved), reason=reason or "no reason was given", by="opinion")
