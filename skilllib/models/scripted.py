"""A model that says what it was told to say: the public double of the `LanguageModel` seam."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from skilllib.errors import ModelError
from skilllib.records.model import Reply, Request, estimated_tokens

Line: TypeAlias = str | Reply | ModelError
"""What a scripted model says: a text, a whole reply, or an error that it raises."""
Script: TypeAlias = Callable[[Request], Line] | Iterable[Line]
"""A function of the request, or lines that are said one after the other."""


class NotScripted(AssertionError):
    """A model was asked something that its script does not foresee."""


class ScriptedModel:
    """Says its lines in order, and records what it was asked.

    A function of the request suits runs that are interrupted and resumed, since it has no place in a script to lose.

    Args:
        script: Lines, a function of the request, or either of these for each purpose.
        name: The model's name.

    >>> model = ScriptedModel({"write": ["first", "second"], "judge": lambda request: "yes"})
    >>> question = Request(purpose="write", messages=())
    >>> model.complete(question).text, model.complete(question).text
    ('first', 'second')
    >>> model.complete(question)
    Traceback (most recent call last):
        ...
    skilllib.models.scripted.NotScripted: the model 'scripted' has no line for the request 3 ('write'): ''
    """

    def __init__(self, script: Script | Mapping[str, Script], *, name: str = "scripted") -> None:
        self.name = name
        self.requests: list[Request] = []
        """Everything it was asked, in order."""
        parts = script if isinstance(script, Mapping) else {"": script}
        self._parts = {purpose: part if callable(part) else _in_order(part) for purpose, part in parts.items()}

    def complete(self, request: Request) -> Reply:
        """Return the next line as a reply.

        Raises:
            NotScripted: There is none.
            ModelError: The line is an error.
        """
        self.requests.append(request)
        part = self._parts.get(request.purpose) or self._parts.get("")
        line = part(request) if part is not None else None
        if line is None:
            asked = request.messages[-1].content[:200] if request.messages else ""
            raise NotScripted(
                f"the model {self.name!r} has no line for the request {len(self.requests)} ({request.purpose!r}): {asked!r}"
            )
        if isinstance(line, ModelError):
            raise line
        if isinstance(line, Reply):
            return line
        return Reply(text=line, tokens_in=request.tokens, tokens_out=estimated_tokens(line))


def _in_order(lines: Iterable[Line]) -> Callable[[Request], Line | None]:
    left = iter([lines] if isinstance(lines, str) else lines)
    return lambda request: next(left, None)
