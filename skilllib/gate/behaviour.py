"""Skills that do the same, shown by running the kept tests of each with the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skilllib.library import SkillLibrary
from skilllib.library.duplicates import Likeness, behaves_like, same_behaviour
from skilllib.library.relinking import various
from skilllib.library.text import indexed_text
from skilllib.library.upkeep import Replay
from skilllib.records.skill import KeptTest, Skill

NEAREST = 10
"""Skills with the nearest texts; one that does the same is described by the same promises and effects."""
CANDIDATES = 3
"""Skills that are run."""
TESTS = 3
"""Kept tests of each, those with different arguments first."""


def twin(library: SkillLibrary, skill: Skill, tests: Sequence[KeptTest], *, replay: Replay) -> Likeness | None:
    """Return an active skill of another name that does the same as a new one, if one is found among the likely ones.

    Each is run on the kept tests of the other, and every one must come out as it did before and change the very same facts.

    Args:
        library: Where the others are; the new skill need not be stored, what it calls must be.
        skill: The new skill.
        tests: Its kept tests.
        replay: Runs kept tests.
    """
    own = various(tests)[:TESTS]
    if not own:
        return None
    for other, others in _likely(library, skill, own):
        closure = (*library.closure([callee.code_hash for callee in skill.calls]), skill)
        if _passes(skill, closure, others, replay) and _passes(other, library.closure([other.code_hash]), own, replay):
            return behaves_like(skill, other, tests=len(own) + len(others))
    return None


def _passes(skill: Skill, closure: Sequence[Skill], tests: Sequence[KeptTest], replay: Replay) -> bool:
    """Return whether a skill comes out of another's tests as that one did; the first difference ends it, for a world is dear."""
    return all(same_behaviour([test], replay(skill, closure, [test])) for test in tests)


def _likely(library: SkillLibrary, skill: Skill, own: Sequence[KeptTest]) -> Iterator[tuple[Skill, Sequence[KeptTest]]]:
    """Yield active skills whose tests could be the new one's: the same facts change, and the arguments fit both."""
    taken, besides = 0, {skill.code_hash, *skill.provenance.merged_from}
    for hit in library.retrieve(indexed_text(skill), k=NEAREST):
        other = hit.skill
        if other.name == skill.name or other.code_hash in besides or other.environment != skill.environment:
            continue
        others = various(library.tests(other.code_hash))[:TESTS]
        fits = others and _changed(own) == _changed(others) and _takes(other, own) and _takes(skill, others)
        if fits and taken < CANDIDATES:
            taken += 1
            yield other, others


def _changed(tests: Sequence[KeptTest]) -> set[str]:
    return {fact for test in tests for fact in test.changes}


def _takes(skill: Skill, tests: Sequence[KeptTest]) -> bool:
    """Return whether a skill can be called with the arguments of tests."""
    if skill.program is None:
        return False
    names = {parameter.name for parameter in skill.program.parameters}
    needed = {parameter.name for parameter in skill.program.parameters if parameter.default is None}
    return all(needed <= test.arguments.keys() <= names for test in tests)
