"""Carries out a run: assembles the agent, shows what it does, and leaves a summary, however it ends."""

from __future__ import annotations

import time
from typing import Any

from skilllib import __version__
from skilllib.build import Learner, learner, make_embedder, run_name
from skilllib.build.ordering import order, start_worker
from skilllib.cli import ending
from skilllib.cli.display import Display, Full, Plain, Quiet
from skilllib.cli.logbook import Logbook, State
from skilllib.cli.output import emit, stderr, stdout
from skilllib.cli.starting import Start, tape_of
from skilllib.cli.transcript import Transcript
from skilllib.config import LearnOptions
from skilllib.errors import BudgetSpent, ModelError, RunError, SkillLibError
from skilllib.library import SkillLibrary
from skilllib.library.place import located
from skilllib.models import configure_from_environment
from skilllib.report.costs import Cost
from skilllib.report.figures import by_status, composed_share, parameterised_share
from skilllib.runs import RunFolder


def carry_out(start: Start, *, quiet: bool, as_json: bool, show_prompts: bool = False) -> bool:
    """Learn until the run ends; return False if Ctrl-C ended it.

    Raises:
        ModelError: A model gave no reply; the run has its summary, and can be resumed.
        TelemetryMissing: The environment names an exporter of spans that is not installed.
    """
    try:
        configure_from_environment()
    except SkillLibError:
        start.discard()
        raise
    console = stderr() if as_json else stdout()
    transcript = Transcript(tape_of(start.folder, start.options.tape)) if show_prompts else None
    display = Quiet() if quiet else Full(console, transcript) if console.is_terminal else Plain(console, transcript)
    state = State(environment=start.options.environment)
    logbook = Logbook(state, display)
    run = start.opened()
    begun = False
    try:
        if not quiet:
            console.print(f"run {start.folder}, library {located(start.options.library)}, seed {start.options.seed}", style="dim")
        with learner(
            start.taped,
            recorder=logbook,
            run=run_name(start.folder),
            embedder=make_embedder(start.options.embedder),
            new=start.new,
        ) as made:
            begun = True
            _catch_up(made, run, state)
            logbook.begin(run, made.library)
            summary, lost = _learned(made, run, logbook, display, start.options)
            ordered = _ordered(start, made.library)
    except SkillLibError:
        if not begun:
            start.discard()
        raise
    if as_json:
        emit(summary)
    else:
        ending.show(console, summary, list(run.events()), made.environment.spec, start.folder, start.options.library)
    if ordered:
        start_worker(start.options.library, start.folder / "compile.log")
    if lost is not None and not isinstance(lost, BudgetSpent):
        raise lost
    return bool(summary["ended"] != "interrupted")


def _ordered(start: Start, library: SkillLibrary) -> bool:
    """Order weights for skills that have earned them; return whether there are any."""
    if start.options.compile_for is None:
        return False
    decided = order(library, library.skills("active"), base=start.options.compile_for)
    return any(decision.outcome == "promote" for _, decision in decided)


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
    state.spent = Cost(calls=progress.model_calls, tokens=progress.tokens, usd=progress.usd)


def _learned(
    made: Learner, run: RunFolder, logbook: Logbook, display: Display, options: LearnOptions
) -> tuple[dict[str, Any], ModelError | None]:
    """Return the summary, and the error if a model ended the run."""
    earlier, started, ended, lost = _seconds(run), time.monotonic(), "failed", None
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
    except ModelError as error:
        ended, lost = "budget" if isinstance(error, BudgetSpent) else "model", error
    finally:
        why = str(lost) if lost else ""
        summary = {**_summary(made, options, seconds=earlier + time.monotonic() - started), "ended": ended, "why": why}
        run.write_summary(summary)
        logbook("run_ended", reason=ended, why=why, attempts=made.agent.progress.attempts)
    return summary, lost


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


def _summary(made: Learner, options: LearnOptions, *, seconds: float) -> dict[str, Any]:
    skills = made.library.skills()
    shares = composed_share(skills), parameterised_share(made.library)
    summary = made.agent.progress.summary(seed=options.seed, writer=made.agent.writer_name, skills=by_status(skills), shares=shares)
    return {**summary, "seconds": round(seconds, 3), "run": made.agent.run, "version": __version__}
