"""Which active skill the words of a task name, and the check that it then promises."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from skilllib.library.text import check_words, first_sentence, words
from skilllib.protocols import Hit
from skilllib.records.base import Scalar
from skilllib.records.skill import Provision, Skill
from skilllib.records.task import Task

_FILLERS = (
    "a an and at be by for from get go have i in into is it its make me my of on one please some that the then there to until up "
    "want with you your"
)
EMPTY = frozenset(re.findall(r"\w+", _FILLERS))
"""Words that say nothing about what is wanted, or that every task has."""
_NAMES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBERS = {name: number for number, name in enumerate(_NAMES, start=1)}


@dataclass(frozen=True)
class Match:
    """Finds the skill that bears every word of a task; half a match is none, since the other half may be what matters."""

    environment: str

    def task(self, task: Task, hits: Sequence[Hit]) -> Task | None:
        """Return the task with the check of the best skill that bears its words, or None.

        A number in the words becomes the one amount that the check speaks of.
        """
        said, amounts = _said(task.goal)
        for hit in hits:
            if not said or hit.skill.environment not in ("", self.environment):
                continue
            for provision in hit.skill.contract.provides:
                if said <= _borne(hit.skill, provision) and (values := _values(hit.skill, provision, amounts)) is not None:
                    return task.model_copy(update={"check": provision.check, "parameters": values})
        return None


def _said(goal: str) -> tuple[frozenset[str], list[int]]:
    """Return the words that matter, without their endings, and the numbers."""
    found = re.findall(r"\w+", goal.lower())
    numbers = [int(word) if word.isdecimal() else NUMBERS[word] for word in found if word.isdecimal() or NUMBERS.get(word, 1) > 1]
    kept = [word for part in found for word in words(part).split() if not (word.isdecimal() or word in NUMBERS or word in EMPTY)]
    return frozenset(map(_stem, kept)), numbers


def _borne(skill: Skill, provision: Provision) -> frozenset[str]:
    description = skill.description or first_sentence(skill.program.doc if skill.program else skill.text or "")
    texts = [words(skill.name), description, check_words(provision.check), *map(str, provision.arguments.values())]
    return frozenset(_stem(word) for text in texts for part in re.findall(r"\w+", text) for word in words(part).split())


def _stem(word: str) -> str:
    """Return a word without its ending; crude, but the same on both sides.

    >>> _stem("baked"), _stem("baking"), _stem("eggs"), _stem("red")
    ('bak', 'bak', 'egg', 'red')
    """
    return re.sub(r"(?<=\w{3})(?:ing|ed|es|s|e)$", "", word)


def _values(skill: Skill, provision: Provision, amounts: Sequence[int]) -> dict[str, tuple[Scalar, ...]] | None:
    """Return a value for the parameter of the check, if it has one; None where the numbers in the words have no place."""
    if not provision.parameters:
        return {} if {str(amount) for amount in amounts} <= set(re.findall(r"\d+", provision.check)) else None
    if len(amounts) > 1 or len(provision.parameters) > 1:
        return None
    (name,) = provision.parameters
    default = next((parameter.default for parameter in skill.contract.parameters if parameter.name == name), None)
    value = amounts[0] if amounts else 1 if default is None else default
    return {name: (value,)} if isinstance(value, int | float) and not isinstance(value, bool) else None
