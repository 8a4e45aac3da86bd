"""Experience can be added up, in whatever order and grouping it comes."""

from __future__ import annotations

from typing import Any

import strategies
from hypothesis import given
from hypothesis import strategies as st

from skilllib.records.experience import CallExperience, Experience

one_call = strategies.call_experiences()
some_calls = st.lists(st.one_of(strategies.call_experiences("take"), strategies.call_experiences("climb")), max_size=5)


def counted(call: CallExperience) -> dict[str, Any]:
    """All that is added up; the last messages depend on the order, and what was missing is a set."""
    return call.model_dump(exclude={"messages", "missing"}) | {"missing": set(call.missing)}


@given(one_call, one_call)
def test_the_order_of_two_does_not_matter(one: CallExperience, other: CallExperience) -> None:
    assert counted(one.plus(other)) == counted(other.plus(one))


@given(one_call, one_call, one_call)
def test_the_grouping_of_three_does_not_matter(one: CallExperience, two: CallExperience, three: CallExperience) -> None:
    assert counted(one.plus(two).plus(three)) == counted(one.plus(two.plus(three)))


@given(one_call)
def test_nothing_adds_nothing(one: CallExperience) -> None:
    nothing = CallExperience(name=one.name, arguments=one.arguments)
    assert counted(one.plus(nothing)) == counted(one) and one.plus(nothing).messages == one.messages[-5:]


@given(one_call, one_call)
def test_what_was_missing_is_kept_once_and_only_the_last_messages_are_kept(one: CallExperience, other: CallExperience) -> None:
    both = one.plus(other)
    assert set(both.missing) == {*one.missing, *other.missing} and len(set(both.missing)) == len(both.missing)
    assert len(both.messages) <= 5 and len(set(both.messages)) == len(both.messages)


@given(some_calls, some_calls)
def test_experience_of_many_calls_adds_up_per_call(some: list[CallExperience], others: list[CallExperience]) -> None:
    both = Experience().plus([*some, *others])
    assert both == Experience().plus(some).plus(others)
    assert [call.key for call in both.calls] == sorted({call.key for call in [*some, *others]})
    assert sum(call.calls for call in both.calls) == sum(call.calls for call in [*some, *others])


def test_calls_with_other_arguments_are_other_calls() -> None:
    rope, lamp = (CallExperience(name="take", arguments={"what": what}, calls=1) for what in ("rope", "lamp"))
    assert rope.key != lamp.key and len(Experience().plus([rope, lamp, rope]).calls) == 2


def test_the_order_of_arguments_does_not_matter() -> None:
    assert CallExperience(name="go", arguments={"a": 1, "b": 2}).key == CallExperience(name="go", arguments={"b": 2, "a": 1}).key
