"""Characters that a reader does not see, or sees in another order than a program does."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from skilllib.errors import ImportRefused
from skilllib.records.base import Json

_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Controls, formats (bidirectional and zero-width ones among them), surrogates, private ones, separators of lines."""
_IGNORED = (*range(0x180B, 0x1810), 0x2065, *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000))
"""Code points that are to be shown as nothing, assigned or not (`Default_Ignorable_Code_Point`)."""
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | set(map(chr, _IGNORED))
"""Letters and marks that show nothing."""
_SELECTORS = frozenset(map(chr, range(0xFE00, 0xFE10)))
"""They choose the form of the character before and can carry data that nobody sees."""
_EMOJI, _JOINER = "\ufe0f", "\u200d"


def refuse_hidden(text: str, what: str) -> None:
    """Raise if a text holds something invisible. Emoji may have their form chosen and be joined.

    Raises:
        ImportRefused: With the character and its place.

    >>> refuse_hidden("fine \U0001f469\u200d\U0001f373 \u2601\ufe0f", "text")
    >>> refuse_hidden("use\u200bful", "text")
    Traceback (most recent call last):
    skilllib.errors.ImportRefused: text: line 1 holds U+200B (ZERO WIDTH SPACE), which is invisible; take it out
    """
    if text.isascii() and text.isprintable():
        return
    for at, character in enumerate(text):
        if character.isprintable() and character < "\u034f":
            continue
        if _is_hidden(character) and character not in "\t\n\r" and not _is_emoji(text, at):
            name = unicodedata.name(character, "a control character")
            line = text.count("\n", 0, at) + 1
            raise ImportRefused(f"{what}: line {line} holds U+{ord(character):04X} ({name}), which is invisible; take it out")


def strings(value: Json) -> Iterator[str]:
    """Yield all texts of a JSON value, keys included.

    >>> list(strings({"a": ["b", 1]}))
    ['a', 'b']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *strings(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _CATEGORIES or character in _BLANK or character in _SELECTORS


def _is_emoji(text: str, at: int) -> bool:
    """Return whether a selector or a joiner belongs to an emoji."""
    before, after = text[at - 1 : at] or " ", text[at + 1 : at + 2] or " "
    if text[at] == _EMOJI:
        return unicodedata.category(before) == "So" or before in "#*0123456789‼⁉↔⤴⤵〰"
    joinable = unicodedata.category(before) in ("So", "Sk") or before == _EMOJI
    return text[at] == _JOINER and joinable and unicodedata.category(after) == "So"
