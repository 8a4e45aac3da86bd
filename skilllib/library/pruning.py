"""Pruning by use: what is offered and never taken, fails, or does what another does better, is proposed for retirement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from skilllib.records.base import canonical
from skilllib.records.ledger import Change, Decision
from skilllib.records.skill import Skill, Statistics

PROPOSER = "prune"
Why = Literal["unused", "unreliable", "dominated"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """When a skill is proposed for retirement."""

    offered: int = 20
    """Unused: it was retrieved at least so often, and called never."""
    rate: float = 0.5
    """Unreliable: with this credibility its rate of success is lower than this."""
    credibility: float = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruning:
    """A skill that is proposed for retirement, and on which figures."""

    skill: Skill
    why: Why
    reason: str
    figures: Mapping[str, float]

    @property
    def change(self) -> Change:
        """The change to be decided."""
        return Change(kind="retire", targets=(self.skill.code_hash,), rationale=self.reason, proposer=PROPOSER)

    def decision(self, *, accepted: bool = True) -> Decision:
        """Return the decision to follow the proposal, or to reject it."""
        outcome: Literal["promote", "reject"] = "promote" if accepted else "reject"
        return Decision(outcome=outcome, codes=(self.why,), figures=dict(self.figures), reason=self.reason)


def prunable(active: Sequence[Skill], counted: Mapping[str, Statistics], bounds: Bounds) -> tuple[Pruning, ...]:
    """Return the active skills to be proposed for retirement, in the order they were admitted; none that an active one calls.

    Args:
        active: All active skills.
        counted: Code hash → what was counted.
        bounds: When a skill is proposed.
    """
    called = {callee.code_hash for skill in active for callee in skill.calls}
    found: list[Pruning] = []
    gone: set[str] = set()
    for skill in active:
        if skill.code_hash in called:
            continue
        others = [other for other in active if other.code_hash not in gone]
        pruning = _useless(skill, counted[skill.code_hash], bounds) or _dominated(skill, others, counted)
        if pruning is not None:
            gone.add(skill.code_hash)
            found.append(pruning)
    return tuple(found)


def _useless(skill: Skill, counted: Statistics, bounds: Bounds) -> Pruning | None:
    if counted.called == 0 and counted.retrieved >= bounds.offered:
        figures = {"retrieved": float(counted.retrieved), "called": 0.0}
        return Pruning(skill=skill, why="unused", reason=f"retrieved {counted.retrieved} times and never called", figures=figures)
    if counted.trials + counted.called > 0 and (upper := counted.upper(bounds.credibility)) < bounds.rate:
        alpha, beta = counted.posterior
        reason = f"succeeds in less than {upper:.0%} of its calls, with credibility {bounds.credibility:.0%}"
        figures = {"alpha": alpha, "beta": beta, "upper": round(upper, 6)}
        return Pruning(skill=skill, why="unreliable", reason=reason, figures=figures)
    return None


def _dominated(skill: Skill, others: Iterable[Skill], counted: Mapping[str, Statistics]) -> Pruning | None:
    """Return the proposal for a skill whose every promise another makes too, and keeps more surely, sooner and more often."""
    own = counted[skill.code_hash]
    alpha, beta = own.posterior
    for other in others:
        theirs = counted[other.code_hash]
        better = theirs.called > own.called and 0 < theirs.world_steps <= own.world_steps
        if other.code_hash == skill.code_hash or not better or not _covers(other, skill):
            continue
        if (lower := theirs.lower()) >= alpha / (alpha + beta):
            figures = {"mean": round(alpha / (alpha + beta), 6), "lower_of_other": round(lower, 6)}
            reason = f"{other.name} (version {other.version}) promises the same and keeps it more surely, sooner and more often"
            return Pruning(skill=skill, why="dominated", reason=reason, figures=figures)
    return None


def _covers(other: Skill, skill: Skill) -> bool:
    """Return whether a skill promises all that another promises, and asks for no more."""
    promised = {canonical(provision.model_dump(mode="json")) for provision in other.contract.provides}
    asked = {canonical(provision.model_dump(mode="json")) for provision in skill.contract.provides}
    return (
        bool(asked)
        and asked <= promised
        and set(other.contract.requires) <= set(skill.contract.requires)
        and other.environment == skill.environment
    )
