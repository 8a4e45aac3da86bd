"""Keeps a prompt within its tokens: the least useful parts are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from skilllib.errors import PromptError
from skilllib.records.model import BYTES_PER_TOKEN, Message, estimated_tokens

SHARE = 4
"""What can be left out at all is cut to this fraction of a prompt that is too long."""
HALVED = 8
"""Lines of a text after which one more is worth half as much as the first."""
LEFT_OUT = "…"
"""Stands at the end of a slot some parts of which were left out."""


@dataclass(frozen=True)
class Part:
    """A piece of text that a prompt can do without, if it must."""

    slot: str
    text: str
    worth: float
    """The part of the least worth is dropped first; what is of infinite worth never is."""


def lines(slot: str, text: str, worth: float, *, latest: bool = False) -> Iterator[Part]:
    """Yield the lines of a text as parts, each worth less than the one before, so that a long text does not crowd out another.

    Args:
        slot: What they fill.
        text: The lines.
        worth: Of the first line.
        latest: The last line is worth most, not the first.
    """
    found = text.split("\n") if text else []
    for i, line in enumerate(found):
        rank = len(found) - 1 - i if latest else i
        yield Part(slot, line, worth * HALVED / (HALVED + rank))


def fitted(parts: Sequence[Part], tokens: int) -> dict[str, list[str]]:
    """Return for each slot its texts, in the order given, after the least useful parts were dropped to stay within the tokens.

    A slot all of whose parts were dropped has an empty list.
    """
    costs = [estimated_tokens(part.text + "\n\n") for part in parts]
    kept, left = set(range(len(parts))), tokens
    total = sum(costs)
    for i in sorted(kept, key=lambda i: (parts[i].worth, i)):
        if total <= left:
            break
        kept.discard(i)
        total -= costs[i]
    return {part.slot: [p.text for i, p in enumerate(parts) if p.slot == part.slot and i in kept] for part in parts}


def fit(
    build: Callable[[Mapping[str, list[str]]], tuple[Message, ...]], parts: Sequence[Part], *, tokens: int, name: str
) -> tuple[Message, ...]:
    """Return the messages that are built from as many parts as fit, the most useful ones.

    Args:
        build: Makes the messages from the texts of each slot.
        parts: What fills the slots.
        tokens: What the messages may have, by `estimated_tokens`.
        name: The prompt's name.

    Raises:
        PromptError: What cannot be left out is too long already.
    """
    needed = [part for part in parts if part.worth == inf]
    empty = total(build({}))
    left = tokens - empty
    while True:
        texts = fitted(parts, left)
        if left < 0 or sum(map(len, texts.values())) < len(needed):
            least = empty + sum(estimated_tokens(part.text) + 1 for part in needed)
            raise PromptError(
                f"the prompt {name!r} needs about {least} tokens for this task and this world, and may have {tokens}; "
                "allow it more with --prompt-tokens"
            )
        messages = build(texts)
        over = total(messages) - tokens
        if over <= 0:
            return messages
        left -= over


def cut(parts: Iterable[Part], tokens: int) -> list[Part]:
    """Return parts none of which takes more than its share of a prompt, unless it cannot be left out."""
    return [part if part.worth == inf else Part(part.slot, _cut(part.text, tokens // SHARE), part.worth) for part in parts]


def total(messages: Iterable[Message]) -> int:
    """Return about how many tokens messages have."""
    return sum(estimated_tokens(message.content) + 4 for message in messages)


def _cut(text: str, tokens: int) -> str:
    raw = text.encode()
    return text if len(raw) <= tokens * BYTES_PER_TOKEN else raw[: tokens * BYTES_PER_TOKEN].decode(errors="ignore") + "…"
