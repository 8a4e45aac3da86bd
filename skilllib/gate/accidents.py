"""What skills change without meaning to: how far they walked, what they saw on the way, how tired they got."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from skilllib.errors import InvalidCheck
from skilllib.records.base import Json, Scalar, canonical
from skilllib.records.check import Check
from skilllib.records.skill import KeptTest

Changes: TypeAlias = Mapping[str, tuple[Json, Json]]


def kin(fact: str) -> str:
    """Return where a fact stands; those in one place tell of one thing.

    >>> kin("inventory.wood"), kin("facing")
    ('inventory', 'facing')
    """
    return fact.rpartition(".")[0] or fact


def checked(tests: Iterable[KeptTest]) -> set[str]:
    """Return the facts that the checks of tests speak of."""
    return {fact for test in tests for fact in spoken_of(test.check, test.check_arguments)}


def spoken_of(check: str, parameters: Iterable[str]) -> tuple[str, ...]:
    """Return the facts that a check speaks of; none where it cannot be read."""
    try:
        return Check(check, parameters=frozenset(parameters)).facts()
    except InvalidCheck:
        return ()


def differing(one: Changes, other: Changes) -> set[str]:
    """Return the facts that did not change in the same way."""
    return {fact for fact in one.keys() | other.keys() if one.get(fact) != other.get(fact)}


@dataclass
class Runs:
    """What runs of a skill changed, by arguments."""

    _by_arguments: dict[str, list[Changes]] = field(default_factory=dict)

    @classmethod
    def of(cls, tests: Iterable[KeptTest]) -> Runs:
        """Return those in which tests were recorded."""
        found = cls()
        for test in tests:
            found.add(test.arguments, test.changes)
        return found

    def add(self, arguments: Mapping[str, Scalar], changes: Changes) -> None:
        """Take note of a run."""
        self._by_arguments.setdefault(canonical(dict(arguments)), []).append(changes)

    @property
    def facts(self) -> set[str]:
        """All facts that a run changed."""
        return {fact for runs in self._by_arguments.values() for changes in runs for fact in changes}

    @property
    def steady(self) -> set[tuple[str, str, str]]:
        """What all runs with the same arguments did alike: arguments, fact, and by how much it changed."""
        return {
            (arguments, fact, canonical(_size(change)))
            for arguments, runs in self._by_arguments.items()
            for fact, change in runs[0].items()
            if all(canonical(_size(changes.get(fact))) == canonical(_size(change)) for changes in runs)
        }

    def varies(self, fact: str) -> bool:
        """Return whether the worlds decide what becomes of a fact: with equal arguments it changed in more than one way.

        One that is brought to the same value from different ones is not among them, nor one that never changed.
        """
        groups = [[changes.get(fact) for changes in runs] for runs in self._by_arguments.values()]
        changed = [change for group in groups for change in group if change is not None]
        brought = len({canonical(before) for before, _ in changed}) > 1 and len({canonical(after) for _, after in changed}) == 1
        return not brought and any(len({canonical(_size(change)) for change in group}) > 1 for group in groups)


def accidental(facts: Collection[str], one: Runs, other: Runs) -> bool:
    """Return whether two skills owe it to the worlds that they changed facts differently, and neither means to.

    Each of the facts varies in the runs of both. One that only one of them ever changed varies in its runs, and others that tell of
    the same thing vary in the runs of both: who saw iron where the other did not may have looked the other way.
    """
    both = {fact for fact in one.facts & other.facts if one.varies(fact) and other.varies(fact)}
    things = {kin(fact) for fact in both}
    return all(fact in both or (kin(fact) in things and _one_sided(fact, one, other)) for fact in facts)


def _one_sided(fact: str, one: Runs, other: Runs) -> bool:
    changing = [runs for runs in (one, other) if fact in runs.facts]
    return len(changing) == 1 and changing[0].varies(fact)


def _size(change: tuple[Json, Json] | None) -> Json:
    """Return by how much a number changed, or from what to what anything else did."""
    if change is None:
        return 0
    before, after = change
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in change)
    return after - before if numbers else [before, after]
