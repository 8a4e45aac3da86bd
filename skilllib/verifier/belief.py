"""No re-execution: the opinion that a program solved its task is taken for proof, as in Voyager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skilllib.protocols import Draft, Proven
from skilllib.records.base import Scalar
from skilllib.records.execution import Execution, Proof, Trial
from skilllib.records.experience import Experience
from skilllib.records.facts import changes
from skilllib.records.skill import KeptTest, Skill
from skilllib.records.task import Task


@dataclass(frozen=True)
class Belief:
    """Takes it that a draft which is to be proved did solve its task, without looking again or asking again."""

    def prove(
        self,
        draft: Draft,
        task: Task,
        *,
        execution: Execution,
        closure: Sequence[Skill],
        calls: Mapping[str, str],
        seed: int,
        kept: Sequence[tuple[KeptTest, Mapping[str, Scalar]]] = (),
    ) -> Proven:
        """Return a proof that is marked as an opinion; only a library of that policy takes it."""
        trial = Trial(
            seed=None,
            arguments={**draft.arguments, **task.arguments()},
            solved=True,
            reason="in the opinion of a model",
            called=tuple(dict.fromkeys(call.name for call in execution.skill_calls)),
            changes=changes(execution.before.facts, execution.after.facts),
        )
        reason = "solved once in the opinion of a model, not executed again"
        return Proven(Proof(task=task, trials=(trial,), accepted=True, reason=reason, by="opinion"), Experience())
