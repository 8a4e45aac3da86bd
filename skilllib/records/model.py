"""What goes to a language model and what comes back, as records that are hashed and kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from skilllib.records.base import Record, content_hash

Purpose = Literal["write", "judge", "advise", "propose", "answer", "describe", "decompose", "act"]
"""What a model is asked for; also the name of the prompt."""

BYTES_PER_TOKEN = 3
"""English and code have about four bytes to a token in today's vocabularies, dense JSON about two and a half."""


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has: one for three bytes of UTF-8, rounded up.

    The same for every model, so that a prompt that was fitted to a budget is the same whoever answers it.

    >>> estimated_tokens("walk to the door")
    6
    """
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


class Message(Record):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Request(Record):
    """One question to a language model. Equal requests have equal hashes, and on a tape equal replies."""

    purpose: Purpose
    prompt: str = ""
    """Hash of the prompt's template, slots unfilled."""
    model: str = ""
    """Name of the model that is asked; filled in by the model itself."""
    messages: tuple[Message, ...]
    temperature: float = Field(default=0.0, ge=0, le=2)
    max_tokens: int = Field(default=800, gt=0)
    """Tokens the reply may have."""
    seed: int | None = None
    adapter: str = ""
    """Hash of the adapter that a model on this machine is to run with; empty for the plain model."""

    @property
    def hash(self) -> str:
        """SHA-256 over everything that shapes the reply."""
        return content_hash(self.model_dump(mode="json", exclude=None if self.adapter else {"adapter"}))

    @property
    def tokens(self) -> int:
        """About how many tokens the messages have."""
        return sum(estimated_tokens(message.content) + 4 for message in self.messages)


class Reply(Record):
    """What a language model answered, and what that cost."""

    text: str
    finish: Literal["stop", "length", "other"] = "stop"
    """`length`: the reply was cut off at `max_tokens`."""
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    seconds: float = 0.0
    tries: int = Field(default=1, ge=1)
    """Requests that were sent for it; all but the last failed."""


class ModelCall(Record):
    """One call as it is kept in a trace; the texts stand on the tape under the request's hash."""

    purpose: Purpose
    prompt: str
    """Hash of the prompt's template."""
    request: str
    """Hash of the request."""
    reply: str
    """SHA-256 of the reply's text."""
    model: str
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    seconds: float = 0.0
    tries: int = Field(default=1, ge=1)
    """Requests that were sent for it; all but the last failed."""


class Budget(Record):
    """What may be spent on models in one run; None is no bound. The request that would break a bound is not sent."""

    calls: int | None = Field(default=None, ge=0)
    """Requests, those that fail included."""
    tokens: int | None = Field(default=None, ge=0)
    """Tokens in and out."""
    usd: float | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)
    """Seconds spent waiting for replies, and before a request is sent again."""
