"""The models of a run: one for each role, on one account, one budget and one tape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from skilllib.errors import TapeError
from skilllib.models.account import Account, Metered
from skilllib.models.budget import Budgeted
from skilllib.models.litellm import LiteLLMModel, price
from skilllib.models.retry import Retrying
from skilllib.models.spans import Spanned
from skilllib.models.tape import Tape, TapeFile
from skilllib.protocols import LanguageModel
from skilllib.records.model import Budget

Role: TypeAlias = Literal["write", "critic", "curriculum", "describe"]


@dataclass(frozen=True, kw_only=True)
class Models:
    """Who is asked for what."""

    write: LanguageModel
    critic: LanguageModel
    curriculum: LanguageModel
    describe: LanguageModel
    account: Account
    """What all of them cost together."""


@contextmanager
def opened(
    names: Mapping[Role, str | None],
    *,
    account: Account,
    budget: Budget,
    tape: str | Path | None,
    replay: bool = False,
    make: Callable[[str], LanguageModel] | None = None,
    timeout_s: float = 120.0,
) -> Iterator[Models]:
    """Open the models of a run, and close their tape afterwards.

    Args:
        names: litellm's name of the model of each role; a role without one is played by the model that writes.
        account: Is charged with every call, those answered from the tape included.
        budget: What may be spent.
        tape: File on which everything is recorded; None records nothing.
        replay: Answer from the tape alone; no model is made.
        make: Makes a model from its name, in place of litellm.
        timeout_s: Seconds that litellm waits for one reply.

    Raises:
        TapeError: The tape cannot be used.
        ModelRefused: Money is bounded, and a model's price is not known.
    """
    if replay and tape is None:
        raise TapeError("there is nothing to replay without a tape; name one with `--tape`")
    make = make or partial(from_litellm, timeout_s=timeout_s)
    named = {role: str(names.get(role) or names["write"]) for role in get_args(Role)}
    with ExitStack() as stack:
        file = None if tape is None else stack.enter_context(TapeFile(tape, write=not replay))
        made: dict[str, LanguageModel] = {}
        for name in sorted(set(named.values())):
            asked = make(name) if file is None else Tape(file, name, None if replay else make(name))
            bounded = Budgeted(inner=asked, budget=budget, account=account, price=partial(price, name))
            made[name] = Metered(bounded, account)
        yield Models(account=account, **{role: made[name] for role, name in named.items()})


def from_litellm(name: str, timeout_s: float) -> LanguageModel:
    """Return a model by litellm's name, with retries and spans."""
    return Spanned(Retrying(inner=LiteLLMModel(name, timeout_s)))
