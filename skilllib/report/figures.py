"""Figures about the skills of a library: how many, how composed, how general."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from skilllib.library import SkillLibrary
from skilllib.records.base import canonical
from skilllib.records.check import Check
from skilllib.records.skill import KeptTest, Skill

STATUSES = ("trial", "active", "retired", "revoked")


def by_status(skills: Iterable[Skill]) -> dict[str, int]:
    """Return status → number of skill versions, all statuses named."""
    counted: Counter[str] = Counter(skill.status for skill in skills)
    return {status: counted[status] for status in STATUSES}


def composed_share(skills: Sequence[Skill]) -> float:
    """Return the share of active skills that call another skill, in [0, 1]."""
    active = [skill for skill in skills if skill.status == "active"]
    return round(sum(bool(skill.calls) for skill in active) / len(active), 4) if active else 0.0


def parameterised_share(library: SkillLibrary) -> float:
    """Return the share of active skills whose argument matters; see `parameterised`."""
    active = library.skills("active")
    return round(sum(parameterised(skill, library.tests(skill.code_hash)) for skill in active) / len(active), 4) if active else 0.0


def parameterised(skill: Skill, tests: Iterable[KeptTest]) -> bool:
    """Return whether kept tests show two values of a parameter with different checked effects.

    The checked effect of a test is how the facts that its check reads changed. Two values differ if no effect was seen
    with both: what may come about by chance with either value shows nothing.
    """
    kept = [test for test in tests if test.expected]
    return any(_matters(parameter.name, kept) for parameter in skill.contract.parameters)


def _matters(parameter: str, tests: Sequence[KeptTest]) -> bool:
    seen: dict[str, set[str]] = {}
    for test in tests:
        if parameter in test.arguments:
            seen.setdefault(canonical(test.arguments[parameter]), set()).add(checked_effect(test))
    sets = list(seen.values())
    return any(not (sets[i] & other) for i in range(len(sets)) for other in sets[i + 1 :])


def checked_effect(test: KeptTest) -> str:
    """Return how the facts that a test's check reads changed, as one text."""
    facts = Check(test.check, parameters=frozenset(test.check_arguments)).facts()
    return canonical({fact: test.changes[fact] for fact in facts if fact in test.changes})
