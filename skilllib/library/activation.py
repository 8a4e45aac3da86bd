"""Whether what is found is what is needed: activation precision and recall, from what was recorded of runs and look-ups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from skilllib.records.execution import Attempt, Trace
from skilllib.records.query import Asked


class Occasion(NamedTuple):
    """One time skills were looked up: what was found, what was called, and whether what was wanted was done."""

    retrieved: Collection[str]
    called: Collection[str]
    solved: bool


@dataclass(frozen=True, slots=True)
class Rates:
    """Counts of occasions, and what follows from them."""

    retrieved: int = 0
    """Times a skill was found."""
    needed: int = 0
    """Times a skill was called where what was wanted was done."""
    helped: int = 0
    """Times both are true of one skill: it was found, called, and what was wanted was done."""

    @property
    def precision(self) -> float | None:
        """Share of what was found that helped; None if nothing was found."""
        return self.helped / self.retrieved if self.retrieved else None

    @property
    def recall(self) -> float | None:
        """Share of what was needed that had been found; None if nothing was needed."""
        return self.helped / self.needed if self.needed else None


@dataclass(frozen=True, slots=True)
class Activation:
    """How well look-ups served: over all skills and for each."""

    occasions: int
    """Times skills were looked up or called."""
    overall: Rates
    skills: dict[str, Rates] = field(default_factory=dict)
    """By name, in sorted order."""


def activation(occasions: Iterable[Occasion]) -> Activation:
    """Return activation precision and recall.

    >>> counted = activation([Occasion({"a", "b"}, {"a"}, True), Occasion({"b"}, {"c"}, True), Occasion({"a"}, {"a"}, False)])
    >>> counted.overall
    Rates(retrieved=4, needed=2, helped=1)
    >>> counted.overall.precision, counted.overall.recall
    (0.25, 0.5)
    """
    retrieved, needed, helped = Counter[str](), Counter[str](), Counter[str]()
    number = 0
    for occasion in occasions:
        number += 1
        found, called = set(occasion.retrieved), set(occasion.called) if occasion.solved else set[str]()
        retrieved.update(found)
        needed.update(called)
        helped.update(found & called)
    names = sorted(retrieved.keys() | needed.keys())
    overall = Rates(retrieved.total(), needed.total(), helped.total())
    return Activation(number, overall, {name: Rates(retrieved[name], needed[name], helped[name]) for name in names})


def occasions(traces: Iterable[Trace], asked: Iterable[Asked]) -> Iterator[Occasion]:
    """Yield the attempts of runs in which skills were found or called, and the look-ups of which somebody said what became."""
    for trace in traces:
        for attempt in trace.attempts:
            if attempt.retrieved or _called(attempt):
                yield Occasion(attempt.retrieved, _called(attempt), attempt.solved)
    for one in asked:
        if one.solved is not None:
            yield Occasion(one.retrieved, one.called, one.solved)


def _called(attempt: Attempt) -> set[str]:
    """Return the names of the skills that the attempt's program called itself, or that it was.

    What those called in turn is left out: nobody has to find it.
    """
    if attempt.reuses is not None:
        return {attempt.program.name}
    return {call.name for call in attempt.execution.skill_calls if call.depth == 0}
