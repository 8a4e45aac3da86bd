"""Asking again what may be answered the next time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from skilllib.errors import ModelUnavailable
from skilllib.protocols import LanguageModel
from skilllib.records.model import Reply, Request


@dataclass(frozen=True, kw_only=True)
class Retrying:
    """A model that is asked again while it is not available, after waits that double.

    A model that says when to come back is asked then. The spread of the waits follows from the request, so that many runs
    on one server do not all come back at once and no run depends on chance.
    """

    inner: LanguageModel
    attempts: int = 5
    wait_s: float = 2.0
    """Seconds before the second attempt, more or less by half."""
    longest_wait_s: float = 120.0
    """A model that asks for a longer wait is not waited for."""
    sleep: Callable[[float], None] = time.sleep

    @property
    def name(self) -> str:
        """The name of the model within."""
        return self.inner.name

    def complete(self, request: Request) -> Reply:
        """Return the reply; it says how many attempts it took, and its seconds count from the first, waits included.

        Raises:
            ModelUnavailable: No attempt succeeded; the message says how many there were and what was seen last.
        """
        begun = time.monotonic()
        for attempt in range(1, self.attempts + 1):
            try:
                reply = self.inner.complete(request)
            except ModelUnavailable as error:
                wait = self._wait(request, attempt, error)
                if attempt == self.attempts or wait > self.longest_wait_s:
                    raise self._given_up(attempt, wait, error) from error
                self.sleep(wait)
            else:
                return reply if attempt == 1 else reply.model_copy(update={"seconds": time.monotonic() - begun, "tries": attempt})
        raise ValueError(f"attempts must be 1 or more, found {self.attempts}")

    def _wait(self, request: Request, attempt: int, error: ModelUnavailable) -> float:
        if error.retry_after_s is not None:
            return error.retry_after_s
        spread = 0.5 + int(request.hash[:8], 16) / 0xFFFFFFFF
        return min(self.longest_wait_s, self.wait_s * 2.0 ** (attempt - 1) * spread)

    def _given_up(self, attempt: int, wait: float, error: ModelUnavailable) -> ModelUnavailable:
        why = (
            f"; it asks to wait {wait:g} s, and at most {self.longest_wait_s:g} s are waited" if wait > self.longest_wait_s else ""
        )
        times = "once" if attempt == 1 else f"{attempt} times"
        return ModelUnavailable(f"asked {times} in vain, last: {error}{why}", retry_after_s=error.retry_after_s)
