"""How found skills are ordered: by meaning and words, then by contract and proven usefulness."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from skilllib.errors import InvalidCheck
from skilllib.library.text import terms
from skilllib.protocols import Hit
from skilllib.records.check import Check, Condition
from skilllib.records.query import Query, Why
from skilllib.records.skill import Provision, Skill, Statistics, exceeded

WORDS = 0.08
"""Weight of shared words beside the cosine. Between 0.05 and 0.14 the quality of look-ups is the same."""
PROVIDED, UNMET = 0.2, 0.1
"""What it is worth that a skill provides all that is missing, and what it costs that its requirements do not hold."""
SPEAKS, CLEARLY = 0.3, 0.25
"""From which cosine on evidence speaks for a query (what is asked about other things hardly reaches it), and by how much nearer
it has to be than another's for its skill to come first, whatever is written of the two."""
USEFUL = 0.05
"""Most that a record of success or failure can add to a score or take from it; it decides between near equals."""
PRIOR = (4.0, 1.0)
"""Successes and failures as if seen before anything was counted: a new skill is taken for a good one."""


@dataclass(kw_only=True, slots=True)
class Candidate:
    """A skill that may be found, and what speaks for it."""

    key: str
    """Code hash."""
    cosine: float
    lexical: float = 0.0
    near_rank: int = 0
    word_rank: int | None = None
    evidence: float | None = None
    """Cosine of the query and of what it was shown to do; None where opinions make skills active."""

    @property
    def relevance(self) -> float:
        """How well it fits the words of the query; of one scale for all queries."""
        return relevance(self.cosine, self.lexical)


def relevance(cosine: float, lexical: float) -> float:
    """Return how well meaning and shared words say together that a skill fits."""
    return cosine + WORDS * lexical


@dataclass(kw_only=True, slots=True)
class Found:
    """A candidate with its record."""

    candidate: Candidate
    skill: Skill
    statistics: Statistics
    provides: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()
    useful: float = 0.0
    lower: float = 0.0
    """What its rate of success exceeds with a credibility of 95 %."""
    also: list[str] = field(default_factory=list)
    score: float = 0.0
    """By what it is ranked: its worth, or that of somebody whose evidence speaks clearly more for the query, if that is less."""
    behind: str = ""
    """Who that is."""

    def worth(self, query: Query) -> float:
        """Return what speaks for it, taken together."""
        return self._relevance(query) + USEFUL * self.useful

    def fitness(self, query: Query) -> float:
        """Return by what it is judged whether it fits at all: its use in the past says nothing about that."""
        return max(self._relevance(query), self.candidate.evidence or 0.0)

    def _relevance(self, query: Query) -> float:
        share = len(self.provides) / len(query.missing) if query.missing else 0.0
        return self.candidate.relevance + PROVIDED * share - UNMET * bool(self.unmet)

    def hit(self, query: Query, words: Sequence[str], *, fits: bool = True) -> Hit:
        """Return what the caller gets."""
        one, counted = self.candidate, self.statistics
        why = Why(
            cosine=round(one.cosine, 4),
            near_rank=one.near_rank,
            words=tuple(words),
            lexical=round(one.lexical, 4),
            word_rank=one.word_rank,
            evidence=None if one.evidence is None else round(one.evidence, 4),
            behind=self.behind,
            provides=self.provides,
            unmet=self.unmet,
            solved=counted.posterior[0] - 1,
            failed=counted.posterior[1] - 1,
            lower_bound=round(self.lower, 4),
            also=tuple(self.also),
            fits=fits,
        )
        return Hit(self.skill, self.score, why)


def foremost(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """Return the first of candidates that are ordered by relevance, as far as evidence lets them."""
    if max((one.evidence or 0.0 for one in candidates), default=0.0) < SPEAKS:
        return list(candidates[:most])
    return [candidates[place.at] for place in _settled(candidates, [one.relevance for one in candidates])[:most]]


def promising(query: Query, candidates: Sequence[Candidate], counted: Mapping[str, Statistics], k: int) -> list[Candidate]:
    """Return the candidates whose records have to be read: all, or the first k where contracts say nothing about the query."""
    if query.missing or query.facts is not None:
        return list(candidates)
    useful = usefulness([counted.get(one.key, Statistics()) for one in candidates])
    worths = [one.relevance + USEFUL * worth for one, worth in zip(candidates, useful, strict=True)]
    return [candidates[place.at] for place in _settled(candidates, worths)[:k]]


def ranked(
    query: Query, candidates: Iterable[Candidate], skills: Mapping[str, Skill], counted: Mapping[str, Statistics]
) -> list[Found]:
    """Return the candidates whose records are known, best first; ties keep the smaller code hash."""
    present = [one for one in candidates if one.key in skills]
    records = [counted.get(one.key, Statistics()) for one in present]
    found = [
        Found(
            candidate=one,
            skill=skills[one.key],
            statistics=record,
            provides=provided(skills[one.key], query.missing),
            unmet=unmet(skills[one.key], query.facts),
            useful=useful,
            lower=lower,
        )
        for one, record, useful, lower in zip(present, records, usefulness(records), bounds(records, (1.0, 1.0)), strict=True)
    ]
    order = _settled([one.candidate for one in found], [one.worth(query) for one in found])
    for place in order:
        found[place.at].score = place.score
        found[place.at].behind = "" if place.behind is None else found[place.behind].skill.name
    return [found[place.at] for place in order]


class Place(NamedTuple):
    """Where something stands in an order."""

    at: int
    """Which one it is."""
    score: float
    behind: int | None = None
    """Which one it must not precede, though it is worth more."""


def _settled(candidates: Sequence[Candidate], worths: Sequence[float]) -> list[Place]:
    return settled([one.key for one in candidates], worths, [one.evidence or 0.0 for one in candidates])


def settled(keys: Sequence[str], worths: Sequence[float], evidence: Sequence[float]) -> list[Place]:
    """Return an order by worth in which nobody precedes one whose evidence speaks clearly more for the query.

    What was shown has the last word: prose lifts a skill above others only as long as none of these was shown to do what is
    asked while it was not.

    Args:
        keys: Code hashes; of what is equal in everything the smaller one comes first.
        worths: What speaks for each.
        evidence: How like the query is what each was shown to do.
    """
    scores, behind = list(worths), dict[int, int]()
    by_evidence = sorted(range(len(scores)), key=evidence.__getitem__, reverse=True)
    least, reached = -1, 0  # of those with clearly more evidence, the last one in the order
    for at in by_evidence:
        while (rival := by_evidence[reached]) != at and evidence[rival] >= SPEAKS and evidence[rival] > evidence[at] + CLEARLY:
            least = rival if least < 0 or scores[rival] < scores[least] else least
            reached += 1
        if least >= 0 and scores[least] <= scores[at]:
            scores[at], behind[at] = scores[least], least
    order = sorted(range(len(scores)), key=lambda at: (-scores[at], -evidence[at], keys[at]))
    return [Place(at, scores[at], behind.get(at)) for at in order]


def usefulness(counted: Sequence[Statistics]) -> list[float]:
    """Return for each record what it is worth, between -1 and 1, and 0 where nothing was counted.

    It is the lower bound of the rate of success less that of the prior alone, as a share of the most it can rise or fall: so
    a skill rises by what is certain, and many failures weigh more than few.
    """
    start = bounds([Statistics()], PRIOR)[0]
    return [(bound - start) / (1 - start if bound > start else start) for bound in bounds(counted, PRIOR)]


def bounds(counted: Iterable[Statistics], prior: tuple[float, float]) -> list[float]:
    """Return for each record the rate that its rate of success exceeds with a credibility of 95 %."""
    seen = [one.posterior for one in counted]
    return [exceeded(alpha - 1 + prior[0], beta - 1 + prior[1]) for alpha, beta in seen]


def provided(skill: Skill, missing: Sequence[str]) -> tuple[str, ...]:
    """Return the checks, of those that are missing, that a skill says it brings about."""
    if not missing:
        return ()
    offers = [condition for provision in skill.contract.provides for condition in _conditions(provision.check, provision)]
    return tuple(check for check in missing if offers and (asked := _conditions(check)) and all(_met(one, offers) for one in asked))


def unmet(skill: Skill, facts: Mapping[str, object] | None) -> tuple[str, ...]:
    """Return what a skill requires and these facts do not give; nothing where the facts are not known."""
    if facts is None:
        return ()
    names = frozenset(parameter.name for parameter in skill.contract.parameters)
    return tuple(check for check in skill.contract.requires if not _holds(check, names, dict(facts)))


def _holds(check: str, names: frozenset[str], facts: dict[str, object]) -> bool:
    try:
        return Check(check, parameters=names).holds(facts, facts)
    except InvalidCheck:
        return False


def _conditions(check: str, provision: Provision | None = None) -> tuple[Condition, ...]:
    names = frozenset(provision.parameters) if provision else frozenset()
    try:
        return Check(check, parameters=names).conditions()
    except InvalidCheck:
        return ()


def _met(asked: Condition, offers: Iterable[Condition]) -> bool:
    return any(asked.fact == offer.fact and _reaches(offer, asked) for offer in offers)


def _reaches(offer: Condition, asked: Condition) -> bool:
    """Return whether what is offered brings about what is asked; an amount that is a parameter can be any."""
    rising = {"at_least", "increase"}
    if asked.kind in rising and offer.kind in rising:
        free = isinstance(offer.value, str) and offer.value.startswith("$")
        numbers = isinstance(offer.value, int | float) and isinstance(asked.value, int | float)
        return free or offer.kind == "increase" or (numbers and offer.value >= asked.value)
    return offer.kind == asked.kind and (offer.value == asked.value or str(offer.value).startswith("$"))


def same_contract(one: Skill, other: Skill) -> bool:
    """Return whether two skills promise the same, or, where they promise nothing, bear the same words in their names."""
    if one.contract.provides or other.contract.provides:
        return one.contract.provides == other.contract.provides and one.contract.requires == other.contract.requires
    return set(terms(_letters(one.name))) == set(terms(_letters(other.name)))


def _letters(name: str) -> str:
    return re.sub(r"\d+", " ", name)


def collapsed(found: Sequence[Found], alike: Callable[[Found, Found], bool], k: int) -> list[Found]:
    """Return the first k, each standing for its near copies, whose names are kept with it."""
    kept: list[Found] = []
    for one in found:
        if (original := next((other for other in kept if alike(one, other)), None)) is not None:
            original.also.append(one.skill.name)
        elif len(kept) < k:
            kept.append(one)
    return kept
