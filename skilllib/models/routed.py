"""Adapters by task: one is chosen when a task begins, and every request for it is answered with that one, or with a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skilllib.protocols import LanguageModel
from skilllib.records.model import Message, Reply, Request


@dataclass
class Routed:
    """Asks with the adapter that is chosen now; satisfies `protocols.LanguageModel`.

    Args:
        inner: A model that runs with adapters, whatever is wrapped around it.
        adapter: Hash of the adapter; empty for none.
        told: What is told in every conversation, in place of an adapter; None tells nothing.
    """

    inner: LanguageModel
    adapter: str = ""
    told: Callable[[Sequence[Message]], tuple[Message, ...]] | None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self.inner.name

    def complete(self, request: Request) -> Reply:
        """Return the reply to a request with the adapter, or with what is told."""
        messages = request.messages if self.told is None else self.told(request.messages)
        return self.inner.complete(request.model_copy(update={"adapter": self.adapter, "messages": messages}))
