"""What is known to provide a need: learned skills first, then primitives, then a guess by words."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skilllib.memory import Memory
from skilllib.protocols import SkillSource
from skilllib.records.need import RELIABLE, Need, bears, counted_on
from skilllib.records.skill import Effect, Skill
from skilllib.records.world import EnvironmentSpec, VitalNeed
from skilllib.writer.plan import Call, Guard, ground_calls
from skilllib.writer.ranking import WordRanking

OFTEN = 0.3
"""Share of successful calls from which a primitive counts as a provider; its effect may be a matter of chance."""
LIKELY = 0.3
"""Score under which words do not speak for a call."""
GUESSES = 4
"""Calls tried on the strength of words alone, per need."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """An active skill with what was measured of it."""

    skill: Skill
    effects: tuple[Effect, ...]
    world_steps: float


def known_skills(source: SkillSource, spec: EnvironmentSpec) -> list[Known]:
    """Return the active skills that can be run in an environment, with what was measured of them."""
    return [
        Known(
            skill=skill,
            effects=tuple(source.effects(skill.code_hash)),
            world_steps=source.statistics(skill.code_hash).world_steps,
        )
        for skill in source.skills("active")
        if skill.program is not None and skill.environment in ("", spec.name)
    ]


def providing(skills: Sequence[Known], need: Need) -> list[tuple[Call, bool]]:
    """Return calls of skills that provide a need, each with whether it may have to be repeated.

    Those that name what is needed come first: others may bring it about by the way only. Then the cheapest.
    """
    found: list[tuple[tuple[bool, float, str], Call, bool]] = []
    for known in skills:
        for call, repeat in _offers(known, need):
            if need.near is not None and not _certain(known, call, need):
                continue
            named = bears(call.name, dict(call.arguments), need.fact)
            found.append(((not named, known.world_steps, known.skill.name), call, repeat))
    return [(call, repeat) for _, call, repeat in sorted(found, key=lambda offer: offer[0])]


class Providers:
    """Answers which calls provide a need.

    Args:
        spec: The environment's specification.
        memory: Experience of primitive calls.
        ranking: Scores calls by words.
        skills: The active skills with their measured effects.
    """

    def __init__(self, spec: EnvironmentSpec, memory: Memory, ranking: WordRanking, skills: Sequence[Known]) -> None:
        self._memory, self._ranking, self._skills = memory, ranking, skills
        self._schema = spec.fact_types()
        self.ground = ground_calls(spec)
        self._vital = {need.fact: need for need in spec.vital_needs}

    def skills_for(self, need: Need) -> list[tuple[Call, bool]]:
        """Return calls of skills that provide the need, best first, each with whether it may have to be repeated."""
        return providing(self._skills, need)

    def simply(self, need: Need) -> Call | None:
        """Return a primitive call that was seen to bring a place or thing near and never lacked anything, if there is one."""
        for call in self._naming(need, self.ground):
            experience = self._memory.of(call.name, dict(call.arguments + call.defaults))
            if experience is not None and not experience.missing and self._rate(call, need) >= RELIABLE:
                return call
        return None

    def primitives_for(self, need: Need, hints: Iterable[str] = ()) -> list[Call]:
        """Return primitive calls that may provide the need: those seen to do it, then the best guesses by words."""
        if need.kind == "at_most":  # what falls by itself falls while one does nothing; nothing else is worth doing for it
            falling = [call for call in self.ground if not call.arguments and self._rate(call, need) > 0]
            if falling:
                return sorted(falling, key=lambda call: -self._rate(call, need))
        idle = need.kind == "at_most"
        open_to = self._naming(
            need, [call for call in self.ground if not self._excluded(call, need) and not (idle and call.arguments)]
        )
        seen = [call for call in open_to if self._rate(call, need) >= OFTEN]
        seen.sort(key=lambda call: -self._rate(call, need))
        unsure = [call for call in open_to if call not in seen]
        scores = self._ranking.scores(" ".join([need.words(), *hints]), unsure)
        ranked = sorted(zip(scores, range(len(unsure)), strict=True), key=lambda pair: (-pair[0], pair[1]))
        return seen + [unsure[i] for score, i in ranked[:GUESSES] if score >= LIKELY]

    def used_by(self, call: Call, fact: str) -> float:
        """Return how much of a fact a call uses up, as far as was seen."""
        if call.skill is None:
            experience = self._memory.of(call.name, dict(call.arguments + call.defaults))
            if experience is None:
                return 0.0
            asked = [float(need.value) for need in map(Need.of, experience.missing) if need.fact == fact and need.is_quantity]
            return min([experience.uses.get(fact, 0.0), *asked])
        return max((self.used_by(inner, fact) for inner in self._made_by(call)), default=0.0)

    def _made_by(self, call: Call) -> list[Call]:
        """Return the primitive calls that a call of a skill may make itself, as far as its source names their arguments."""
        if call.skill is None or call.skill.program is None:
            return []
        program = call.skill.program
        given = {value for _, value in call.arguments}
        fixed = {
            node.value for node in ast.walk(program.function) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        chosen = {choice for parameter in program.parameters for choice in parameter.choices or ()}
        said = (fixed - chosen) | given
        return [
            inner for inner in self.ground if inner.name in program.names and all(value in said for _, value in inner.arguments)
        ]

    def supplies_of(self, call: Call) -> dict[str, float]:
        """Return the quantities that a call of a skill will have to have in hand itself, as failures named them."""
        found: dict[str, float] = {}
        for inner in self._made_by(call):
            experience = self._memory.of(inner.name, dict(inner.arguments + inner.defaults))
            for missing in experience.missing if experience else ():
                need = Need.of(missing)
                if need.is_quantity and need.fact and need.fact not in self._vital:
                    found[need.fact] = max(found.get(need.fact, 0.0), float(need.value))
        return found

    def most(self, fact: str) -> float | None:
        """Return the most that a fact can be, where the environment declares it."""
        maximum = self._schema.get(fact, {}).get("maximum")
        return float(maximum) if maximum is not None else None

    def guards(self) -> list[Guard]:
        """Return one guard for each vital need that some skill was seen to meet."""
        return [guard for need in self._vital.values() if (guard := self._guard(need)) is not None]

    def is_vital(self, fact: str | None) -> bool:
        """Return whether the environment declared the fact a vital need."""
        return fact in self._vital

    def _guard(self, need: VitalNeed) -> Guard | None:
        offers = [
            (-effect.raised / effect.n, known.world_steps, known.skill.name, known.skill, effect.arguments)
            for known in self._skills
            for effect in known.effects
            if effect.fact == need.fact and effect.raised and _direct(known.skill)
        ]
        if not offers:
            return None
        _, _, _, skill, arguments = min(offers, key=lambda offer: offer[:3])
        most = self.most(need.fact)
        enough = need.presses_below + 1 if most is None else float(round((need.presses_below + most) / 2))
        call = Call(name=skill.name, arguments=tuple(sorted(arguments.items())), skill=skill)
        return Guard(fact=need.fact, presses_below=need.presses_below, enough=enough, call=call)

    def _rate(self, call: Call, need: Need) -> float:
        experience = self._memory.of(call.name, dict(call.arguments + call.defaults))
        if experience is None or not experience.succeeded or need.fact is None:
            return 0.0
        if need.kind == "at_most":
            return experience.falls.get(need.fact, 0) / experience.succeeded
        fact = need.fact if need.value is True or need.kind == "at_least" else f"{need.fact}={need.value}"
        return experience.rises.get(fact, 0) / experience.succeeded

    def _naming(self, need: Need, calls: list[Call]) -> list[Call]:
        """Return the calls that name what must be near, if any does: much comes near by mere walking about."""
        if need.near is None:
            return calls
        return [call for call in calls if any(value == need.near for _, value in call.arguments)] or calls

    def _excluded(self, call: Call, need: Need) -> bool:
        """Return whether experience speaks against the call: it lacks the same thing, or succeeded without effect."""
        experience = self._memory.of(call.name, dict(call.arguments + call.defaults))
        if experience is None:
            return False
        if any(Need.of(missing).fact == need.fact and missing.near == need.near for missing in experience.missing):
            return True
        return need.fact is not None and need.kind != "at_most" and experience.succeeded >= 2 and not self._rate(call, need)


def _direct(skill: Skill) -> bool:
    """A guard should be short: skills that call nothing but primitives, or one further skill."""
    return len(skill.calls) <= 1


def _certain(known: Known, call: Call, need: Need) -> bool:
    """Return whether a skill brings something near on purpose, rather than passing by: it names it, or never failed to."""
    if set((need.near or "").split("_")) <= _said(call):
        return True
    return need.kind == "equals" and any(e.fact == need.fact and e.changed == e.n and e.value == need.value for e in known.effects)


def _said(call: Call) -> set[str]:
    return {word for text in [call.name, *(str(value) for _, value in call.arguments)] for word in text.split("_")}


def _offers(known: Known, need: Need) -> list[tuple[Call, bool]]:
    skill = known.skill
    if need.fact is None:
        return []
    if (offer := _declared(skill, need)) is not None:
        return [(offer, False)]
    found: list[tuple[Call, bool]] = []
    for effect in known.effects:
        call = Call(name=skill.name, arguments=tuple(sorted(effect.arguments.items())), skill=skill)
        shown = counted_on(skill.name, effect.arguments, effect.fact, changed=effect.changed, n=effect.n)
        if effect.fact != need.fact or not shown:
            continue
        if need.kind == "at_least" and effect.rise > 0:
            found.append((call, effect.rise < float(need.value)))
        elif need.kind == "equals" and effect.value == need.value:
            found.append((call, False))
    return found[:1]


def _declared(skill: Skill, need: Need) -> Call | None:
    """Return a call by which the contract promises the very amount that is needed."""
    for provision in skill.contract.provides:
        if need.kind != "at_least" or len(provision.parameters) != 1:
            continue
        (parameter,) = provision.parameters
        if provision.check == f"after.{need.fact} >= {parameter}":
            return Call(name=skill.name, arguments=(*sorted(provision.arguments.items()), (parameter, need.value)), skill=skill)
    return None
