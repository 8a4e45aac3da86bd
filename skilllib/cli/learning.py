"""Carries out a run: assembles the agent, shows what it does, and leaves a summary, however it ends."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from skilllib import __version__
from skilllib.build import Learner, learner, make_embedder, run_name
from skilllib.cli import ending
from skilllib.cli.display import Full, Plain, Quiet
from skilllib.cli.logbook import Logbook, State
from skilllib.cli.output import emit, stderr, stdout
from skilllib.cli.starting import Start
from skilllib.config import LearnOptions
from skilllib.errors import RunError, SkillLibError
from skilllib.report.figures import by_status, composed_share, parameterised_share
from skilllib.runs import RunFolder


def carry_out(start: Start, *, quiet: bool, as_json: bool) -> bool:
    """Learn until the run ends; return False if Ctrl-C ended it."""
    console = stderr() if as_json else stdout()
    display = Quiet() if quiet else Full(console) if console.is_terminal else Plain(console)
    state = State(environment=start.options.environment)
    logbook = Logbook(state, display)
    run = start.opened()
    begun = False
    try:
        if not quiet:
            console.print(f"run {start.folder}, library {start.options.library}, seed {start.options.seed}", style="dim")
        with learner(
            start.options, recorder=logbook, run=run_name(start.folder), embedder=make_embedder(start.options.embedder)
        ) as made:
            begun = True
            _catch_up(made, run, state)
            logbook.begin(run, made.library)
            summary = _learned(made, run, logbook, display, start.options)
    except SkillLibError:
        if not begun:
            start.discard()
        raise
    if as_json:
        emit(summary)
    else:
        ending.show(console, summary, list(run.events()), made.environment.spec, start.folder, Path(start.options.library))
    return bool(summary["ended"] != "interrupted")


def _catch_up(made: Learner, run: RunFolder, state: State) -> None:
    """Bring what is shown, and the event log, to where a resumed run was left.

    An attempt is in the library before it is in the log, so a run that was killed in between lacks its last line.
    """
    written = {event.get("number") for event in run.events() if event["event"] == "attempt"}
    for fields in made.earlier:
        if fields["number"] not in written:
            run("attempt", **fields)
    progress = made.agent.progress
    state.milestones_total = len(made.environment.spec.milestones)
    state.milestones = [str(milestone["milestone"]) for milestone in progress.milestones]
    state.attempts, state.tasks, state.steps = progress.attempts, progress.tasks_proposed, progress.environment_steps


def _learned(
    made: Learner, run: RunFolder, logbook: Logbook, display: Quiet | Plain | Full, options: LearnOptions
) -> dict[str, Any]:
    earlier, started, ended = _seconds(run), time.monotonic(), "failed"
    try:
        with display:
            logbook(
                "run_begun" if not made.agent.progress.attempts else "run_resumed",
                version=__version__,
                attempts=made.agent.progress.attempts,
            )
            made.agent.learn(made.unfinished)
        ended = _reason(made, options, time.monotonic() - started)
    except KeyboardInterrupt:
        ended = "interrupted"
    finally:
        summary = _summary(made, options, seconds=earlier + time.monotonic() - started, ended=ended)
        run.write_summary(summary)
        logbook("run_ended", reason=ended, attempts=made.agent.progress.attempts)
    return summary


def _seconds(run: RunFolder) -> float:
    try:
        return float(run.summary().get("seconds", 0.0))
    except RunError:
        return 0.0


def _reason(made: Learner, options: LearnOptions, seconds: float) -> str:
    progress = made.agent.progress
    if options.max_attempts is not None and progress.attempts >= options.max_attempts:
        return "max_attempts"
    if options.max_steps is not None and progress.environment_steps >= options.max_steps:
        return "max_steps"
    if options.max_seconds is not None and seconds >= options.max_seconds:
        return "max_seconds"
    return "nothing_left"


def _summary(made: Learner, options: LearnOptions, *, seconds: float, ended: str) -> dict[str, Any]:
    skills = made.library.skills()
    shares = composed_share(skills), parameterised_share(made.library)
    summary = made.agent.progress.summary(seed=options.seed, writer=made.agent.writer_name, skills=by_status(skills), shares=shares)
    return {**summary, "seconds": round(seconds, 3), "ended": ended, "run": made.agent.run, "version": __version__}
