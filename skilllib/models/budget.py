"""A bound on what models may cost. The call that would break it is not made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from skilllib.errors import BudgetSpent, ModelRefused
from skilllib.models.account import Account
from skilllib.protocols import LanguageModel
from skilllib.records.model import Budget, Reply, Request

_OPTIONS = {"calls": "--max-calls", "tokens": "--max-tokens", "usd": "--max-usd", "seconds": "--max-model-seconds"}


@dataclass(frozen=True, kw_only=True)
class Budgeted:
    """A model that is not asked when that could break a budget.

    What an answer may cost is estimated from above: the tokens of the request, and all the tokens that the reply may have.
    Seconds cannot be foreseen: no request is sent when they are spent, and the last one may end later.

    Args:
        inner: The model.
        budget: The bounds.
        account: Holds what was spent so far, by this and all other models that share it.
        price: What so many tokens in and out cost in US dollars, or None where that is not known.

    Raises:
        ModelRefused: Money is bounded, and the price of the model is not known.
    """

    inner: LanguageModel
    budget: Budget
    account: Account
    price: Callable[[int, int], float | None] = lambda tokens_in, tokens_out: None

    def __post_init__(self) -> None:
        if self.budget.usd is not None and self.price(1, 1) is None:
            raise ModelRefused(
                f"the price of the model {self.name!r} is not known, so a budget of {self.budget.usd:g} US dollars cannot be kept; "
                "bound calls, tokens or seconds instead"
            )

    @property
    def name(self) -> str:
        """The name of the model within."""
        return self.inner.name

    def complete(self, request: Request) -> Reply:
        """Return the reply of the model within.

        Raises:
            BudgetSpent: The call could break the budget and was not made; the message says what was spent of what.
        """
        for unit, bound, spent, more in self._bounds(request):
            if bound is not None and (spent + more > bound or (unit == "seconds" and spent >= bound)):
                needs = f", and the next call may need {more:g}" if spent < bound else ""
                raise BudgetSpent(
                    f"the budget is spent: {spent:g} of {bound:g} {unit}{needs}; nothing more was asked. "
                    f"Allow more with a larger `{_OPTIONS[unit]}`"
                )
        return self.inner.complete(request)

    def _bounds(self, request: Request) -> list[tuple[str, float | None, float, float]]:
        budget, account = self.budget, self.account
        usd = 0.0 if budget.usd is None else self.price(request.tokens, request.max_tokens) or 0.0
        return [
            ("calls", budget.calls, account.calls, 1),
            ("tokens", budget.tokens, account.tokens, request.tokens + request.max_tokens),
            ("usd", budget.usd, account.usd, usd),
            ("seconds", budget.seconds, account.seconds, 0),
        ]
