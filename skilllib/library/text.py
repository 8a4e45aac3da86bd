"""The words under which a skill is found. We derive them from what is known of it, so they cannot lie about the code."""

from __future__ import annotations

import re
from collections.abc import Iterable

from skilllib.records.skill import Effect, Skill

_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+")
_OPERATORS = {">=": " at least ", "<=": " at most ", "==": " is ", "!=": " is not ", ">": " more than ", "<": " less than "}
_FACTS = 8
"""Effects that are named; a skill that touches more is not described better by more words."""


def words(identifier: str) -> str:
    """Return an identifier or a dotted path as words.

    >>> words("make_stone_pickaxe"), words("inventory.woodPickaxe")
    ('make stone pickaxe', 'inventory wood pickaxe')
    """
    return " ".join(part for part in _BOUNDARY.split(identifier) if part).lower()


def check_words(check: str) -> str:
    """Return a check as words.

    >>> check_words("after.inventory.rope >= 2 and after.dark == False")
    'inventory rope at least 2 and dark is false'
    """
    for operator, phrase in _OPERATORS.items():
        check = check.replace(operator, phrase)
    return " ".join(part for part in words(check).split() if part != "after")


def first_sentence(text: str) -> str:
    """Return the first sentence of a docstring.

    >>> first_sentence("Make a rope. It takes fibre.")
    'Make a rope.'
    """
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]


def indexed_text(skill: Skill, effects: Iterable[Effect] = (), *, promises: bool = True) -> str:
    """Return the text whose vector stands for a skill: name, description, parameters, what it provides, what it did.

    The name stands first and the words of a query such as a task's goal meet the description; facts come last because
    an embedder reads a limited number of tokens (256 for MiniLM). Without `promises` what it provides is left out: it was
    never shown.
    """
    description = skill.description or first_sentence(skill.program.doc if skill.program else skill.text or "")
    choices = [str(choice) for parameter in skill.contract.parameters for choice in parameter.choices or ()]
    provides = [check_words(provision.check) for provision in skill.contract.provides if promises]
    raised = sorted({words(effect.fact) for effect in effects if effect.changed * 2 >= effect.n and effect.rise > 0})
    lines = [
        f"{words(skill.name)}.",
        description,
        skill.signature() if skill.contract.parameters else "",
        f"With {', '.join(choices)}." if choices else "",
        f"Provides {'; '.join(provides)}." if provides else "",
        f"Raises {', '.join(raised[:_FACTS])}." if raised else "",
    ]
    return "\n".join(line for line in lines if line)
