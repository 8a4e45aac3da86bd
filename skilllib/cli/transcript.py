"""What models were asked and what they answered, as it happens."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group
from rich.rule import Rule
from rich.text import Text

from skilllib.errors import SkillLibError
from skilllib.models.tape import TapeFile


class Transcript:
    """Prints exchanges with models, from the tape on which they are recorded.

    Args:
        tape: The file.
    """

    def __init__(self, tape: Path) -> None:
        self._path = tape
        self._tape: TapeFile | None = None

    def exchange(self, request: str) -> Group | Text:
        """Return what was asked and answered, from the hash of the request."""
        try:
            self._tape = self._tape or TapeFile(self._path)
            found = self._tape.get(request)
        except SkillLibError as error:
            return Text(f"      not shown: {error}", style="yellow")
        if found is None:
            return Text(f"      the tape {str(self._path)!r} has no request {request[:12]}", style="yellow")
        asked, reply = found
        parts = [(f"{message.role}, {asked.purpose}", message.content, "dim") for message in asked.messages]
        parts.append((f"reply of {asked.model}", reply.text, ""))
        shown = [(Rule(title, align="left", style="blue"), Text(visible(text), style=style)) for title, text, style in parts]
        return Group(*(part for pair in shown for part in pair), Rule(style="blue"))


def visible(text: str) -> str:
    r"""Return a text that cannot steer a terminal.

    >>> visible("red \x1b[31m alert\n")
    'red �[31m alert\n'
    """
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in text)
