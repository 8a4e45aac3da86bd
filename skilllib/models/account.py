"""What was asked of models and what it cost, in the order in which it happened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from skilllib.protocols import LanguageModel
from skilllib.records.model import ModelCall, Reply, Request


@dataclass
class Account:
    """Adds up model calls, and hands them over in portions."""

    watch: Callable[[ModelCall], None] | None = None
    """Is told every call when it is done."""
    ahead: Callable[[Request], None] | None = None
    """Is told every request before it is made."""
    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0
    _open: list[ModelCall] = field(default_factory=list)

    def restore(self, calls: Iterable[ModelCall]) -> None:
        """Add calls that an earlier part of the run made."""
        for call in calls:
            self._add(call)

    def note(self, call: ModelCall) -> None:
        """Add a call that was just made."""
        self._add(call)
        self._open.append(call)
        if self.watch is not None:
            self.watch(call)

    def take(self) -> tuple[ModelCall, ...]:
        """Return the calls since this was last asked."""
        taken, self._open = tuple(self._open), []
        return taken

    def _add(self, call: ModelCall) -> None:
        self.calls += 1
        self.tokens += call.tokens_in + call.tokens_out
        self.usd += call.usd
        self.seconds += call.seconds


@dataclass(frozen=True)
class Metered:
    """A model whose calls are put on an account."""

    inner: LanguageModel
    account: Account

    @property
    def name(self) -> str:
        """The name of the model within."""
        return self.inner.name

    def complete(self, request: Request) -> Reply:
        """Return the reply of the model within, and note the call."""
        asked = request.model_copy(update={"model": self.name})
        if self.account.ahead is not None:
            self.account.ahead(asked)
        reply = self.inner.complete(request)
        self.account.note(
            ModelCall(
                purpose=request.purpose,
                prompt=request.prompt,
                request=asked.hash,
                reply=hashlib.sha256(reply.text.encode(errors="surrogatepass")).hexdigest(),
                model=self.name,
                **reply.model_dump(include={"tokens_in", "tokens_out", "usd", "seconds"}),
            )
        )
        return reply
