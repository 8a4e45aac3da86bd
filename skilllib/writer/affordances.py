"""Which calls may be of use for a task, by their words and by what was seen of them: for a model that has to choose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from skilllib.memory import Memory
from skilllib.prompts.shown import clipped
from skilllib.protocols import Embedder
from skilllib.records.execution import Trace
from skilllib.records.experience import CallExperience
from skilllib.records.need import Need
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec
from skilllib.writer.plan import Call, ground_calls
from skilllib.writer.ranking import WordRanking

FOR_GOAL, FOR_LACK = 4, 3
"""Calls that are named for the goal, and for each thing that the last program lacked."""
RISING = ("at_least", "increase")
LACKS = 3
"""Things lacked, and facts raised, that are named."""


class Affordances:
    """Names the calls whose words fit what is wanted, with what executions showed of them.

    Args:
        spec: The environment's specification.
        embedder: For calls that mean the same in other words.
        memory: Experience of calls; kept up to date by the agent.
    """

    def __init__(self, spec: EnvironmentSpec, *, embedder: Embedder, memory: Memory) -> None:
        self._ranking, self._memory = WordRanking(spec, embedder), memory
        self._calls = ground_calls(spec)

    def lines(self, task: Task, trace: Trace) -> list[str]:
        """Return a line for each call that may be of use, the best first."""
        return list(dict.fromkeys(self._lines(task, trace)))

    def _lines(self, task: Task, trace: Trace) -> Iterator[str]:
        check = task.parsed_check()
        conditions = check.conditions() if check else ()
        facts = [*(check.facts() if check else ()), *(f"{c.fact}={c.value}" for c in conditions if c.kind == "equals")]
        goals = [Need(fact=c.fact, kind="at_least") for c in conditions if c.kind in RISING]
        able = [call for call in self._calls if not any(self._lacks(call, goal) for goal in goals)]
        yield from self._best(task.goal, facts, FOR_GOAL, able)
        for missing in trace.attempts[-1].execution.missing() if trace.attempts else ():
            need = Need.of(missing)
            helpful = [call for call in self._calls if not self._lacks(call, need)]
            raised = [missing.fact, f"{missing.fact}={missing.equals}"] if missing.fact else []
            yield from self._best(need.words(), raised, FOR_LACK, helpful)

    def _best(self, wanted: str, facts: Sequence[str], most: int, calls: Sequence[Call]) -> list[str]:
        scores = self._ranking.scores(wanted, calls)
        seen = [self._memory.of(call.name, dict(call.arguments + call.defaults)) for call in calls]
        values = [score + self._share(experience, facts) for score, experience in zip(scores, seen, strict=True)]
        ranked = sorted(range(len(values)), key=lambda i: (-values[i], i))[:most]
        return [_line(calls[i], seen[i]) for i in ranked]

    def _lacks(self, call: Call, need: Need) -> bool:
        """Return whether a call was seen to lack the very thing that it is considered for."""
        experience = self._memory.of(call.name, dict(call.arguments + call.defaults))
        return any(
            _whatever_amount(Need.of(missing)) == _whatever_amount(need) for missing in (experience.missing if experience else ())
        )

    def _share(self, experience: CallExperience | None, facts: Sequence[str]) -> float:
        if experience is None or not experience.succeeded:
            return 0.0
        return max((experience.rises.get(fact, 0) / experience.succeeded for fact in facts), default=0.0)


def _whatever_amount(need: Need) -> Need:
    return need if need.kind == "equals" else replace(need, value=True)


def _line(call: Call, experience: CallExperience | None) -> str:
    if experience is None:
        return f"{call.source()}: not tried yet"
    told = [f"worked {experience.succeeded} of {experience.calls} times"]
    if raised := sorted(experience.rises, key=lambda fact: (-experience.rises[fact], fact))[:LACKS]:
        told.append(f"raised {', '.join(raised)}")
    if lacked := list(dict.fromkeys(missing.words() for missing in experience.missing))[:LACKS]:
        told.append(f"lacked {', or '.join(lacked)}")
    elif experience.messages and experience.succeeded < experience.calls:
        told.append(f"failed with: {clipped(experience.messages[-1])}")
    return f"{call.source()}: {'; '.join(told)}"
