"""Everything that waits on trial: what may become active, callees first, and each of it proved once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skilllib.errors import CyclicCalls, DuplicateSkill, EnvironmentFault, InvalidRecord, NotVerified, UnknownSkill
from skilllib.exchange.proving import Activation, Proving, task_of
from skilllib.library import SkillLibrary
from skilllib.records.execution import Proof
from skilllib.records.ledger import Decision
from skilllib.records.skill import Skill

_REFUSALS = (CyclicCalls, DuplicateSkill, EnvironmentFault, InvalidRecord, NotVerified, UnknownSkill)
"""What concerns one skill and leaves the others to be proved."""


def waiting(library: SkillLibrary) -> tuple[Skill, ...]:
    """Return the skills on trial that may become active, callees before callers, the newest of a name first.

    Versions that are older than the active one of their name are left out.
    """
    active = {skill.name: skill.version for skill in library.skills("active")}
    found = [skill for skill in library.skills("trial") if skill.version > active.get(skill.name, 0)]
    ordered = library.closure({skill.code_hash for skill in found})
    rank = {skill.code_hash: number for number, skill in enumerate(ordered)}
    first: dict[str, int] = {}
    for skill in found:
        first[skill.name] = min(first.get(skill.name, len(rank)), rank[skill.code_hash])
    return tuple(sorted(found, key=lambda skill: (first[skill.name], -skill.version)))


def activate_all(door: Proving, skills: Iterable[Skill]) -> Iterator[tuple[Activation, ...]]:
    """Prove skills, and yield for each what came of it and of what it calls, as far as that was not told before.

    What became active meanwhile, or has a newer version that did, is passed over. What cannot be proved stands in the way of no
    other skill but those that rest on it.
    """
    told: dict[str, Activation] = {}
    for skill in skills:
        new = []
        for one in _activated(door, skill, told):
            if one.skill.version_hash not in told:
                told[one.skill.version_hash] = one
                new.append(one)
        yield tuple(new)


def _activated(door: Proving, skill: Skill, told: dict[str, Activation]) -> Iterator[Activation]:
    library = door.library
    best = library.get(skill.name)
    if skill.version_hash in told or (best.status == "active" and best.version >= skill.version):
        return
    if unproved := next((one for one in _callees(library, skill) if one.version_hash in told), None):
        yield _refused(skill, _rests(unproved))
        return
    try:
        for one in door.activate(skill):
            yield one
            if one.decision.outcome != "promote" and one.skill.name != skill.name:
                yield _refused(skill, _rests(one.skill))
    except _REFUSALS as error:
        yield _refused(skill, str(error))


def _callees(library: SkillLibrary, skill: Skill) -> Iterator[Skill]:
    """Yield the callees on trial that no active version can stand in for."""
    for callee in library.closure([skill.code_hash])[:-1]:
        if callee.status == "trial" and library.get(callee.name).status != "active":
            yield callee


def _rests(callee: Skill) -> str:
    return f"rests on {callee.name!r} (version {callee.version}), which is not proved"


def _refused(skill: Skill, reason: str) -> Activation:
    """Return that a skill is not proved; nothing of it was executed, and nothing is in the ledger."""
    proof = Proof(task=task_of(skill), accepted=False, reason=reason)
    return Activation(skill=skill, proof=proof, decision=Decision(outcome="need_more", codes=("refused",), reason=reason))
