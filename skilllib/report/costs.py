"""What was spent on language models: by call, attempt, task, skill and run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from skilllib.library import SkillLibrary
from skilllib.records.model import ModelCall


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Model calls, and what they cost together."""

    calls: int = 0
    tokens: int = 0
    """Tokens in and out."""
    usd: float = 0.0
    seconds: float = 0.0
    """Seconds spent waiting for replies."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            calls=self.calls + other.calls,
            tokens=self.tokens + other.tokens,
            usd=self.usd + other.usd,
            seconds=self.seconds + other.seconds,
        )

    def __bool__(self) -> bool:
        return self.calls > 0

    def __str__(self) -> str:
        money = f", {usd_text(self.usd)}" if self.usd else ""
        return f"{self.calls:,} call{'' if self.calls == 1 else 's'}, {self.tokens:,} tokens{money}"


def cost(calls: Iterable[ModelCall]) -> Cost:
    """Return what calls cost together."""
    ones = (Cost(calls=call.tries, tokens=call.tokens_in + call.tokens_out, usd=call.usd, seconds=call.seconds) for call in calls)
    return sum(ones, Cost())


def recorded(cost: Cost | None) -> dict[str, float] | None:
    """Return a cost for JSON; None where no model was asked, or it is not known."""
    return asdict(cost) if cost else None


def usd_text(usd: float) -> str:
    """Return money for people; small amounts with as many digits as they need.

    >>> usd_text(12.345), usd_text(0.0123), usd_text(0.000_456), usd_text(0)
    ('$12.35', '$0.012', '$0.00046', '$0')
    """
    return "$0" if not usd else f"${usd:,.2f}" if usd >= 1 else f"${usd:.{2 - _magnitude(usd)}f}"


def _magnitude(value: float) -> int:
    return int(f"{value:e}".partition("e")[2]) + 1


def skill_costs(library: SkillLibrary, run: str) -> dict[str, Cost]:
    """Return version hash → what its task had cost when it was admitted, failed attempts included.

    Empty for a run without a model, and for one that the library does not know.
    """
    if run not in library.runs() or not (library.run_options(run) or {}).get("model"):
        return {}
    found: dict[str, Cost] = {}
    for _, trace in library.traces(run):
        spent = Cost()
        for attempt in trace.attempts:
            spent += cost(attempt.model_calls)
            if attempt.admitted is not None:
                found[attempt.admitted] = spent
    return found
