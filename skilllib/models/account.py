"""What was asked of models and what it cost, in the order in which it happened."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from skilllib.errors import ModelError
from skilllib.protocols import LanguageModel
from skilllib.records.model import ModelCall, Reply, Request


@dataclass
class Requests:
    """How many requests, and the seconds that went with them."""

    calls: int = 0
    seconds: float = 0.0

    def add(self, calls: int, seconds: float) -> None:
        """Add some."""
        self.calls += calls
        self.seconds += seconds


@dataclass
class Account:
    """Adds up what models were asked, and hands the calls over in portions.

    A request that fails counts at once. When a later one of the same call is answered, they are part of that call and kept with
    it. Those of a call that is given up are kept nowhere but here.
    """

    watch: Callable[[ModelCall], None] | None = None
    """Is told every call when it is done."""
    ahead: Callable[[Request], None] | None = None
    """Is told every request before it is made."""
    tokens: int = 0
    usd: float = 0.0
    lost: Requests = field(default_factory=Requests)
    """Of calls that were given up; in no trace."""
    _answered: Requests = field(default_factory=Requests)
    _trying: Requests = field(default_factory=Requests)
    _open: list[ModelCall] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """Requests so far, those that failed included."""
        return self._answered.calls + self.lost.calls + self._trying.calls

    @property
    def seconds(self) -> float:
        """Seconds that they took, waits before they were sent again included."""
        return self._answered.seconds + self.lost.seconds + self._trying.seconds

    def restore(self, calls: Iterable[ModelCall]) -> None:
        """Add calls that an earlier part of the run made."""
        for call in calls:
            self._add(call)

    def note(self, call: ModelCall) -> None:
        """Add a call that was just made."""
        self._trying = Requests()
        self._add(call)
        self._open.append(call)
        if self.watch is not None:
            self.watch(call)

    def failed(self, seconds: float) -> None:
        """Add a request of the call under way that failed."""
        self._trying.add(1, seconds)

    def waited(self, seconds: float) -> None:
        """Add a wait before the next request of the call under way."""
        self._trying.add(0, seconds)

    def give_up(self) -> None:
        """Note that the call under way has no answer."""
        self.lost.add(self._trying.calls, self._trying.seconds)
        self._trying = Requests()

    def take(self) -> tuple[ModelCall, ...]:
        """Return the calls since this was last asked."""
        taken, self._open = tuple(self._open), []
        return taken

    def _add(self, call: ModelCall) -> None:
        self._answered.add(call.tries, call.seconds)
        self.tokens += call.tokens_in + call.tokens_out
        self.usd += call.usd


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
        try:
            reply = self.inner.complete(request)
        except BaseException:
            self.account.give_up()
            raise
        self.account.note(
            ModelCall(
                purpose=request.purpose,
                prompt=request.prompt,
                request=asked.hash,
                reply=hashlib.sha256(reply.text.encode(errors="surrogatepass")).hexdigest(),
                model=self.name,
                **reply.model_dump(include={"tokens_in", "tokens_out", "usd", "seconds", "tries"}),
            )
        )
        return reply


@dataclass(frozen=True)
class Charged:
    """A model whose failures are put on an account, each when it happens."""

    inner: LanguageModel
    account: Account

    @property
    def name(self) -> str:
        """The name of the model within."""
        return self.inner.name

    def complete(self, request: Request) -> Reply:
        """Return the reply of the model within."""
        begun = time.monotonic()
        try:
            return self.inner.complete(request)
        except ModelError:
            self.account.failed(time.monotonic() - begun)
            raise
