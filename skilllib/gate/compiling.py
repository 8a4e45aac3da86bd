"""When a skill has earned weights: enough evidence, enough use, enough tests to learn from and to hold out."""

from __future__ import annotations

from dataclasses import dataclass

from skilllib.records.base import Json
from skilllib.records.ledger import Change, Decision, Edit
from skilllib.records.skill import Skill, Statistics


@dataclass(frozen=True)
class CompileGate:
    """Decides whether a skill is to be compiled; apart from whether it is active.

    Args:
        lower_bound: What its success rate must be shown to exceed.
        uses: How often it must have been of use: what is never used saves no tokens. Code is of use when it is called; words,
            which nobody can call, when they are found for a task.
        tests: Kept tests that it must have.
    """

    lower_bound: float = 0.3
    uses: int = 5
    tests: int = 4

    def decide(self, skill: Skill, statistics: Statistics, tests: int) -> Decision:
        """Return the decision with its figures."""
        uses = statistics.called if skill.program is not None else statistics.retrieved
        figures = {"lower_bound": statistics.lower_bound, "uses": float(uses), "tests": float(tests)}
        claims = {
            "not_active": skill.status == "active",
            "lower_bound_too_low": statistics.lower_bound >= self.lower_bound,
            "seldom_used": uses >= self.uses,
            "few_tests": tests >= self.tests,
        }
        if failed := tuple(code for code, holds in claims.items() if not holds):
            return Decision(outcome="need_more", codes=failed, figures=figures, reason=f"not yet: {', '.join(failed)}")
        return Decision(outcome="promote", codes=("earned_weights",), figures=figures, reason="proven and used enough")


def asked_for(name: str) -> Decision:
    """Return the decision of a person who names a skill."""
    return Decision(outcome="promote", codes=("asked_for",), reason=f"somebody asked for weights of {name!r}")


def compile_change(
    skill: Skill, *, base: str, backend: str, options: dict[str, Json] | None = None, seed: int = 0, proposer: str
) -> Change:
    """Return the change that asks for an adapter."""
    values: dict[str, Json] = {"base": base, "backend": backend, "options": options or {}, "seed": seed}
    return Change(
        kind="compile",
        targets=(skill.code_hash,),
        edits=tuple(Edit(field=field, value=value) for field, value in values.items()),
        rationale=f"weights of {skill.name!r} for {base}",
        proposer=proposer,
    )
