"""A prompt is a Markdown file: `# system` and `# user` head its messages, `{{slot}}` is filled in.

Whatever fills a slot is data. A slot on a line of its own becomes a block between `<slot>` and `</slot>`, out of which its
text cannot break; a slot within a line becomes a quoted string, or a bare number. So text of an environment or a skill is
never taken for part of the instructions by accident of layout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Literal

from skilllib.errors import PromptError
from skilllib.records.base import content_hash
from skilllib.records.model import Message

_HEADING = re.compile(r"^# (system|user|assistant)[ \t]*$", re.MULTILINE)
_SLOT = re.compile(r"^\{\{([a-z_]+)\}\}[ \t]*$|\{\{([a-z_]+)\}\}", re.MULTILINE)
_NEARLY = re.compile(r"\{\{(?![a-z_]+\}\})[ \t]*\w*[ \t]*\}\}")
"""What was meant for a slot and would stay in the text."""


@dataclass(frozen=True)
class Prompt:
    """One prompt file.

    Raises:
        PromptError: It has no message, text before the first heading, or something like `{{ slot }}` that is no slot.
    """

    name: str
    template: str

    def __post_init__(self) -> None:
        if not self._sections:
            raise PromptError(f"the prompt {self.name!r} has no `# system` or `# user` heading")
        if _HEADING.split(self.template, maxsplit=1)[0].strip():
            raise PromptError(f"the prompt {self.name!r} begins with text that belongs to no message; put `# system` before it")
        if wrong := _NEARLY.search(self.template):
            raise PromptError(
                f"the prompt {self.name!r} has {wrong[0]!r}; a slot is written with small letters and `_` only: {{{{task}}}}"
            )

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the template."""
        return content_hash(self.template)

    @cached_property
    def slots(self) -> frozenset[str]:
        """Names of the slots."""
        return frozenset(block or inline for block, inline in _SLOT.findall(self.template))

    @cached_property
    def last_slots(self) -> frozenset[str]:
        """Names of the slots of the last message."""
        return frozenset(block or inline for block, inline in _SLOT.findall(self._sections[-1][1]))

    def messages(self, **values: str | int | float) -> tuple[Message, ...]:
        """Return the messages with every slot filled.

        Raises:
            PromptError: A slot has no value, or a value no slot.
        """
        if missing := sorted(self.slots - values.keys()):
            raise PromptError(f"the prompt {self.name!r} needs a value for {', '.join(map(repr, missing))}")
        if unknown := sorted(values.keys() - self.slots):
            raise PromptError(f"the prompt {self.name!r} has no slot {', '.join(map(repr, unknown))}; it has {sorted(self.slots)}")
        return tuple(Message(role=role, content=self._filled(text, values)) for role, text in self._sections)

    @cached_property
    def _sections(self) -> list[tuple[Literal["system", "user", "assistant"], str]]:
        parts = _HEADING.split(self.template)[1:]
        return [(role, text.strip()) for role, text in zip(parts[::2], parts[1::2], strict=True)]  # type: ignore[misc]

    def _filled(self, text: str, values: Mapping[str, str | int | float]) -> str:
        return _SLOT.sub(lambda slot: self._block(slot[1], str(values[slot[1]])) if slot[1] else _inline(values[slot[2]]), text)

    def _block(self, slot: str, value: str) -> str:
        marks = "|".join(sorted(self.slots))
        harmless = re.sub(rf"<(?=\s*/?\s*(?:{marks})\b)", "&lt;", value.strip("\n"), flags=re.IGNORECASE)
        return f"<{slot}>\n{harmless or '(nothing)'}\n</{slot}>"


def _inline(value: str | int | float) -> str:
    return json.dumps(value, ensure_ascii=False)


def load(name: str, folder: str | Path | None = None) -> Prompt:
    """Return a prompt by name: from a folder of the user's own if it has it, else the one that comes with the package.

    Raises:
        PromptError: There is none, or it cannot be read.
    """
    if folder is not None and not Path(folder).is_dir():
        raise PromptError(f"there is no folder {str(folder)!r} with prompts of your own")
    own = Path(folder) / f"{name}.md" if folder is not None else None
    packaged = files("skilllib.prompts").joinpath(f"{name}.md")
    try:
        source = own if own is not None and own.exists() else packaged
        return Prompt(name, source.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        names = sorted(file.name.removesuffix(".md") for file in files("skilllib.prompts").iterdir() if file.name.endswith(".md"))
        raise PromptError(f"there is no prompt {name!r}; there are {', '.join(names)}") from None
    except (OSError, UnicodeError) as error:
        raise PromptError(f"the prompt {name!r} cannot be read: {error}") from error


def own(folder: str | Path) -> dict[str, Prompt]:
    """Return the prompts of a folder by name, each of which can take the place of the packaged one.

    Raises:
        PromptError: One of them takes nobody's place, or has other slots, so that it could not be filled when it is needed.
    """
    found = {file.stem: load(file.stem, folder) for file in sorted(Path(folder).glob("*.md"))}
    for name, prompt in found.items():
        packaged = load(name)
        if prompt.slots != packaged.slots:
            raise PromptError(
                f"the prompt {name!r} in {str(folder)!r} has the slots {sorted(prompt.slots)}, and is filled with "
                f"{sorted(packaged.slots)}; give it the same"
            )
        if "problem" in packaged.last_slots < packaged.slots and prompt.last_slots != packaged.last_slots:
            raise PromptError(
                f"the last message of the prompt {name!r} in {str(folder)!r} has the slots {sorted(prompt.last_slots)}; it must "
                f"have {sorted(packaged.last_slots)} and no other, since it is only sent after a reply that could not be used"
            )
    return found
