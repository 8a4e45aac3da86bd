"""A model in one role: the prompt of a purpose, and the model that answers it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from skilllib.prompts.prompt import Prompt, load
from skilllib.protocols import LanguageModel
from skilllib.records.model import Purpose, Request

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
        temperature: Of the reply.
    """

    model: LanguageModel
    purpose: Purpose
    folder: str | None = None
    max_tokens: int = 400
    temperature: float = 0.0

    @cached_property
    def prompt(self) -> Prompt:
        """The prompt."""
        return load(self.purpose, self.folder)

    def ask(self, *, again: int = 0, **slots: str | int | float) -> str:
        """Return the text of the reply, without what the model thought aloud.

        Args:
            again: How often it was asked in vain; each time the temperature rises, so that another answer comes.
            slots: What fills the prompt.

        Raises:
            ModelError: There is none.
        """
        request = Request(
            purpose=self.purpose,
            prompt=self.prompt.hash,
            messages=self.prompt.messages(**slots),
            max_tokens=self.max_tokens,
            temperature=min(2.0, round(self.temperature + WARMER * again, 3)),
        )
        return _THOUGHT.sub("", self.model.complete(request).text).strip()
