"""Orders: work that a decision asked for and that a worker does later."""

from __future__ import annotations

from typing import Literal

from skilllib.records.base import Json, Record

OrderState = Literal["waiting", "working", "done", "failed"]


class Order(Record):
    """One skill that is to be compiled for one base model."""

    number: int
    """Number of the ledger's entry that asked for it."""
    state: OrderState = "waiting"
    code_hash: str
    """Hash of the skill's version."""
    base: str
    backend: str = "distill"
    options: dict[str, Json] = {}
    """Options of the backend."""
    seed: int = 0
    worker: str = ""
    """Who works on it, or did last."""
    until: float = 0.0
    """When the worker's lease ends, in seconds since 1970."""
    tries: int = 0
    message: str = ""
    """What came of it, in words."""
    adapter: str = ""
    """Hash of the key under which the adapter is stored."""

    def free(self, now: float) -> bool:
        """Return whether nobody works on it at a time."""
        return self.state == "waiting" or (self.state == "working" and self.until <= now)

    def same(self, other: Order) -> bool:
        """Return whether both ask for the same."""
        mine, theirs = ((order.code_hash, order.base, order.backend, order.options, order.seed) for order in (self, other))
        return mine == theirs
