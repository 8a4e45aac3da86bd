"""What the attempts at a task so far rule out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from skilllib.protocols import Draft
from skilllib.records.base import canonical
from skilllib.records.execution import Attempt, Execution, ProgramError, Step, Trace
from skilllib.records.need import Need
from skilllib.records.program import Program
from skilllib.records.task import Task
from skilllib.records.world import Failure
from skilllib.writer.plan import Call

TRIES = 2
"""How often one draft is tried by a route that needs no model."""
REPEATS = 3
"""How often one program is run when it failed by chance, death or a passing obstacle."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """Everything a writer has to know of earlier attempts, read from the trace."""

    sources: dict[str, int]
    """Source → how often it was run without being proved wrong."""
    final: frozenset[str]
    """Sources that need not be run again."""
    failures: dict[str, int]
    """Key of a call made to provide something → how often it failed, or succeeded without providing it."""
    retryable: frozenset[str]
    """Keys of calls that failed with the word that they may succeed later."""
    short: dict[str, float]
    """Facts of which too little was left at the last call, with how much more to have in hand."""
    useless: frozenset[str]
    """Keys of last calls that succeeded and did not reach the goal."""
    instructive: frozenset[str]
    """Sources whose proof was cut short, so that they may be improved or taken to the end."""
    hindered: bool
    """True if a program failed for reasons that pass, or did not live, so that it should guard itself and persist."""

    @classmethod
    def from_trace(cls, trace: Trace, *, vital: frozenset[str] = frozenset()) -> Tried:
        """Read a trace; `vital` are the facts that the environment declared vital needs."""
        sources: dict[str, int] = {}
        final: set[str] = set()
        failures: dict[str, int] = {}
        retryable: set[str] = set()
        short: dict[str, float] = {}
        useless: set[str] = set()
        instructive: set[str] = set()
        for attempt in trace.attempts:
            source = attempt.program.source
            sources[source] = sources.get(source, 0) + 1
            if attempt.proof is not None and attempt.proof.cut_short:
                instructive.add(source)
            elif not by_chance(attempt):
                final.add(source)
            for key in _failed_providers(attempt):
                failures[key] = failures.get(key, 0) + 1
            retryable |= _retryable(attempt)
            useless |= _useless(attempt)
            for fact, amount in _short(attempt).items():
                short[fact] = short.get(fact, 0.0) + amount
        return cls(
            sources=sources,
            final=frozenset(final),
            failures=failures,
            retryable=frozenset(retryable),
            short=short,
            useless=frozenset(useless),
            instructive=frozenset(instructive),
            hindered=any(_hindered(attempt, vital) for attempt in trace.attempts),
        )

    def exhausted(self, main: Call) -> bool:
        """Return whether a call succeeded as the last step of a program without reaching the goal."""
        return main.key in self.useless

    def cut_short(self, program: Program) -> bool:
        """Return whether a program's proof was cut short and it could not be improved on."""
        return program.source in self.instructive

    def may_run(self, program: Program) -> bool:
        """Return whether a program is new, or failed so far for reasons that may pass."""
        return program.source not in self.final and self.sources.get(program.source, 0) < REPEATS


def _key(step: Step) -> str:
    return f"{step.primitive}({canonical(step.arguments)})"


def by_chance(attempt: Attempt) -> bool:
    """Return whether an attempt failed for what may not happen the next time: the episode ended, or a call failed for now."""
    if attempt.verdict.solved:
        return False
    execution = attempt.execution
    if execution.stopped in ("terminated", "truncated"):
        return True
    failure = execution.error.failure if execution.error else None
    return failure is not None and failure.retry


def may_try(draft: Draft, task: Task, trace: Trace) -> bool:
    """Return whether a draft is new to a trace, or failed by chance only, and not too often."""
    names = {parameter.name for parameter in draft.program.parameters}
    given = {name: value for name, value in {**draft.arguments, **task.arguments()}.items() if name in names}
    same = [
        attempt
        for attempt in trace.attempts
        if attempt.program.source == draft.program.source and given.items() <= attempt.execution.arguments.items()
    ]
    return len(same) < TRIES and all(by_chance(attempt) for attempt in same)


def _failed_step(execution: Execution) -> Step | None:
    """Return the root program's own step that ended it, or None."""
    if execution.error is None or execution.error.kind != "primitive" or not execution.trajectory:
        return None
    last = execution.trajectory[-1]
    return last if last.outcome.failure is not None and not last.within else None


def _failed_providers(attempt: Attempt) -> set[str]:
    """Return the calls that were made to provide something and did not.

    That is the call that failed, unless it was the last of its program, and the call before one that still lacked
    something else than a quantity.
    """
    step = _failed_step(attempt.execution)
    if step is None or step.outcome.failure is None:
        return set()
    found = {_key(step)}
    before = [one for one in attempt.execution.trajectory[:-1] if not one.within and one.outcome.failure is None]
    if before and any(not Need.of(lack).is_quantity for lack in step.outcome.failure.missing):
        found.add(_key(before[-1]))
    return found


def _retryable(attempt: Attempt) -> set[str]:
    step = _failed_step(attempt.execution)
    return {_key(step)} if step and step.outcome.failure and step.outcome.failure.retry else set()


def _trial_errors(attempt: Attempt) -> Iterator[ProgramError]:
    for trial in attempt.proof.trials if attempt.proof else ():
        if trial.error is not None and not trial.solved:
            yield trial.error


def _useless(attempt: Attempt) -> set[str]:
    execution = attempt.execution
    if attempt.verdict.solved or execution.error is not None or execution.stopped is not None or attempt.reuses:
        return set()
    own = [step for step in execution.trajectory if not step.within]
    return {_key(own[-1])} if own and own[-1].outcome.failure is None else set()


def _short(attempt: Attempt) -> dict[str, float]:
    """Return how much more was lacking of each quantity although the program had seen to it."""
    short: dict[str, float] = {}
    step = _failed_step(attempt.execution)
    failures = [step.outcome.failure] if step and step.outcome.failure else []
    failures += [error.failure for error in _trial_errors(attempt) if error.failure is not None and error.skill is None]
    for failure in failures:
        for lack in failure.missing:
            need = Need.of(lack)
            if need.is_quantity and need.fact and _ensured(attempt.program, need.fact):
                short[need.fact] = max(short.get(need.fact, 0.0), float(need.value) - float(lack.have or 0))
    return short


def _ensured(program: Program, fact: str) -> bool:
    return "".join(f"[{key!r}]" for key in fact.split(".")) + " < " in program.source


def _hindered(attempt: Attempt, vital: frozenset[str]) -> bool:
    """Return whether a program met what passes, or lost what it had seen to, or did not live: then it should persist."""
    trials = attempt.proof.trials if attempt.proof else ()
    if attempt.execution.stopped == "terminated" or any(trial.stopped == "terminated" for trial in trials):
        return True
    if attempt.reuses is not None:
        return False
    failures = [error.failure for error in [attempt.execution.error, *_trial_errors(attempt)] if error and error.failure]
    return any(_passes(failure, attempt.program, vital) for failure in failures)


def _passes(failure: Failure, program: Program, vital: frozenset[str]) -> bool:
    lacks = failure.missing
    return failure.retry or any(lack.fact in vital or (lack.fact and _seen_to(program, lack.fact)) for lack in lacks)


def _seen_to(program: Program, fact: str) -> bool:
    return f"if not facts(){''.join(f'[{key!r}]' for key in fact.split('.'))}" in program.source
