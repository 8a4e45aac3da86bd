"""Honing: tasks that exercise skills which are untested somewhere, weak, or unused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from skilllib.protocols import SkillSource
from skilllib.records.base import Scalar
from skilllib.records.check import Check
from skilllib.records.skill import Provision, Skill
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Parameter

WEAK = 0.6
"""Lower bound of the success rate under which a skill is worth another look."""
VALUES = 3
"""Untested values of one parameter in one task."""
ROUNDS = 2
"""How often the same exercise is set."""


@dataclass(frozen=True)
class Honing:
    """Chooses exercises for active skills, the least tested first.

    Args:
        spec: The environment's specification.
        skills: The library.
        share: Of all tasks, how many are exercises.
    """

    spec: EnvironmentSpec
    skills: SkillSource
    share: float = 0.2

    def due(self, tasks: int) -> bool:
        """Return whether the task after so many tasks is to be an exercise."""
        return int((tasks + 1) * self.share) > int(tasks * self.share)

    def propose(self, rounds: Callable[[Task], int]) -> Task | None:
        """Return the next exercise, or None when there is nothing to hone.

        Args:
            rounds: How often a task was set before.
        """
        found = [(rounds(task), rank, task.id, task) for rank, task in self._exercises() if rounds(task) < ROUNDS]
        return min(found, key=lambda one: one[:3])[-1] if found else None

    def _exercises(self) -> Iterator[tuple[float, Task]]:
        for skill in self.skills.skills("active"):
            if skill.program is None or skill.environment not in ("", self.spec.name):
                continue
            statistics = self.skills.statistics(skill.code_hash)
            for i, provision in enumerate(skill.contract.provides):
                if provision.parameters:
                    untested = self._untested(skill, provision)
                    if all(untested.values()):
                        yield 0.0, self._task(skill, provision, f"{i}:{_words(untested)}", untested)
                elif statistics.lower_bound < WEAK:
                    yield 1.0 + statistics.lower_bound, self._task(skill, provision, str(i), {})
                elif not statistics.called:
                    yield 2.0, self._task(skill, provision, str(i), {})

    def _task(self, skill: Skill, provision: Provision, number: str, values: dict[str, tuple[Scalar, ...]]) -> Task:
        fixed = {name: (value,) for name, value in provision.arguments.items()}
        words = _words({**fixed, **values})
        return Task(
            id=f"hone:{skill.name}:{number}",
            environment=self.spec.name,
            goal=f"{skill.name.replace('_', ' ')}{f' with {words}' if words else ''}",
            check=provision.check,
            parameters=values,
        )

    def _untested(self, skill: Skill, provision: Provision) -> dict[str, tuple[Scalar, ...]]:
        """Return for every parameter a check speaks of values with which no proof has tested it."""
        tested: dict[str, set[Scalar]] = {name: set() for name in provision.parameters}
        for effect in self.skills.effects(skill.code_hash):
            for name in tested:
                if name in effect.arguments:
                    tested[name].add(effect.arguments[name])
        declared = {parameter.name: parameter for parameter in skill.contract.parameters}
        return {
            name: self._values(declared[name], provision, tested[name]) if name in declared else () for name in provision.parameters
        }

    def _values(self, parameter: Parameter, provision: Provision, tested: set[Scalar]) -> tuple[Scalar, ...]:
        if parameter.choices is not None:
            return tuple(choice for choice in parameter.choices if choice not in tested)[:VALUES]
        numbers = [value for value in tested if isinstance(value, int) and not isinstance(value, bool)]
        if parameter.type != "integer" or not numbers:
            return ()
        most = min(self._most(parameter, provision), 2 * max(numbers))
        least = int(parameter.minimum) if parameter.minimum is not None else 1
        return tuple(value for value in range(most, least - 1, -1) if value not in tested)[:VALUES]

    def _most(self, parameter: Parameter, provision: Provision) -> int:
        """Return the largest value that makes sense: the parameter's own, or that of a fact it is compared with."""
        types = self.spec.fact_types()
        conditions = Check(provision.check, parameters=frozenset(provision.parameters)).conditions()
        facts = [types.get(c.fact, {}).get("maximum") for c in conditions if c.value == f"${parameter.name}"]
        bounds = [bound for bound in (parameter.maximum, *facts) if bound is not None]
        return int(min(bounds, default=2**31))


def _words(values: dict[str, tuple[Scalar, ...]]) -> str:
    return ", ".join(f"{name} {' or '.join(map(str, some))}" for name, some in values.items())
