"""The words under which a skill is found. We derive them from what is known of it, so they cannot lie about the code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from skilllib.errors import InvalidCheck
from skilllib.records.check import Check
from skilllib.records.skill import Effect, KeptTest, Skill

RECIPE = 3
"""Raised when texts are derived otherwise than before, so that vectors of earlier texts are not compared with later ones."""

_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\W]+")
_OPERATORS = {">=": " at least ", "<=": " at most ", "==": " is ", "!=": " is not ", ">": " more than ", "<": " less than "}
_FACTS = 8
"""Effects that are named; a skill that touches more is not described better by more words."""
_DESCRIPTION, _PROSE = 60, 120
"""Words of a description and of the text after it that are read: an author cannot win by writing more."""
_SAY_NOTHING = """
a about after again all am an and any are as at be because been before being below between both but by can could did do
does doing during each few for from further had has have having he her here hers him his how i if in into is it its
itself just let like me more most my myself need no nor not now of off on once only or other our out over own please
same she should so some such than that the their them then there these they this those through to too under until up us
very want was we were what when where which while who whom why will with would you your yours
"""
"""Words that nearly every question has, and that say nothing about what is wanted."""
_STOP = frozenset(_SAY_NOTHING.split())
_ENDINGS = re.compile(r"(?<=[a-z]{3})(?:ings?|edly|ed|ies|es|s|ly|ers?|e|y)$")


class Fields(NamedTuple):
    """What is known of a skill, in words, by how much it says."""

    name: str
    summary: str
    """One or two sentences, and what it was shown to bring about."""
    details: str
    """Parameters, their values, and what is written beyond the summary."""


def words(identifier: str) -> str:
    """Return an identifier or a dotted path as words.

    >>> words("make_stone_pickaxe"), words("inventory.woodPickaxe"), words("getHTTPStatus")
    ('make stone pickaxe', 'inventory wood pickaxe', 'get http status')
    """
    return " ".join(part for part in _BOUNDARY.split(identifier) if part).lower()


def terms(text: str) -> tuple[str, ...]:
    """Return the different words of a text that say something, without their endings, in order.

    >>> terms("How do I calculate the areas of a triangle? CalculateArea!")
    ('calculat', 'area', 'triangl')
    """
    found = (word for word in words(text).split() if word not in _STOP)
    return tuple(dict.fromkeys(_stem(word) for word in found))


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    """Return a word without its ending; crude, but the same for questions and skills.

    Letters are folded as SQLite's index of words folds them, one for one: else a Greek word that ends in sigma is never found.
    """
    if not word.isascii():
        word = "".join(folded if len(folded := letter.casefold()) == 1 else letter for letter in word)
    return _ENDINGS.sub("", word)


def check_words(check: str) -> str:
    """Return a check as words.

    >>> check_words("after.inventory.rope >= 2 and after.dark == False")
    'inventory rope at least 2 and dark is false'
    """
    for operator, phrase in _OPERATORS.items():
        check = check.replace(operator, phrase)
    return " ".join(part for part in words(check).split() if part != "after")


def evident(tests: Iterable[KeptTest], effects: Iterable[Effect]) -> str:
    """Return in words what a skill was shown to do: the facts that its kept tests check and that its runs changed.

    A fact that fell is said to be no more. Whatever else stands in a check, such as the name of a parameter, is left out.

    >>> checks = "after.achievements.make_rope > before.achievements.make_rope", "after.weeds == 0 and after.gold >= 0"
    >>> tests = [KeptTest(environment="yard", seed=1, check=check) for check in checks]
    >>> rope, weeds = "achievements.make_rope", "weeds"
    >>> evident(tests, [Effect(fact=rope, n=2, changed=2, raised=2), Effect(fact=weeds, n=2, changed=2, value=0)])
    'achievements make rope; no weeds'
    """
    checked = {fact for test in tests if test.expected for fact in _facts(test)}
    found = (_change(effect) for effect in effects if effect.fact in checked and effect.changed * 2 >= max(effect.n, 1))
    return "; ".join(list(dict.fromkeys(found))[:_FACTS])


def _facts(test: KeptTest) -> tuple[str, ...]:
    try:
        return Check(test.check, parameters=frozenset(test.check_arguments)).facts()
    except InvalidCheck:
        return ()


def _change(effect: Effect) -> str:
    if isinstance(effect.value, str):
        return f"{words(effect.fact)} {words(effect.value)}".strip()
    return words(effect.fact) if effect.raised * 2 >= effect.changed else f"no {words(effect.fact)}"


def first_sentence(text: str) -> str:
    """Return the first sentence of a docstring.

    >>> first_sentence("Make a rope. It takes fibre.")
    'Make a rope.'
    """
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]


def fields(skill: Skill, effects: Iterable[Effect] = (), *, promises: bool = True) -> Fields:
    """Return what is known of a skill, in words.

    An author's prose is a bounded part of it, and a word that stands there twice says no more than one that stands once.
    Without `promises` what it provides is left out: it was never shown.
    """
    prose = (skill.program.doc if skill.program else skill.text) or ""
    description = skill.description or first_sentence(prose)
    provides = [check_words(provision.check) for provision in skill.contract.provides if promises]
    raised = sorted({words(effect.fact) for effect in effects if effect.changed * 2 >= effect.n and effect.rise > 0})
    parameters = [_parameter(one.name, one.choices) for one in skill.contract.parameters]
    summary = [
        _cut(description, _DESCRIPTION),
        f"Provides {'; '.join(provides)}." if provides else "",
        f"Raises {', '.join(raised[:_FACTS])}." if raised else "",
    ]
    rest = prose.strip().removeprefix(description.strip())
    details = [f"With {'; '.join(parameters)}." if parameters else "", _cut(rest, _PROSE)]
    return Fields(words(skill.name), "\n".join(filter(None, summary)), "\n".join(filter(None, details)))


def _parameter(name: str, choices: Iterable[object] | None) -> str:
    return f"{words(name)}: {', '.join(str(choice) for choice in choices)}" if choices else words(name)


def _cut(text: str, count: int) -> str:
    return " ".join(text.split()[:count])


def indexed_texts(skill: Skill, effects: Iterable[Effect] = (), *, promises: bool = True) -> tuple[str, str, str]:
    """Return the name, the summary and the details of a skill: the texts whose vectors, together, stand for it.

    Each is embedded by itself. In one text with the description a name that says nothing, such as a brand, would colour all
    of it; and the names of the parameters come last because an embedder reads a limited number of tokens (256 for MiniLM).
    """
    name, summary, details = fields(skill, effects, promises=promises)
    parameters = ", ".join(words(parameter.name) for parameter in skill.contract.parameters)
    return name, "\n".join(filter(None, [summary, f"With {parameters}." if parameters else ""])), details


def indexed_text(skill: Skill, effects: Iterable[Effect] = (), *, promises: bool = True) -> str:
    """Return the texts as one, to be read."""
    name, summary, details = indexed_texts(skill, effects, promises=promises)
    return "\n".join(filter(None, [f"{name}.", summary, details]))
