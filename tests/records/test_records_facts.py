"""Facts are nested JSON with dotted paths."""

from __future__ import annotations

from typing import Any

import strategies
from hypothesis import given

from skilllib.records.check import Check
from skilllib.records.facts import changes, flatten, lookup


@given(strategies.facts())
def test_every_leaf_is_found_under_its_path(facts: Any) -> None:
    for path, value in flatten(facts).items():
        assert lookup(facts, path) == value


@given(strategies.facts())
def test_flattening_loses_no_leaf(facts: Any) -> None:
    assert len(flatten(facts)) == sum(len(group) for group in facts.values())


def test_a_list_is_a_leaf_and_what_is_not_there_is_none() -> None:
    facts = {"bag": {"tags": ["a", {"b": 1}]}, "n": 0}
    assert flatten(facts) == {"bag.tags": ["a", {"b": 1}], "n": 0}
    assert lookup(facts, "bag.none") is None and lookup(facts, "n.deeper") is None and lookup(facts, "none.deeper") is None
    assert lookup(facts, "n") == 0 and lookup(facts, "bag") == facts["bag"]


@given(strategies.facts())
def test_nothing_differs_from_itself(facts: Any) -> None:
    assert changes(facts, facts) == {}


@given(strategies.facts(), strategies.facts())
def test_changes_are_what_leads_from_one_to_the_other(before: Any, after: Any) -> None:
    found, old, new = changes(before, after), flatten(before), flatten(after)
    assert list(found) == sorted(found)
    for path in old.keys() | new.keys():
        assert found.get(path, (old.get(path), old.get(path))) == (old.get(path), new.get(path))


@given(strategies.facts(), strategies.facts())
def test_changes_turn_round_with_time(before: Any, after: Any) -> None:
    assert {path: (new, old) for path, (old, new) in changes(before, after).items()} == changes(after, before)


def test_a_fact_that_came_or_went_changed() -> None:
    assert changes({"a": 1}, {"b": 1}) == {"a": (1, None), "b": (None, 1)}


@given(strategies.full_facts(strategies.integers), strategies.paths)
def test_a_check_reads_a_fact_where_it_is_found(facts: Any, path: str) -> None:
    assert Check(f"after.{path} == {lookup(facts, path)}").holds({}, facts)
