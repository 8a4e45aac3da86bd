"""Descriptions of proven programs, held against the code and what was observed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from skilllib.prompts import Part, lines
from skilllib.prompts.role import Role
from skilllib.prompts.shown import clipped
from skilllib.records.base import Json
from skilllib.records.execution import Proof, Trial
from skilllib.records.program import Program
from skilllib.records.world import EnvironmentSpec

LENGTH = 160
"""Characters of a description."""
ASKS = 2
"""How often a model is asked for one description."""
SHORT = 2
"""Letters up to which a word is taken for grammar rather than for a fact."""
EFFECTS = 4
"""Facts that are named where nobody finds better words."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, kw_only=True)
class ModelDescriber:
    """Has a model describe programs, and takes no description that claims what neither code nor world showed.

    Words of the environment's facts, and numbers, must stand in the code or among the observed changes. After a second
    refusal the first sentence of the docstring is taken if it passes, else what was observed is put into words.

    Args:
        role: Who describes.
        spec: The environment's specification; its facts and choices are the words that claim something.
    """

    role: Role
    spec: EnvironmentSpec

    def describe(self, program: Program, proof: Proof) -> str:
        """Return one sentence that claims no more than the code and the proof show.

        Raises:
            ModelError: The model gave no reply.
        """
        seen, code = Seen.of(proof), deeds(program)
        problem: str | None = ""
        for again in range(ASKS):
            shown = [*lines("code", code, 9), *lines("changes", seen.text(), 7), Part("problem", problem or "", 10)]
            reply = self.role.ask(shown, again=again)
            sentence = _sentence(reply)
            problem = self.problem(sentence, code, seen)
            if problem is None:
                return sentence
        own = _sentence(program.doc)
        return own if self.problem(own, code, seen) is None else seen.sentence(program)

    def problem(self, sentence: str, code: str, seen: Seen) -> str | None:
        """Return what is wrong with a description, or None."""
        if not _words(sentence):
            return "there is no sentence"
        if len(sentence) > LENGTH:
            return f"it has {len(sentence)} characters; at most {LENGTH}"
        if any(mark in sentence for mark in '"`{}='):
            return f"it quotes or holds code: {sentence}"
        shown, claims = _stems(code.partition(":\n")[2]) | _stems(seen.text()), _stems(sentence)
        vocabulary = self._vocabulary()
        if not claims & shown & vocabulary and shown & vocabulary:
            return f"it says nothing of what the code and the observed changes are about: {sentence}"
        if claimed := sorted(claims & vocabulary - shown):
            return f"it speaks of {', '.join(claimed)}, which neither the code nor the observed changes show: {sentence}"
        figures = set(_NUMBER.findall(sentence)) - set(_NUMBER.findall(f"{code} {seen.text()}"))
        if figures:
            return f"it says {', '.join(sorted(figures))}, a number that was not observed: {sentence}"
        return None

    def _vocabulary(self) -> frozenset[str]:
        """Return the words that claim something in this environment."""
        texts = [path.rpartition(".")[2] for path in self.spec.fact_types()]
        texts += [str(value) for schema in self.spec.fact_types().values() for value in schema.get("enum", ())]
        texts += [str(c) for primitive in self.spec.primitives for p in primitive.parameters for c in p.choices or ()]
        return frozenset(stem for text in texts for stem in _stems(text) if len(stem) > SHORT)


@dataclass(frozen=True)
class Seen:
    """What was observed to change in the solved trials of a proof, by fact."""

    changes: dict[str, list[tuple[Json, Json]]]
    gains: dict[str, float]
    n: int

    @classmethod
    def of(cls, proof: Proof) -> Seen:
        """Return what a proof showed."""
        solved = [trial for trial in proof.trials if trial.solved]
        facts = sorted({fact for trial in solved for fact in trial.changes})
        changes = {fact: [trial.changes[fact] for trial in solved if fact in trial.changes] for fact in facts}
        return cls(changes, _gains(solved), len(solved))

    def text(self) -> str:
        """Return it as text, a line for each fact, with how often it was so."""
        net = [f"{fact}: {_moved(some)} in {len(some)} of {self.n} runs" for fact, some in self.changes.items()]
        return "\n".join([*net, *(f"{fact}: gained on the way" for fact in self.gains if fact not in self.changes)])

    def sentence(self, program: Program) -> str:
        """Return the most frequent changes as a sentence; without any, the program's name in words."""
        often = sorted(self.changes, key=lambda fact: -len(self.changes[fact]))[:EFFECTS]
        parts = [f"{' '.join(_words(fact))} {_moved(self.changes[fact])}" for fact in often]
        text = ", ".join(parts) or " ".join(_words(program.name))
        return clipped(f"{text[:1].upper()}{text[1:]}.", LENGTH)


def deeds(program: Program) -> str:
    """Return the code of a program without what it says of itself: docstring and comments are claims, not evidence."""
    tree = ast.parse(program.source)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    said = ast.get_docstring(function) is not None
    function.body = function.body[said:] or [ast.Pass()]
    return ast.unparse(function)


def _gains(trials: Sequence[Trial]) -> dict[str, float]:
    return {fact: value for trial in trials for fact, value in sorted(trial.gains.items()) if value}


def _moved(changes: Sequence[tuple[Json, Json]]) -> str:
    """Return how a fact changed over some runs, in words."""
    steps = [float(new) - float(old or 0) for old, new in changes if _is_number(new) and (old is None or _is_number(old))]
    if len(steps) < len(changes):
        finals = list(dict.fromkeys(repr(new) for _, new in changes))
        return f"becomes {' or '.join(finals[:EFFECTS])}"
    least, most = min(steps), max(steps)
    verb = "rises" if least > 0 else "falls" if most < 0 else "changes"
    low, high = sorted((abs(least), abs(most)))
    return f"{verb} by {low:g}" if low == high else f"{verb} by {low:g} to {high:g}"


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sentence(text: str) -> str:
    """Return the first sentence of a text, without marks around it."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0].strip("`\"'* ")


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _stems(text: str) -> set[str]:
    return set(_stemmed(text))


def _stemmed(text: str) -> Iterator[str]:
    for word in _words(text):
        yield word[:-1] if word.endswith("s") and len(word) > SHORT else word
