"""Mends a program that failed before anybody is asked to write another one: what it lacked is obtained, or the line is left out."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from skilllib.memory import Memory
from skilllib.protocols import Draft, Embedder, SkillSource, Writer
from skilllib.records.execution import Attempt, ProgramError, Trace
from skilllib.records.need import Need
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec
from skilllib.writer.conditions import rebased, unconditional
from skilllib.writer.plan import Statement, calls_in
from skilllib.writer.planner import Blocked, Planner
from skilllib.writer.providers import Providers, known_skills
from skilllib.writer.ranking import WordRanking
from skilllib.writer.salvage import enough, inserted, statement, without
from skilllib.writer.source import block_source
from skilllib.writer.tried import Tried, may_try

MENDS = 5
"""Programs in a row that are mended from one that was written: each may bring to light one lack more."""


class MendingWriter:
    """Mends what failed, and asks another writer only when nothing is left to mend. None of it costs a call to a model.

    In this order: a program that had done its task when it failed is kept without the rest; one that did nothing is tried
    without its tests; before a line that lacked something comes what provides it, a learned skill or else the calls that were
    seen to, or that bear its words; a line that cannot be helped is left out (deletion is what most often repairs a program:
    GenProg, Le Goues et al. 2012). In the world and in the worlds of a proof alike. It has no memory of its own: what was
    tried is read from the trace.

    A task for which two programs in a row that were written lacked the same thing is set aside: obtaining it is a task of
    its own.

    Args:
        spec: The environment's specification.
        memory: Experience of calls; kept up to date by the agent.
        skills: The library; only its active skills are used.
        embedder: For ranking calls by meaning where words do not decide.
        then: Writes new programs.
        rounds: Attempts with new programs at one task; mended ones do not count. None leaves that to the agent.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        *,
        memory: Memory,
        skills: SkillSource,
        embedder: Embedder,
        then: Writer,
        rounds: int | None = None,
    ) -> None:
        self._spec, self._memory, self._skills, self._then, self._rounds = spec, memory, skills, then, rounds
        self._ranking = WordRanking(spec, embedder)

    def write(self, task: Task, *, skills: Sequence[Skill], trace: Trace) -> Draft | None:
        """Return the last program mended, else what the other writer makes of the task; None when nothing is left to try."""
        for draft in self._mended(task, trace):
            if may_try(draft, task, trace):
                return draft
        written = [attempt for attempt in trace.attempts if attempt.route == "write"]
        if (self._rounds is not None and len(written) >= self._rounds) or _same_lack(written[-2:]):
            return None
        new = self._then.write(task, skills=skills, trace=trace)
        return rebased(new, task) if new is not None else None

    def _mended(self, task: Task, trace: Trace) -> Iterator[Draft]:
        last = trace.attempts[-1] if trace.attempts else None
        if last is None or last.reuses is not None or last.execution.arguments.keys() - task.parameters.keys():
            return  # one that also takes what the task does not give generalises a skill, and is mended with that one
        if (rest := enough(task, last)) is not None:
            yield rest
        if not last.execution.trajectory and not last.verdict.solved:
            yield from _drafts(unconditional(last.program), "without its tests, which were all false")
        base = _base(_line_of_descent(trace))
        error = _fault(base) if base else None
        if base is None or error is None or error.line is None or error.failure is None:
            return
        if error.failure.missing and (before := self._providing(map(Need.of, error.failure.missing), trace)):
            names = ", ".join(dict.fromkeys(call.name for call in calls_in(before)))
            yield from _drafts(inserted(base.program, error.line, block_source(before)), f"{names} before line {error.line}")
        if not base.verdict.solved:
            yield from _drafts(without(base.program, error.line), f"without line {error.line}, which failed")

    def _providing(self, needs: Iterable[Need], trace: Trace) -> tuple[Statement, ...]:
        """Return what sees to needs, as far as anything is known to."""
        known = known_skills(self._skills, self._spec)
        tried = Tried.from_trace(trace, vital=frozenset(need.fact for need in self._spec.vital_needs))
        planner = Planner(
            memory=self._memory,
            providers=Providers(self._spec, self._memory, self._ranking, known),
            failures=tried.failures,
            short=tried.short,
            inline=True,
        )
        found: list[Statement] = []
        for need in needs:
            with suppress(Blocked):
                found.append(planner.ensured(need))
        return tuple(found)


def _fault(attempt: Attempt) -> ProgramError | None:
    """Return where a primitive call of the program itself failed: in the world, or else in a fresh one."""
    trials = attempt.proof.trials if attempt.proof else ()
    errors = [attempt.execution.error, *(trial.error for trial in trials if not trial.solved)]
    return next((e for e in errors if e and e.skill is None and e.failure is not None and e.line is not None), None)


def _line_of_descent(trace: Trace) -> list[Attempt]:
    """Return the last program that was written and those that were mended from it, in order; none where it was mended enough."""
    found: list[Attempt] = []
    for attempt in reversed(trace.attempts):
        found.insert(0, attempt)
        if attempt.route != "adapt" or attempt.reuses is not None:
            break
    return found if len(found) <= MENDS else []


def _base(line: Sequence[Attempt]) -> Attempt | None:
    """Return the program to be mended: the last one in which a line failed that had been written.

    Where what was put in failed itself, it is no base to build on: something else is put in its place, with what that showed.
    """
    written = {ast.unparse(node) for node in ast.walk(line[0].program.function) if isinstance(node, ast.stmt)} if line else set()
    failed = [(attempt, error) for attempt in line if (error := _fault(attempt)) is not None and error.line is not None]
    mendable = [attempt for attempt, error in failed if statement(attempt.program, error.line or 0) in written]
    return mendable[-1] if mendable and line and failed[-1][0] is line[-1] else None


def _drafts(program: Program | None, how: str) -> Iterator[Draft]:
    if program is not None:
        yield Draft(program=program, route="adapt", rationale=f"{program.name} {how}")


def _same_lack(last: Sequence[Attempt]) -> bool:
    """Return whether two programs in a row lacked the same thing: obtaining it is a task of its own, and comes first."""
    lacks = [{Need.of(missing.model_copy(update={"have": None})) for missing in attempt.execution.missing()} for attempt in last]
    return len(lacks) == 2 and bool(lacks[0] & lacks[1])
