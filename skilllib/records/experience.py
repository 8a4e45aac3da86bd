"""What executions showed about single calls, in a form that can be added up.

Experience is to calls what statistics are to skills: how often, how often well, which facts changed, what was missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from skilllib.records.base import Record, Scalar, canonical
from skilllib.records.world import Missing


class CallExperience(Record):
    """What was seen of one call with its arguments."""

    name: str
    """A primitive's name, or `skill:` and a code hash."""
    arguments: dict[str, Scalar] = {}
    calls: int = 0
    succeeded: int = 0
    retried: int = 0
    """How many failures said that the same call may succeed later."""
    steps: int = 0
    rises: dict[str, int] = {}
    """Fact → in how many successful calls it rose, became true or took another value."""
    falls: dict[str, int] = {}
    """Fact → in how many successful calls it fell or became false."""
    gains: dict[str, float] = {}
    """Fact → largest rise seen in one call."""
    uses: dict[str, float] = {}
    """Fact → largest amount used up in one call."""
    missing: tuple[Missing, ...] = ()
    """What failures named, each once, the value at the time left out."""
    messages: tuple[str, ...] = ()
    """The last few distinct messages of failures."""

    @property
    def key(self) -> str:
        """The call as text, equal for equal calls."""
        return f"{self.name}({canonical(self.arguments)})"

    def plus(self, other: CallExperience) -> CallExperience:
        """Return both together."""
        return CallExperience(
            name=self.name,
            arguments=self.arguments,
            calls=self.calls + other.calls,
            succeeded=self.succeeded + other.succeeded,
            retried=self.retried + other.retried,
            steps=self.steps + other.steps,
            rises=_added(self.rises, other.rises),
            falls=_added(self.falls, other.falls),
            gains=_largest(self.gains, other.gains),
            uses=_largest(self.uses, other.uses),
            missing=tuple(dict.fromkeys(self.missing + other.missing)),
            messages=tuple(dict.fromkeys(self.messages + other.messages))[-5:],
        )


class Experience(Record):
    """What was seen of many calls, one entry per call with its arguments."""

    calls: tuple[CallExperience, ...] = ()

    def plus(self, others: Iterable[CallExperience]) -> Experience:
        """Return this experience with more added, in a stable order."""
        merged = {call.key: call for call in self.calls}
        for call in others:
            merged[call.key] = merged[call.key].plus(call) if call.key in merged else call
        return Experience(calls=tuple(merged[key] for key in sorted(merged)))


def _added(left: dict[str, int], right: dict[str, int]) -> dict[str, int]:
    return {key: left.get(key, 0) + right.get(key, 0) for key in sorted(left.keys() | right.keys())}


def _largest(left: dict[str, float], right: dict[str, float]) -> dict[str, float]:
    return {key: max(left.get(key, 0.0), right.get(key, 0.0)) for key in sorted(left.keys() | right.keys())}
