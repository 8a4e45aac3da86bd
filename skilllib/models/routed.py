"""Adapters by task: one is chosen when a task begins, and every request for it is answered with that one."""

from __future__ import annotations

from dataclasses import dataclass

from skilllib.protocols import LanguageModel
from skilllib.records.model import Reply, Request


@dataclass
class Routed:
    """Asks with the adapter that is chosen now; satisfies `protocols.LanguageModel`.

    Args:
        inner: A model that runs with adapters, whatever is wrapped around it.
        adapter: Hash of the adapter; empty for none.
    """

    inner: LanguageModel
    adapter: str = ""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.inner.name

    def complete(self, request: Request) -> Reply:
        """Return the reply to a request with the adapter."""
        return self.inner.complete(request.model_copy(update={"adapter": self.adapter}))
