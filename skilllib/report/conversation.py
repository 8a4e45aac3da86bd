"""Gathers what models were asked in a run, attempt by attempt, with the texts that stand on its tape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from skilllib.errors import SkillLibError
from skilllib.library import SkillLibrary
from skilllib.models.tape import TapeFile
from skilllib.records.execution import Attempt, Trace
from skilllib.records.model import ModelCall, Reply, Request
from skilllib.report.costs import Cost, cost

IN_FULL = 200
"""Calls, the newest ones, whose prompts and replies are shown."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """One attempt, or a task for which nothing was tried, with its calls to models."""

    number: int | None
    """Of the attempt; None where nothing was tried."""
    task: str
    goal: str
    route: str = ""
    program: str = ""
    solved: bool = False
    steps: int = 0
    """World steps, those of its proof included."""
    calls: tuple[ModelCall, ...] = ()

    @cached_property
    def cost(self) -> Cost:
        """What its calls cost."""
        return cost(self.calls)


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Everything models were asked in a run."""

    rounds: Sequence[Round] = ()
    texts: Mapping[str, tuple[Request, Reply]] = field(default_factory=dict)
    """Hash of a request → what was asked and answered, for the newest calls."""
    tape: Path | None = None
    fault: str = ""
    """Why the tape could not be read, if it could not."""

    @property
    def calls(self) -> list[ModelCall]:
        """All calls, in order."""
        return [call for one in self.rounds for call in one.calls]


def conversation(library: SkillLibrary, run: str, tape: Path, events: Sequence[Mapping[str, Any]] = ()) -> Conversation:
    """Return what models were asked in a run; nothing if it had none.

    Args:
        library: Has the run's traces.
        run: Name of the run.
        tape: Has the texts.
        events: The run's log; calls after the last attempt stand only there.
    """
    rounds = [one for _, trace in library.traces(run) for one in _rounds(trace)] + _unfinished(events)
    wanted = [call.request for one in rounds for call in one.calls][-IN_FULL:]
    if not wanted:
        return Conversation()
    try:
        with TapeFile(tape) as opened:
            texts = {request: found for request in wanted if (found := opened.get(request)) is not None}
    except SkillLibError as error:
        return Conversation(rounds=rounds, tape=tape, fault=f"{type(error).__name__}: {error}")
    return Conversation(rounds=rounds, texts=texts, tape=tape)


def task_costs(said: Conversation) -> dict[str, Cost]:
    """Return task → what all rounds of it cost; empty if no model was asked."""
    found: dict[str, Cost] = {}
    for one in said.rounds if said.calls else ():
        found[one.task] = found.get(one.task, Cost()) + one.cost
    return found


def _rounds(trace: Trace) -> list[Round]:
    task, goal = trace.task.id, trace.task.goal
    made = [
        Round(
            task=task,
            goal=goal,
            number=attempt.number,
            route=attempt.route,
            program=attempt.program.name,
            solved=attempt.solved,
            steps=attempt.execution.world_steps + attempt.steps_choosing + _proving(attempt),
            calls=attempt.model_calls,
        )
        for attempt in trace.attempts
    ]
    return [*made, Round(task=task, goal=goal, number=None, calls=trace.model_calls)] if trace.model_calls else made


def _unfinished(events: Sequence[Mapping[str, Any]]) -> list[Round]:
    """Return the calls that belong to no attempt yet, as a round of the task that was set last."""
    task, calls = dict[str, Any](), list[ModelCall]()
    for event in events:
        kind = event.get("event")
        if kind == "model_call":
            calls.append(ModelCall.model_validate({key: event[key] for key in ModelCall.model_fields if key in event}))
        elif kind in ("attempt", "run_begun", "run_resumed") or (kind == "task_done" and not event.get("attempts")):
            calls = []
        elif kind == "task":
            task = dict(event)
    return [Round(number=None, task=str(task.get("task", "")), goal=str(task.get("goal", "")), calls=tuple(calls))] if calls else []


def _proving(attempt: Attempt) -> int:
    return sum(trial.world_steps for trial in attempt.proof.trials) if attempt.proof else 0
