"""How each goal stands: tried, reached, set aside, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from skilllib.records.execution import Attempt, Trace
from skilllib.records.need import Need
from skilllib.records.world import EnvironmentSpec, Missing


@dataclass(kw_only=True)
class Standing:
    """What is known of one goal."""

    rounds: int = 0
    """How often it was set as a task."""
    solved: int = 0
    missing: tuple[Need, ...] = ()
    """What stood in the way the last time it was set aside."""
    set_aside_at: int = 0
    """Number of tasks recorded when that was."""
    untried: bool = False
    """True if the writer had nothing to try the last time."""
    promoted: int = 0
    """Number of skills that had become active by then."""
    fruitless: int = 0
    """Rounds in a row without success."""


@dataclass(kw_only=True)
class Record:
    """How all goals stand; follows from the traces alone."""

    standings: dict[str, Standing] = field(default_factory=dict)
    outcomes: dict[str, list[bool]] = field(default_factory=dict)
    """Kind of goal (its first word) → how its tasks went, in order."""
    tasks: int = 0
    promoted: int = 0
    """Skills that became active over these traces: what is new can be told from traces alone, so a resumed run knows it."""

    def add(self, trace: Trace) -> None:
        """Add a trace."""
        self.tasks += 1
        self.promoted += sum(attempt.admitted is not None for attempt in trace.attempts)
        standing = self.standings.setdefault(trace.task.id, Standing())
        standing.rounds += 1
        standing.set_aside_at = self.tasks
        standing.untried, standing.promoted = not trace.attempts, self.promoted
        family = trace.task.goal.split()[0]
        self.outcomes.setdefault(family, []).append(trace.solved)
        if trace.solved:
            standing.solved += 1
            standing.fruitless = 0
            standing.missing = ()
        else:
            standing.fruitless += 1
            standing.missing = tuple(dict.fromkeys(Need.of(missing) for missing in lacked(trace)))

    def of(self, task_id: str) -> Standing:
        """Return how a goal stands; a goal never tried stands at zero."""
        return self.standings.get(task_id, Standing())

    def progress(self, family: str, window: int = 4) -> float:
        """Return the absolute learning progress of a kind of goal: how much its success rate moved, in [0, 1]."""
        outcomes = self.outcomes.get(family, [])
        if len(outcomes) < 2:
            return 0.0
        recent = outcomes[-window:]
        older = outcomes[-2 * window : -window] or outcomes[:1]
        return abs(sum(recent) / len(recent) - sum(older) / len(older))


def lacked(trace: Trace) -> Iterator[Missing]:
    """Yield what failed calls of a trace said was missing, those of re-executions included, but for what time will bring."""
    for attempt in trace.attempts:
        for step in attempt.execution.trajectory:
            if step.outcome.failure is not None and not step.outcome.failure.retry:
                yield from (missing.model_copy(update={"have": None}) for missing in step.outcome.failure.missing)
        yield from _lacked_in_trials(attempt)


def _lacked_in_trials(attempt: Attempt) -> Iterator[Missing]:
    for trial in attempt.proof.trials if attempt.proof else ():
        if trial.error is not None and trial.error.failure is not None and not trial.error.failure.retry:
            yield from (missing.model_copy(update={"have": None}) for missing in trial.error.failure.missing)


def pressing(spec: EnvironmentSpec, facts: dict[str, object]) -> list[str]:
    """Return the vital facts that press now, the most urgent first."""
    from skilllib.records.facts import lookup

    levels = [
        (float(value) - need.presses_below, need.fact)
        for need in spec.vital_needs
        if (value := lookup(facts, need.fact)) is not None
    ]
    return [fact for level, fact in sorted(levels) if level < 0]
