"""What a proposed task must pass before it costs anything: a check that can tell success from doing nothing."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from skilllib.errors import InvalidCheck
from skilllib.memory import Memory
from skilllib.records.base import Json
from skilllib.records.check import Check, Condition
from skilllib.records.facts import Facts, lookup
from skilllib.records.world import EnvironmentSpec

ENOUGH = 3
"""Different primitives that must have succeeded before it is said that something happens whatever is done."""


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """Tells what is wrong with a check.

    Args:
        spec: The environment's specification; its schema bounds every fact.
        memory: Experience of calls; tells what happens whatever is done.
        starts: Facts at the beginning of episodes; what holds there holds without doing anything.
    """

    spec: EnvironmentSpec
    memory: Memory
    starts: Sequence[Facts] = ()

    def problem(self, check: str, facts: Facts) -> str | None:
        """Return why a check is refused, in words for who wrote it, or None.

        Args:
            check: The expression.
            facts: The facts now.
        """
        try:
            parsed = Check(check)
        except InvalidCheck as error:
            return str(error)
        return self._unknown(parsed) or self._idle(parsed, facts) or self._impossible(parsed, facts) or self._worthless(parsed)

    def _unknown(self, check: Check) -> str | None:
        known = self.spec.fact_types()
        for path in check.facts():
            if path not in known and not any(
                path.startswith(f"{fact}.") for fact, schema in known.items() if _type(schema) == "object"
            ):
                near = ", ".join(_near(path, list(known)))
                return f"there is no fact {path!r}" + (f"; there is {near}" if near else "; use the names of the list")
        return None

    def _idle(self, check: Check, facts: Facts) -> str | None:
        """Return what is wrong if doing nothing satisfies the check."""
        if not _speaks_of_after(check.source):
            return "it says nothing about `after`, so nothing that is done can make it true"
        if check.holds(facts, facts):
            return "it is true already, before anything is done; ask for more, or for a change against `before`"
        if any(check.holds(start, start) for start in self.starts):
            return "it was true at the beginning of an episode, before anything was done; ask for a change against `before`"
        return None

    def _impossible(self, check: Check, facts: Facts) -> str | None:
        """Return what is wrong if the schema says that the check never holds."""
        types, bounds = self.spec.fact_types(), dict[str, list[float]]()
        for condition in check.conditions():
            schema = types.get(condition.fact, {})
            if reason := _never(condition, schema) or self._exhausted(condition, schema, facts):
                return reason
            low, high = bounds.setdefault(condition.fact, [float("-inf"), float("inf")])
            number = condition.value if isinstance(condition.value, int | float) else None
            if number is not None and condition.kind in ("at_least", "equals"):
                low = max(low, number)
            if number is not None and condition.kind in ("at_most", "equals"):
                high = min(high, number)
            bounds[condition.fact] = [low, high]
            if low > high:
                return f"it asks two things of {condition.fact} that exclude each other"
        return None

    def _exhausted(self, condition: Condition, schema: Mapping[str, Json], facts: Facts) -> str | None:
        """Return what is wrong if a fact would have to rise above its maximum, now and wherever an episode began."""
        most = schema.get("maximum")
        if condition.kind != "increase" or most is None or not isinstance(condition.value, int | float):
            return None
        levels = [level for known in (facts, *self.starts) if isinstance(level := lookup(known, condition.fact), int | float)]
        if levels and all(level + condition.value > most for level in levels):
            return f"{condition.fact} has its maximum {most} already and cannot rise"
        return None

    def _worthless(self, check: Check) -> str | None:
        """Return what is wrong if nobody needs to learn how to make the check true, or should not."""
        conditions = check.conditions()
        vital = {need.fact for need in self.spec.vital_needs}
        for condition in conditions:
            if condition.fact in vital and condition.kind in ("decrease", "at_most"):
                return f"{condition.fact} has to be kept up to live; never ask for less of it"
        if conditions and all(self._happens(condition) for condition in conditions):
            return f"{conditions[0].fact} changes whatever is done; ask for something that takes skill"
        return None

    def _happens(self, condition: Condition) -> bool:
        """Return whether more than half of all kinds of calls were seen to move a fact that way."""
        up = condition.kind in ("increase", "at_least")
        if condition.kind == "equals":
            return False
        seen: dict[str, bool] = {}
        for call in self.memory.calls():
            if call.succeeded and not call.name.startswith("skill:"):
                moved = bool((call.rises if up else call.falls).get(condition.fact))
                seen[call.name] = seen.get(call.name, False) or moved
        return len(seen) >= ENOUGH and sum(seen.values()) * 2 > len(seen)


def _never(condition: Condition, schema: Mapping[str, Json]) -> str | None:
    """Return why the schema of its fact excludes a condition, or None."""
    fact, value, kind = condition.fact, condition.value, _type(schema)
    if condition.kind == "equals":
        return _never_equal(fact, value, schema)
    if kind not in ("integer", "number", "boolean", ""):
        return f"{fact} is a {kind}, not a number; compare it with == and one of {list(schema.get('enum', ()))}"
    if not isinstance(value, int | float):
        return None
    if condition.kind == "at_least" and (most := _bound(schema, "maximum")) is not None and value > most:
        return f"{fact} is never more than {most}"
    if condition.kind == "at_most" and (least := _bound(schema, "minimum")) is not None and value < least:
        return f"{fact} is never less than {least}"
    return None


def _never_equal(fact: str, value: Json, schema: Mapping[str, Json]) -> str | None:
    if "enum" in schema and value not in schema["enum"]:
        return f"{fact} is one of {list(schema['enum'])}, never {value!r}"
    kinds = {"integer": int | float, "number": int | float, "boolean": int, "string": str}
    expected = kinds.get(_type(schema))
    if expected is not None and not isinstance(value, expected):
        return f"{fact} is of type {_type(schema)}, never {value!r}"
    if isinstance(value, int | float):
        most, least = _bound(schema, "maximum"), _bound(schema, "minimum")
        if (most is not None and value > most) or (least is not None and value < least):
            return f"{fact} is never {value}"
    return None


def _type(schema: Mapping[str, Json]) -> str:
    """Return the one type of a fact, or nothing where it may have several."""
    kind = schema.get("type", "")
    return kind if isinstance(kind, str) else ""


def _bound(schema: Mapping[str, Json], side: str) -> float | None:
    if _type(schema) == "boolean":
        return {"maximum": 1, "minimum": 0}[side]
    return schema.get(side)


def _speaks_of_after(check: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "after" for node in ast.walk(ast.parse(check, mode="eval")))


def _near(path: str, known: Sequence[str]) -> Iterator[str]:
    """Yield known facts that may have been meant: those with the same last word, then those spelled alike."""
    leaf = path.rsplit(".", 1)[-1]
    same = [fact for fact in known if fact.rsplit(".", 1)[-1] == leaf or (leaf and leaf in fact.rsplit(".", 1)[-1].split("_"))]
    yield from dict.fromkeys([*same, *difflib.get_close_matches(path, known, n=3)][:3])
