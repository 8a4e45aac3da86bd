"""The models of a run: one for each role, on one account, one budget and one tape."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from skilllib.errors import TapeError
from skilllib.models.account import Account, Charged, Metered
from skilllib.models.budget import Budgeted
from skilllib.models.litellm import LiteLLMModel, price, refuse_unknown
from skilllib.models.local import PREFIX, LocalModel
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
    local: Callable[[str], LanguageModel] = LocalModel.named,
) -> Iterator[Models]:
    """Open the models of a run, and close their tape afterwards.

    Args:
        names: litellm's name of the model of each role, or `local:` and a model of transformers on this machine; a role without
            one is played by the model that writes.
        account: Is charged with every request, those answered from the tape and those that failed included.
        budget: What may be spent; looked at before every request that is sent.
        tape: File on which everything is recorded; None records nothing.
        replay: Answer from the tape alone; no model is made.
        make: Makes a model from its name, in place of litellm and of asking again what failed.
        timeout_s: Seconds that litellm waits for one reply.
        local: Makes a model on this machine from its name.

    Raises:
        TapeError: The tape cannot be used.
        ModelRefused: litellm knows no provider for one of the names, or money is bounded and a model's price is not known.
    """
    if replay and tape is None:
        raise TapeError("there is nothing to replay without a tape; name one with `--tape`")
    named = {role: str(names.get(role) or names["write"]) for role in get_args(Role)}
    with ExitStack() as stack:
        file = None if tape is None else stack.enter_context(TapeFile(tape, write=not replay))
        if make is None and not replay:
            refuse_unknown(name for name in named.values() if not name.startswith(PREFIX))

        def ask(name: str) -> LanguageModel:
            """Return a model that is asked, each request of which is bounded and charged."""
            if make is not None or name.startswith(PREFIX):
                return bounded(name, Charged((make or local)(name), account))
            once = bounded(name, Charged(Spanned(LiteLLMModel(name, timeout_s)), account))
            return Retrying(inner=once, sleep=_charged_pause(account, budget))

        def bounded(name: str, inner: LanguageModel) -> LanguageModel:
            return Budgeted(
                inner=inner, budget=budget, account=account, price=free if name.startswith(PREFIX) else partial(price, name)
            )

        made: dict[str, LanguageModel] = {}
        for name in sorted(set(named.values())):
            answering = ask(name) if file is None else Tape(file, name, None if replay else ask(name))
            made[name] = Metered(bounded(name, answering), account)
        yield Models(account=account, **{role: made[name] for role, name in named.items()})


def free(tokens_in: int, tokens_out: int) -> float:
    """Return what tokens cost with a model on this machine."""
    return 0.0


def _charged_pause(account: Account, budget: Budget) -> Callable[[float], None]:
    """Return a way to wait that is charged, and that ends early when the seconds are spent."""

    def pause(seconds: float) -> None:
        left = seconds if budget.seconds is None else max(0.0, budget.seconds - account.seconds)
        time.sleep(min(seconds, left))
        account.waited(min(seconds, left))

    return pause
