"""Which names a skill may bear, and when two of them look like one another to a reader."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata

from skilllib.errors import InvalidRecord
from skilllib.records.program import FORBIDDEN_NAMES

RESERVED = FORBIDDEN_NAMES | {"facts", "before", "after", "Literal", *dir(builtins)}
"""Names that mean something else inside programs and checks, or that no program may speak."""

_LETTERS = str.maketrans({"I": "l", "1": "l", "|": "l", "0": "o"})
_NUMBERED = re.compile(r"(.*?)(\d+)")
LEAST = 3
"""Letters that a name has at least before one letter more or less can be overlooked."""


def refuse_name(name: str) -> None:
    """Raise unless a skill may bear a name: a public Python identifier that means nothing else in a program.

    Raises:
        InvalidRecord: With the name.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise InvalidRecord(f"{name!r} cannot be called; a skill's name is a public Python identifier")
    if name in RESERVED:
        raise InvalidRecord(f"{name!r} means something else in every program, so no skill can have that name; choose another one")


def look_alike(one: str, other: str) -> bool:
    """Return whether a reader might take one name for the other: a letter apart, or in letters that look the same.

    Names that differ only in the number at their end are told apart by it.

    >>> [look_alike("make_rope", name) for name in ("make_ropes", "maek_rope", "make_r0pe", "rnake_rope", "m\u0430k\u0435_rope")]
    [True, True, True, True, True]
    >>> look_alike("make_rope", "make_rope"), look_alike("make_rope_2", "make_rope_3"), look_alike("make_rope", "make_twine")
    (False, False, False)
    """
    one, other = (unicodedata.normalize("NFKC", name) for name in (one, other))
    alike = look(one) == look(other) or (min(len(one), len(other)) >= LEAST and _one_edit(one, other))
    return alike and one != other and not _apart_by_number(one, other)


def look(name: str) -> str:
    """Return what a name looks like: equal for names in letters that look the same, whatever their case and marks.

    >>> look("Col1ect_Corn") == look("collect_com")
    True
    """
    if not name.isascii():
        name = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name))
        name = "".join(_latin(letter) for letter in name if unicodedata.category(letter) != "Mn")
    return name.translate(_LETTERS).casefold().replace("rn", "m").replace("vv", "w")


def _latin(letter: str) -> str:
    """Return the Latin letter that another script's letter looks like; the letter itself if there is none."""
    if letter.isascii():
        return letter
    from confusable_homoglyphs import confusables  # a megabyte of JSON: read only for names that need it

    found = confusables.is_confusable(letter, greedy=True) or [{"homoglyphs": []}]
    return next((glyph["c"] for glyph in found[0]["homoglyphs"] if glyph["c"].isascii()), letter)


def _apart_by_number(one: str, other: str) -> bool:
    left, right = _NUMBERED.fullmatch(one), _NUMBERED.fullmatch(other)
    return left is not None and right is not None and left[1] == right[1] and int(left[2]) != int(right[2])


def _one_edit(one: str, other: str) -> bool:
    """Return whether inserting, leaving out, changing or swapping with its neighbour one letter makes one name the other."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    swapped = one[at : at + 2] == other[at : at + 2][::-1]
    return one[at + 1 :] == other[at + 1 :] or (swapped and one[at + 2 :] == other[at + 2 :])
