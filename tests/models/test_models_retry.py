"""What may pass is asked again after waits that double, and nothing else is."""

from __future__ import annotations

import pytest
from model_requests import request

from skilllib.errors import ModelError, ModelRefused, ModelUnavailable
from skilllib.models.retry import Retrying
from skilllib.models.scripted import ScriptedModel

BUSY = ModelUnavailable("busy")


def waits(*lines: str | ModelError, attempts: int = 5) -> list[float]:
    slept: list[float] = []
    Retrying(inner=ScriptedModel(lines), attempts=attempts, wait_s=1, sleep=slept.append).complete(request())
    return slept


def test_waits_double_with_a_spread_that_follows_from_the_request() -> None:
    first, second, third = waits(BUSY, BUSY, BUSY, "yes")
    assert 0.5 <= first <= 1.5 and second == 2 * first and third == 4 * first
    assert waits(BUSY, BUSY, BUSY, "yes") == [first, second, third]


def test_a_model_that_is_refused_is_asked_once() -> None:
    model = ScriptedModel([ModelRefused("bad key"), "yes"])
    with pytest.raises(ModelRefused, match=r"^bad key$"):
        Retrying(inner=model).complete(request())
    assert len(model.requests) == 1


def test_whoever_gives_up_says_how_often_it_asked_and_what_it_saw_last() -> None:
    model = ScriptedModel([BUSY, ModelUnavailable("gone")])
    with pytest.raises(ModelUnavailable, match="asked 2 times in vain, last: gone"):
        Retrying(inner=model, attempts=2, sleep=lambda seconds: None).complete(request())


def test_a_model_that_asks_to_be_left_alone_for_an_hour_is_not_waited_for() -> None:
    with pytest.raises(ModelUnavailable, match=r"asked once in vain.*asks to wait 3600 s, and at most 120 s"):
        waits(ModelUnavailable("busy", retry_after_s=3600), "yes")


def test_no_attempts_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="1 or more, found 0"):
        waits("yes", attempts=0)


def test_a_reply_that_was_had_at_once_is_handed_on_unchanged() -> None:
    model = Retrying(inner=ScriptedModel(["yes"], name="m"))
    assert model.name == "m" and model.complete(request()).seconds == 0
