"""A need: what something missing amounts to, in a form that can be compared and provided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from skilllib.records.base import Scalar
from skilllib.records.world import Missing


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """A fact at some level, or an object that must be near."""

    fact: str | None
    kind: Literal["at_least", "at_most", "equals", "near"]
    value: Scalar = True
    near: str | None = None

    @classmethod
    def of(cls, missing: Missing) -> Need:
        """Return the need that something missing amounts to."""
        if missing.fact is None:
            return cls(fact=None, kind="near", near=missing.near)
        if missing.equals is not None:
            return cls(fact=missing.fact, kind="equals", value=missing.equals, near=missing.near)
        if missing.at_most is not None:
            return cls(fact=missing.fact, kind="at_most", value=_whole(missing.at_most), near=missing.near)
        if missing.at_least is not None:
            return cls(fact=missing.fact, kind="at_least", value=_whole(missing.at_least), near=missing.near)
        return cls(fact=missing.fact, kind="equals", value=True, near=missing.near)

    @property
    def is_quantity(self) -> bool:
        """True if it is an amount that one has, rather than a place or a condition one is in."""
        return self.kind == "at_least" and self.near is None

    def words(self) -> str:
        """Return the need in words, for ranking."""
        parts = (self.fact or "").replace("_", " ").split(".")[-2:]
        value = [str(self.value)] if self.kind == "equals" and self.value is not True else []
        return " ".join([*parts, *value, *([f"near {self.near}"] if self.near else [])])


def _whole(number: float) -> Scalar:
    return int(number) if float(number).is_integer() else number


def bears(name: str, arguments: Mapping[str, Scalar], fact: str | None) -> bool:
    """Return whether a skill's name after its verb, or one of its arguments, is the very name of a fact.

    >>> bears("fetch_rope", {}, "inventory.rope"), bears("fetch_rope_ladder", {}, "inventory.rope")
    (True, False)
    """
    leaf = (fact or "").rsplit(".", 1)[-1]
    return leaf == name.partition("_")[2] or leaf in arguments.values()


RELIABLE, CERTAIN = 0.5, 0.8
"""Shares of successful runs in which a skill must have shown an effect that it bears in its name, or does not."""


def counted_on(name: str, arguments: Mapping[str, Scalar], fact: str, *, changed: int, n: int) -> bool:
    """Return whether an effect was shown often enough to be counted on."""
    return changed >= n * (RELIABLE if bears(name, arguments, fact) else CERTAIN)
