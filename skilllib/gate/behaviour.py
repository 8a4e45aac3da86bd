"""Skills that do the same, shown by running the kept tests of each with the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from skilllib.gate.accidents import Changes, Runs, accidental, checked, differing, kin, spoken_of
from skilllib.gate.pairing import paired, renamed
from skilllib.library import SkillLibrary
from skilllib.library.duplicates import Likeness, behaves_like
from skilllib.library.promotion import measured_effects
from skilllib.library.relinking import various
from skilllib.library.text import indexed_text
from skilllib.library.upkeep import Replay
from skilllib.records.base import canonical
from skilllib.records.execution import Trial
from skilllib.records.skill import KeptTest, Skill

NEAREST = 20
"""Skills with the nearest texts; one that does the same is described by the same promises and effects."""
CANDIDATES = 3
"""Skills that are run, the likeliest first."""
TESTS, MOST_TESTS = 3, 8
"""Kept tests of each: one for each check and each of its arguments, but no fewer and no more than these if there are so many."""


def twin(library: SkillLibrary, skill: Skill, tests: Sequence[KeptTest], *, replay: Replay) -> Likeness | None:
    """Return an active skill of another name that does the same as a new one, if one is found among the likely ones.

    Each is run on kept tests of the other, and in every one of these worlds both come out the same: the check holds for both, and
    the same facts change by as much. What the worlds do to a skill may differ, such as how far it had to walk; but nothing that
    tells of what a check of theirs is about, or a promise of a skill that is described like them.

    Args:
        library: Where the others are; the new skill need not be stored, what it calls must be.
        skill: The new skill.
        tests: Its kept tests.
        replay: Runs kept tests.

    Not covered: skills whose kept tests have different arguments throughout and change nothing in common, or change nothing that
    their checks are about; what a skill returns.
    """
    if not tests:
        return None
    near = [hit.skill for hit in library.retrieve(_told(skill, tests), k=NEAREST) if hit.skill.environment == skill.environment]
    pairs = sorted(_likely(library, skill, tests, near), key=lambda pair: -pair.shared)[:CANDIDATES]
    for pair in pairs:
        if pair.same(replay, things=_promised(near)):
            return behaves_like(skill, pair.old.skill, tests=len(pair.new.first) + len(pair.old.first), names=pair.old.names)
    return None


@dataclass(frozen=True, kw_only=True)
class _Side:
    """One of two skills that are compared."""

    skill: Skill
    closure: Sequence[Skill]
    names: Mapping[str, str]
    """Parameters of the new skill → those of this one that they stand for."""
    tests: Sequence[KeptTest]
    """All that it keeps, with the arguments named as in the new skill."""
    runs: Runs
    """Those of its tests, and what it did in the worlds of the other one."""

    @property
    def first(self) -> Sequence[KeptTest]:
        """Those of its tests that are run with the other one."""
        cases: dict[str, KeptTest] = {}
        for test in self.tests:
            cases.setdefault(canonical([test.check, test.arguments]), test)
        chosen = list(cases.values())
        others = [test for test in various(self.tests) if test not in chosen]
        return [*chosen, *others][: min(max(len(chosen), TESTS), MOST_TESTS)]

    def changes(self, test: KeptTest, replay: Replay) -> Changes | None:
        """Return what it changes in the world of a test, or None if the test does not come out as expected."""
        called = renamed([test], self.names, self.skill)
        trials = replay(self.skill, self.closure, called) if called else ()
        return trials[0].changes if trials and trials[0].solved == test.expected else None


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """A new skill and one that may do the same."""

    new: _Side
    old: _Side

    @property
    def likely(self) -> bool:
        """Return whether each does something that the other is for."""
        return _about(self.new, self.old) and _about(self.old, self.new)

    @property
    def shared(self) -> float:
        """Return which share of what either of them does in all its runs both do."""
        one, other = self.new.runs.steady, self.old.runs.steady
        return len(one & other) / max(len(one | other), 1)

    def same(self, replay: Replay, *, things: set[str]) -> bool:
        """Return whether both come out the same in all worlds; what settles it first ends it, for a world is dear.

        Args:
            replay: Runs kept tests.
            things: What a fact may tell of so that no difference is an accident, besides what the checks are about.
        """
        meant = things | {kin(fact) for side in (self.new, self.old) for fact in checked(side.tests)}
        differences = set[str]()
        for visitor, owner in ((self.new, self.old), (self.old, self.new)):
            for test in owner.first:
                found = _in_its_world(test, visitor, owner, replay)
                if found is None or any(kin(fact) in meant for fact in found):
                    return False
                differences |= found
        return accidental(differences, self.new.runs, self.old.runs)


def _in_its_world(test: KeptTest, visitor: _Side, owner: _Side, replay: Replay) -> set[str] | None:
    """Return the facts that two skills change differently in the world of a test, or None if it does not come out as expected.

    Where they differ from what was recorded the owner is run again: what it calls may have become another version since then.
    """
    seen = visitor.changes(test, replay)
    if seen is None:
        return None
    visitor.runs.add(test.arguments, seen)
    if seen == test.changes:
        return set()
    now = owner.changes(test, replay)
    return None if now is None else differing(seen, now)


def _likely(library: SkillLibrary, skill: Skill, tests: Sequence[KeptTest], near: Sequence[Skill]) -> Iterator[_Pair]:
    """Yield active skills that can be called as the new one is and that change what its checks are about."""
    closure = (*library.closure([callee.code_hash for callee in skill.calls]), skill)
    besides = {skill.code_hash, *skill.provenance.merged_from}
    for other in near:
        names = paired(skill, other)
        if other.name == skill.name or other.code_hash in besides or names is None or renamed(tests, names, other) is None:
            continue
        if others := renamed(library.tests(other.code_hash), {their: own for own, their in names.items()}, skill):
            new = _Side(skill=skill, closure=closure, names={name: name for name in names}, tests=tests, runs=Runs.of(tests))
            old = _Side(skill=other, closure=library.closure([other.code_hash]), names=names, tests=others, runs=Runs.of(others))
            if (pair := _Pair(new=new, old=old)).likely:
                yield pair


def _about(one: _Side, other: _Side) -> bool:
    """Return whether a skill changes something that another one's checks are about and that this one changes too."""
    aims = {fact for test in other.tests for fact in checked([test]) & test.changes.keys()}
    return any(aims & test.changes.keys() for test in one.tests)


def _promised(near: Sequence[Skill]) -> set[str]:
    """Return what the promises of skills are about."""
    provisions = [provision for skill in near for provision in skill.contract.provides]
    return {kin(fact) for one in provisions for fact in spoken_of(one.check, (*one.parameters, *one.arguments))}


def _told(skill: Skill, tests: Sequence[KeptTest]) -> str:
    """Return what is known of a skill in the words in which others are found: with what its runs changed."""
    parameters = frozenset(parameter.name for parameter in skill.contract.parameters)
    trials = [Trial(seed=test.seed, arguments=test.arguments, solved=test.expected, changes=test.changes) for test in tests]
    return indexed_text(skill, measured_effects(trials, parameters))
