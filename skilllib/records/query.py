"""What is asked of a library, and why a skill was found."""

from __future__ import annotations

from typing import Literal, NamedTuple

from skilllib.records.base import Json, Record
from skilllib.records.skill import Skill, Status


class Query(Record):
    """A question to a library: words, and what is known of the situation."""

    text: str
    facts: dict[str, Json] | None = None
    """The facts as they are: skills whose requirements hold come first."""
    missing: tuple[str, ...] = ()
    """Checks that are to hold, such as a goal's: skills that provide them come first."""
    environment: str | None = None
    """Only skills of this environment, and those of none."""
    status: Status | Literal["any"] = "active"
    """What is not active was not proven here."""
    capability: str | None = None
    """Only skills that may call this primitive."""
    tag: str | None = None


class Why(Record):
    """Why a skill was found, and how its score came about."""

    cosine: float
    """Of the vectors of the query and of the skill's text."""
    near_rank: int
    """Place among all that were looked at, by cosine; 1 is the best."""
    words: tuple[str, ...] = ()
    """Words of the query, without their endings, that the skill's text has."""
    lexical: float = 0.0
    """What these words weigh."""
    word_rank: int | None = None
    """Place by the weight of words; None where no word is shared."""
    evidence: float | None = None
    """Cosine of the vectors of the query and of what was shown of it; None where opinions make skills active."""
    behind: str = ""
    """Whom it does not precede, although its words say more, because what was shown of that one is clearly nearer to the query."""
    provides: tuple[str, ...] = ()
    """Checks among those missing that it provides."""
    unmet: tuple[str, ...] = ()
    """What it requires and the facts do not give."""
    solved: float = 0.0
    """Runs that went well, as counted."""
    failed: float = 0.0
    lower_bound: float = 0.0
    """What its rate of success exceeds with a credibility of 95 %."""
    also: tuple[str, ...] = ()
    """Near copies that were left out."""
    fits: bool = True
    """False if the best score is no better than what questions about other things reach in this library."""


class Hit(NamedTuple):
    """One skill that was found."""

    skill: Skill
    score: float
    """How well it fits, of one scale for all queries: the cosine, and what words, contract and record add to it."""
    why: Why | None = None


class Asked(Record):
    """One look-up from outside of runs and what came of it."""

    query: str
    retrieved: tuple[str, ...] = ()
    """Names of what was found, best first."""
    called: tuple[str, ...] = ()
    solved: bool | None = None
    """Whether what was wanted was done; None if nobody said."""
