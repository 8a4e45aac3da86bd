"""A model in one role: the prompt of a purpose, and the model that answers it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from skilllib.prompts.fitting import LEFT_OUT, Part, cut, fit, total
from skilllib.prompts.prompt import Prompt, load
from skilllib.protocols import LanguageModel
from skilllib.records.model import Message, Purpose, Request

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)

WARMER = 0.4
"""By how much the temperature rises with every answer that could not be used."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """Asks a model one kind of question.

    Args:
        model: Who is asked.
        purpose: What for; names the prompt.
        folder: Prompts of the user's own.
        max_tokens: Tokens the reply may have.
        prompt_tokens: Tokens the prompt may have; the least useful parts are left out.
        temperature: Of the reply.
    """

    model: LanguageModel
    purpose: Purpose
    folder: str | None = None
    max_tokens: int = 400
    prompt_tokens: int = 3000
    temperature: float = 0.0

    @cached_property
    def prompt(self) -> Prompt:
        """The prompt."""
        return load(self.purpose, self.folder)

    def ask(self, parts: Sequence[Part], *, again: int = 0) -> str:
        """Return the text of the reply, without what the model thought aloud.

        Args:
            parts: What fills the prompt; a slot without any is empty.
            again: How often it was asked in vain; each time the temperature rises, so that another answer comes.

        Raises:
            ModelError: There is none.
            PromptError: The prompt is too long even if everything is left out that can be, or a part has no slot.
        """
        request = Request(
            purpose=self.purpose,
            prompt=self.prompt.hash,
            messages=self._filled(parts),
            max_tokens=self.max_tokens,
            temperature=min(2.0, round(self.temperature + WARMER * again, 3)),
        )
        return _THOUGHT.sub("", self.model.complete(request).text).strip()

    def _filled(self, parts: Sequence[Part]) -> tuple[Message, ...]:
        texts: dict[str, list[str]] = {part.slot: [] for part in parts}
        for part in parts:
            texts[part.slot].append(part.text)

        def build(kept: Mapping[str, list[str]]) -> tuple[Message, ...]:
            shown = {slot: [*some, LEFT_OUT] if len(some) < len(texts[slot]) else some for slot, some in kept.items()}
            return self.prompt.messages(**{slot: "\n".join(shown.get(slot, ())) for slot in {*self.prompt.slots, *texts}})

        messages = build(texts)
        if total(messages) <= self.prompt_tokens:
            return messages
        return fit(build, cut(parts, self.prompt_tokens), tokens=self.prompt_tokens, name=self.prompt.name)
