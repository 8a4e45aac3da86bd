"""Tasks: a goal in words and as a check."""

from __future__ import annotations

from typing import Any

import pytest
import strategies
from hypothesis import given
from pydantic import ValidationError

from skilllib.errors import InvalidCheck
from skilllib.records.task import Task


def task(**fields: Any) -> Task:
    return Task(**{"id": "t", "environment": "e", "goal": "have rope", **fields})


def test_a_check_that_does_not_parse_is_refused_when_the_task_is_made() -> None:
    with pytest.raises((ValidationError, InvalidCheck), match="not allowed"):
        task(check="open('f') == after.x")
    with pytest.raises((ValidationError, InvalidCheck), match="amount"):
        task(check="after.rope >= amount")


def test_a_parameter_needs_a_value() -> None:
    with pytest.raises(ValidationError, match="at least one value"):
        task(check="after.rope >= amount", parameters={"amount": ()})


def test_every_parameter_cycles_through_its_own_values() -> None:
    both = task(check="after.rope >= amount and after.at == place", parameters={"amount": (2, 1, 3), "place": ("mill", "coop")})
    assert [both.arguments(i) for i in range(4)] == [
        {"amount": 2, "place": "mill"},
        {"amount": 1, "place": "coop"},
        {"amount": 3, "place": "mill"},
        {"amount": 2, "place": "coop"},
    ]
    assert both.arguments() == both.arguments(0)


def test_a_task_has_no_seed_and_no_unknown_field() -> None:
    with pytest.raises(ValidationError, match="seed"):
        task(seed=3)


def test_a_task_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        task().goal = "another"


def test_a_task_without_a_check_has_none_to_parse() -> None:
    assert task().parsed_check() is None


@given(strategies.tasks)
def test_a_task_survives_storage(one: Task) -> None:
    assert Task.model_validate_json(one.model_dump_json()) == one
