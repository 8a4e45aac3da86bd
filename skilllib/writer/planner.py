"""Works backwards from a call: what it lacks, what provides that, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from skilllib.memory import Memory
from skilllib.records.need import Need
from skilllib.writer.plan import Call, Do, Ensure, Statement
from skilllib.writer.providers import Providers

MAX_DEPTH = 3
"""Primitive calls prepared for one another inside one program; longer chains are left to skills of their own."""


MAX_FAILURES = 2
"""Failures after which a call is not made any more to provide something for a task."""


class Blocked(Exception):
    """Nothing that is known provides a need."""

    def __init__(self, need: Need) -> None:
        super().__init__(need.words())
        self.need = need


@dataclass(frozen=True, kw_only=True)
class Planner:
    """Prepares calls: every need that the environment ever named for a call is ensured before it.

    Args:
        memory: What failed calls lacked.
        providers: What provides a need.
        failures: Key of a call → how often it was made for this task to provide something and did not.
        short: Facts of which too little was left when the call came, with how much more to have in hand.
        inline: Obtain quantities by primitive calls too, instead of leaving them to skills.
    """

    memory: Memory
    providers: Providers
    failures: dict[str, int] = field(default_factory=dict)
    short: dict[str, float] = field(default_factory=dict)
    inline: bool = False

    def prepared(self, call: Call, *, above: tuple[Need, ...] = ()) -> tuple[Statement, ...]:
        """Return the statements that ensure what the call needs, without the call itself.

        Raises:
            Blocked: A need that nothing known provides.
        """
        needs = [need for need in self._needs(call) if not any(_same(need, other) for other in above)]
        ensured = [ensure for need in needs for ensure in self._ensured_if_possible(need, above)]
        ordered = _ordered(ensured, self.providers)
        supplies = self._supplies(ordered, above)
        return tuple(self._with_enough([*supplies, *ordered], supplies, above))

    def _needs(self, call: Call) -> list[Need]:
        if call.skill is not None:
            return []
        experience = self.memory.of(call.name, dict(call.arguments + call.defaults))
        strongest: dict[str, Need] = {}
        for missing in experience.missing if experience else ():
            need = Need.of(missing)
            if self.providers.is_vital(need.fact) and need.kind == "at_least":
                continue
            known = strongest.get(_topic(need))
            if known is None or _level(need) > _level(known):
                strongest[_topic(need)] = need
        return list(strongest.values())

    def _ensured_if_possible(self, need: Need, above: tuple[Need, ...]) -> tuple[Ensure, ...]:
        """A fact that is too high may fall by itself; where nothing is known to lower it the call is worth trying anyway."""
        try:
            return (self.ensured(need, above),)
        except Blocked:
            if need.kind != "at_most":
                raise
            return ()

    def ensured(self, need: Need, above: tuple[Need, ...] = ()) -> Ensure:
        """Return the statement that sees to a need; raises `Blocked` when nothing known provides it."""
        if need.near is not None and (simple := self.providers.simply(need)) is not None:
            return Ensure(need=need, body=(Do(call=simple),))
        for call, repeat in self.providers.skills_for(need):
            return Ensure(need=need, body=(Do(call=call),), repeat=repeat)
        if (need.is_quantity and not self.inline) or len(above) >= MAX_DEPTH * (1 + self.inline):
            raise Blocked(need)
        for call in self._untried_first(self.providers.primitives_for(need, self._hints(need))):
            try:
                before = self.prepared(call, above=(*above, need))
            except Blocked:
                continue
            return Ensure(need=need, body=(*before, Do(call=call)), repeat=need.kind == "at_most" or need.is_quantity)
        raise Blocked(need)

    def _untried_first(self, calls: Sequence[Call]) -> list[Call]:
        open_to = [call for call in calls if self.failures.get(call.key, 0) < MAX_FAILURES]
        return sorted(open_to, key=lambda call: self.failures.get(call.key, 0))

    def _hints(self, need: Need) -> Sequence[str]:
        """Return what failures said about a need that no call provides by its name."""
        if need.kind != "at_most":
            return ()
        said = [
            call.messages[-1] for call in self.memory.calls() if call.messages and any(Need.of(m) == need for m in call.missing)
        ]
        return said[:1]

    def _supplies(self, ordered: Sequence[Ensure], above: tuple[Need, ...]) -> list[Ensure]:
        """Return quantities that bringing something near uses up: fetching them then would lose what is near already."""
        quantities = {ensure.need.fact for ensure in ordered if ensure.need.is_quantity}
        near = [ensure for ensure in ordered if ensure.need.near is not None]
        if len(near) < 2:
            return []
        amounts: dict[str, float] = {}
        for ensure in near:
            for statement in ensure.body:
                if isinstance(statement, Do):
                    for fact, amount in self.providers.supplies_of(statement.call).items():
                        amounts[fact] = amounts.get(fact, 0.0) + amount
        needs = [Need(fact=fact, kind="at_least", value=int(amounts[fact])) for fact in sorted(amounts) if fact not in quantities]
        return [ensure for need in needs for ensure in self._if_known(need, above)]

    def _if_known(self, need: Need, above: tuple[Need, ...]) -> list[Ensure]:
        if any(_same(need, other) for other in above):
            return []
        try:
            return [self.ensured(need, above)]
        except Blocked:
            return []

    def _with_enough(self, ensured: Sequence[Ensure], supplies: Sequence[Ensure], above: tuple[Need, ...]) -> list[Statement]:
        """Raise the amounts so that what later steps use up is still there when the call comes."""
        result: list[Statement] = []
        for i, ensure in enumerate(ensured):
            need = ensure.need
            if not need.is_quantity or need.fact is None:
                result.append(ensure)
                continue
            later = [statement.call for other in ensured[i + 1 :] for statement in other.body if isinstance(statement, Do)]
            extra = sum(self.providers.used_by(call, need.fact) for call in later) + self.short.get(need.fact, 0.0)
            result.append(self._at_least(ensure, float(need.value) + extra, above) if extra and ensure not in supplies else ensure)
        return result

    def _at_least(self, ensure: Ensure, amount: float, above: tuple[Need, ...]) -> Ensure:
        assert ensure.need.fact is not None  # noqa: S101 - only called for quantities
        most = self.providers.most(ensure.need.fact)
        need = replace(ensure.need, value=int(amount if most is None else min(amount, most)))
        return self.ensured(need, above) if need.value != ensure.need.value else ensure


def _ordered(ensured: Sequence[Ensure], providers: Providers) -> list[Ensure]:
    """Quantities first, those that others use up last among them; then conditions; nearness last, since walking loses it."""
    quantities = [ensure for ensure in ensured if ensure.need.is_quantity]
    ordered: list[Ensure] = []
    while quantities:
        free = [one for one in quantities if not any(_uses(other, one, providers) for other in quantities if other is not one)]
        chosen = (free or quantities)[0]
        quantities.remove(chosen)
        ordered.append(chosen)
    rest = [ensure for ensure in ensured if not ensure.need.is_quantity]
    return ordered + sorted(rest, key=lambda ensure: ensure.need.near is not None)


def _uses(other: Ensure, one: Ensure, providers: Providers) -> bool:
    fact = one.need.fact or ""
    return any(providers.used_by(statement.call, fact) > 0 for statement in other.body if isinstance(statement, Do))


def _topic(need: Need) -> str:
    return f"{need.fact or need.near}:{need.kind}"


def _level(need: Need) -> float:
    return float(need.value) if isinstance(need.value, int | float) else 0.0


def _same(left: Need, right: Need) -> bool:
    return _topic(left) == _topic(right)
