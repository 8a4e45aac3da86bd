"""A budget is never exceeded, whatever is asked."""

from __future__ import annotations

from contextlib import suppress

import hypothesis.strategies as st
import pytest
from hypothesis import given
from model_requests import request

from skilllib.errors import BudgetSpent, ModelError, ModelRefused, ModelUnavailable
from skilllib.models.account import Account, Charged, Metered
from skilllib.models.budget import Budgeted
from skilllib.models.retry import Retrying
from skilllib.models.scripted import ScriptedModel
from skilllib.records.model import Budget, Reply, Request

PER_TOKEN = 0.001


def cost(tokens_in: int, tokens_out: int) -> float:
    return PER_TOKEN * (tokens_in + tokens_out)


def model(budget: Budget, account: Account, *, share: float = 1.0) -> tuple[Metered, ScriptedModel]:
    """A model whose replies use a share of the tokens that they may have, and a second for each call."""

    def say(asked: Request) -> Reply:
        tokens = int(asked.max_tokens * share)
        return Reply(text="x", tokens_in=asked.tokens, tokens_out=tokens, usd=cost(asked.tokens, tokens), seconds=1.0)

    inner = ScriptedModel(say)
    return Metered(Budgeted(inner=inner, budget=budget, account=account, price=cost), account), inner


BUDGETS = st.builds(
    Budget,
    calls=st.none() | st.integers(0, 8),
    tokens=st.none() | st.integers(0, 900),
    usd=st.none() | st.floats(0, 0.9),
    seconds=st.none() | st.floats(0, 8),
)
ASKED = st.lists(st.tuples(st.text(max_size=300), st.integers(1, 400)), max_size=20)


@given(BUDGETS, ASKED, st.floats(0, 1))
def test_no_sequence_of_questions_exceeds_a_budget(budget: Budget, asked: list[tuple[str, int]], share: float) -> None:
    account = Account()
    bounded, inner = model(budget, account, share=share)
    for text, max_tokens in asked:
        calls = len(inner.requests)
        try:
            bounded.complete(request(text, max_tokens=max_tokens))
        except BudgetSpent:
            assert len(inner.requests) == calls, "the call that would break the budget was made"
    assert budget.calls is None or account.calls <= budget.calls
    assert budget.tokens is None or account.tokens <= budget.tokens
    assert budget.usd is None or account.usd <= budget.usd
    assert budget.seconds is None or account.seconds - 1 < budget.seconds, "only the last call may run over"
    assert account.calls == len(inner.requests)


@given(ASKED)
def test_without_bounds_everything_is_asked(asked: list[tuple[str, int]]) -> None:
    bounded, inner = model(Budget(), Account())
    for text, max_tokens in asked:
        bounded.complete(request(text, max_tokens=max_tokens))
    assert len(inner.requests) == len(asked)


@pytest.mark.parametrize("unit", ["calls", "tokens", "usd", "seconds"])
def test_a_budget_of_zero_allows_no_call_and_says_so(unit: str) -> None:
    bounded, inner = model(Budget.model_validate({unit: 0}), Account())
    with pytest.raises(BudgetSpent, match=rf"0 of 0 {unit}; nothing more was asked\. Allow more with a larger `--max-"):
        bounded.complete(request())
    assert not inner.requests


def test_whoever_stops_says_what_was_spent_of_what() -> None:
    account = Account()
    bounded, _ = model(Budget(tokens=300), account)
    bounded.complete(request())
    with pytest.raises(BudgetSpent, match=rf"{account.tokens} of 300 tokens, and the next call may need 2\d\d;"):
        bounded.complete(request("long " * 100))


def test_what_an_earlier_part_of_a_run_spent_counts() -> None:
    first, later = Account(), Account()
    model(Budget(), first)[0].complete(request())
    later.restore(first.take())
    with pytest.raises(BudgetSpent, match="1 of 1 calls"):
        model(Budget(calls=1), later)[0].complete(request())
    model(Budget(calls=2), later)[0].complete(request())


def test_models_that_share_an_account_share_the_budget() -> None:
    account = Account()
    (one, _), (other, _) = model(Budget(calls=1), account), model(Budget(calls=1), account)
    one.complete(request())
    with pytest.raises(BudgetSpent):
        other.complete(request())


def test_money_cannot_be_bounded_where_the_price_is_not_known() -> None:
    with pytest.raises(ModelRefused, match=r"price of the model 'm' is not known.*bound calls, tokens or seconds"):
        Budgeted(inner=ScriptedModel([], name="m"), budget=Budget(usd=1), account=Account())


def test_prices_are_looked_up_only_when_money_is_bounded() -> None:
    def never(tokens_in: int, tokens_out: int) -> float:
        raise AssertionError("asked for a price")

    Budgeted(inner=ScriptedModel(["yes"]), budget=Budget(calls=1), account=Account(), price=never).complete(request())


def retried(budget: Budget, account: Account, fails: list[bool]) -> tuple[Metered, ScriptedModel]:
    """A model whose requests fail as told, each of which is tried three times; waits are charged and not waited for."""
    script = iter(fails)
    inner = ScriptedModel(lambda asked: ModelUnavailable("busy") if next(script, False) else Reply(text="x", seconds=1.0))
    once = Budgeted(inner=Charged(inner, account), budget=budget, account=account)
    again = Retrying(inner=once, attempts=3, wait_s=1, sleep=account.waited)
    return Metered(Budgeted(inner=again, budget=budget, account=account), account), inner


@given(st.integers(0, 9), st.none() | st.floats(0, 9), st.lists(st.booleans(), max_size=20), st.integers(1, 8))
def test_no_request_that_fails_slips_through_a_budget(calls: int, seconds: float | None, fails: list[bool], asked: int) -> None:
    account = Account()
    model, inner = retried(Budget(calls=calls, seconds=seconds), account, fails)
    for _ in range(asked):
        spent, sent = account.seconds, len(inner.requests)
        with suppress(ModelError):
            model.complete(request())
        assert account.calls == len(inner.requests) <= calls
        assert seconds is None or spent < seconds or len(inner.requests) == sent, "something was sent after the seconds were spent"
    kept = account.take()
    assert sum(call.tries for call in kept) + account.lost.calls == account.calls


def test_a_request_that_fails_counts_before_the_next_one_is_sent() -> None:
    account = Account()
    model, inner = retried(Budget(calls=2), account, [True] * 9)
    with pytest.raises(BudgetSpent, match="2 of 2 calls"):
        model.complete(request())
    assert (len(inner.requests), account.calls, account.lost.calls, account.take()) == (2, 2, 2, ())


def test_waits_before_a_request_is_sent_again_are_seconds() -> None:
    account = Account()
    model, inner = retried(Budget(seconds=0.4), account, [True] * 9)
    with pytest.raises(BudgetSpent, match=r"of 0\.4 seconds"):
        model.complete(request())
    assert len(inner.requests) == 1 and account.seconds >= 0.5


def test_a_call_keeps_how_often_it_was_tried() -> None:
    account = Account()
    model, _ = retried(Budget(), account, [True, True])
    model.complete(request())
    (call,) = account.take()
    assert (call.tries, account.calls, account.lost.calls) == (3, 3, 0)
    later = Account()
    later.restore([call])
    assert (later.calls, later.seconds) == (3, call.seconds)
