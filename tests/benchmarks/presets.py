"""Learns with a language model under several presets, and prints what each reached and what it cost.

    OPENAI_API_BASE=http://127.0.0.1:8123/v1 OPENAI_API_KEY=none \\
        python tests/benchmarks/presets.py crafter --model openai/local --calls 40 --seeds 3 --folder presets

Options that this command does not know, such as `--timeout 300`, are handed to `skilllib learn`. Every run has the same
budget of model calls. Runs that are in the folder already are not made again, so the table can be
printed once more, or more seeds added, without asking a model. What counts as solved is the check's word on what happened
in the world, under every preset, also where a preset itself goes by an opinion. A false accept is an active skill that
solves its own task in less than three of ten fresh worlds that nothing was written or proved in.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from skilllib.build import make_workers
from skilllib.library import SkillLibrary
from skilllib.library.byname import linked_by_name
from skilllib.records.execution import Limits, Trace
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.seeds import world_seed
from skilllib.verifier.check import CheckVerifier
from skilllib.workers import Job, Workers

ARMS: dict[str, list[str]] = {
    "default": [],
    "voyager": ["--preset", "voyager"],
    "no-library": ["--preset", "no-library"],
    "react": ["--preset", "react"],
}
FRESH_WORLDS, LEAST = 10, 0.3


def learned(given: argparse.Namespace, arm: str, seed: int) -> Path:
    """Make one run, unless it was made before, and return its folder."""
    home = Path(given.folder) / f"{arm}-{seed}"
    if (home / "run" / "summary.json").exists():
        return home
    command = [sys.executable, "-m", "skilllib", "learn", given.environment, "--library", f"{home}/library", "--run", f"{home}/run"]
    command += ["--model", given.model, "--seed", str(seed), "--max-calls", str(given.calls), "--max-attempts", str(given.attempts)]
    if (home / "run" / "run.json").exists():
        command = [*command[:8], "--resume"]
    done = subprocess.run([*command, *ARMS[arm], *given.more, "--quiet"], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{arm} {seed}: exit code {done.returncode}: {done.stderr.strip()[-500:]}", file=sys.stderr)
    return home


def figures(home: Path, environment: str) -> dict[str, float]:
    """Return what a run came to, from its library and its summary."""
    summary = json.loads((home / "run" / "summary.json").read_text(encoding="utf-8"))
    with SkillLibrary.open(home / "library") as library, make_workers(environment, {}, jobs=2) as workers:
        traces = [trace for _, trace in library.traces()]
        solved = [trace for trace in traces if truly_solved(trace)]
        free = [trace for trace in solved if not any(attempt.model_calls for attempt in trace.attempts)]
        unwritten = [trace for trace in solved if not calls_for_code(trace)]
        active = library.skills("active")
        rates = [fresh_rate(library, skill, workers) for skill in active]
        wrong = [rate for rate in rates if rate < LEAST]
    goals = len({trace.task.check for trace in solved})
    return {
        "milestones": len(summary["milestones_reached"]),
        "goals": goals,
        "tasks solved": len(solved),
        "calls": summary["model_calls"],
        "calls per solved task": ratio(summary["model_calls"], len(solved)),
        "tokens per solved task": ratio(summary["tokens"], len(solved)),
        "solved without a call": ratio(len(free), len(solved)),
        "solved without a call for code": ratio(len(unwritten), len(solved)),
        "active skills": len(active),
        "false accepts": ratio(len(wrong), len(active)),
        "composed": summary["composed_share"],
    }


def truly_solved(trace: Trace) -> bool:
    """Return whether some attempt of a trace solved the task by its check."""
    return any(holds(trace.task, attempt) for attempt in trace.attempts)


def holds(task: Task, attempt: object) -> bool:
    """Return whether an attempt solved its task by the check."""
    execution = attempt.execution  # type: ignore[attr-defined]
    arguments = {**task.arguments(), **execution.arguments}
    return CheckVerifier().verify(task, execution.model_copy(update={"arguments": arguments})).solved


def calls_for_code(trace: Trace) -> int:
    """Return how many model calls of a trace were for writing programs or for acting."""
    return sum(call.purpose in ("write", "act") for attempt in trace.attempts for call in attempt.model_calls)


def fresh_rate(library: SkillLibrary, skill: Skill, workers: Workers) -> float:
    """Return the share of fresh worlds in which a skill solves the task it was written for; 0 for one that promises nothing."""
    if not skill.contract.provides or skill.program is None:
        return 0.0
    provision = skill.contract.provides[-1]
    values = {name: (value,) for name, value in provision.arguments.items()}
    values |= {p: (default(skill, p),) for p in provision.parameters if p not in values}
    task = Task(id="again", environment=skill.environment, goal=skill.name, check=provision.check, parameters=values)
    names = {parameter.name for parameter in skill.contract.parameters}
    given = {name: value for name, value in {**task.arguments(), **provision.arguments}.items() if name in names}
    closure, calls = linked(library, skill)
    jobs = [
        Job(
            program=skill.program,
            arguments=given,
            closure=closure,
            calls=calls,
            seed=world_seed(9_000 + i, "evaluate", i),
            limits=Limits(),
        )
        for i in range(FRESH_WORLDS)
    ]
    done = workers.run(jobs)
    verify = functools.partial(CheckVerifier().verify, task)
    return sum(verify(e.model_copy(update={"arguments": {**task.arguments(), **given}})).solved for e in done) / len(done)


def linked(library: SkillLibrary, skill: Skill) -> tuple[Sequence[Skill], Mapping[str, str]]:
    """Return what a skill calls, by the library's own law: by name in a flat one, else by version."""
    if library.policy == "opinion":
        return linked_by_name(skill.program.names if skill.program else (), library.skills("active"))
    return library.closure([skill.code_hash])[:-1], {callee.name: callee.code_hash for callee in skill.calls}


def default(skill: Skill, name: str) -> object:
    """Return a value for a parameter of a skill: its default, its first choice, or one."""
    found = next((parameter for parameter in skill.contract.parameters if parameter.name == name), None)
    if found is None:
        return 1
    return found.default if found.default is not None else (found.choices or (1,))[0]


def ratio(part: float, whole: float) -> float:
    """Return a ratio, not a number where there is no whole."""
    return part / whole if whole else float("nan")


def interval(values: list[float]) -> str:
    """Return the mean and the range over seeds as text."""
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return "-"
    return f"{np.mean(known):.2f} ({min(known):.2f}-{max(known):.2f})"


def main() -> None:
    """Make the runs and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment")
    parser.add_argument("--model", required=True)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--attempts", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", nargs="+", default=["default", "voyager", "no-library"], choices=ARMS)
    parser.add_argument("--folder", default="presets")
    given, given.more = parser.parse_known_args()
    found: dict[tuple[str, int], dict[str, float]] = {}
    for seed in range(given.seeds):
        for arm in given.arms:
            found[arm, seed] = figures(learned(given, arm, seed), given.environment)
            print(arm, seed, json.dumps(found[arm, seed]), file=sys.stderr, flush=True)
    columns = list(next(iter(found.values())))
    print(f"| | {' | '.join(given.arms)} |\n|---|{'---|' * len(given.arms)}")
    for column in columns:
        cells = [interval([row[column] for (name, _), row in found.items() if name == arm]) for arm in given.arms]
        print(f"| {column} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
