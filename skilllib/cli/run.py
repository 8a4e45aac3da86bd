"""`skilllib run`: execute a skill in a fresh world and see what it does."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, EnvironmentOption, LibraryPath

if TYPE_CHECKING:
    from skilllib.records.execution import Execution
    from skilllib.records.skill import Skill


def run(  # noqa: PLR0913 - typer reads the options from the signature
    name: Annotated[str, typer.Argument(help="The skill.")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Its arguments.")] = None,
    env: Annotated[str | None, typer.Option("--env", help="The environment; by default the one it was learned in.")] = None,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Seed of the world.")] = 0,
    library: LibraryPath = DEFAULT_LIBRARY,
    gif: Annotated[
        Path | None, typer.Option("--gif", help="Write a moving picture with one frame for each primitive call.")
    ] = None,
    trial: Annotated[bool, typer.Option("--trial", help="Run it though it is on trial; what it calls must be proved.")] = False,
    option: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Run a skill in a fresh world, in the sandbox, and show its calls and what they changed."""
    from skilllib.build import make_world
    from skilllib.cli import opening, performing
    from skilllib.cli.options import json_pairs, pairs
    from skilllib.cli.output import emit, stderr, stdout, write_file
    from skilllib.cli.values import bound
    from skilllib.records.facts import changes
    from skilllib.report.costs import recorded, skill_costs

    with opening.reading(library) as opened:
        skill = opened.get(name)
        given = bound(skill, pairs(arguments, "the argument"))
        closure = opened.linked(skill, trial=trial).closure
        learned = opened.conditions(skill)
        options = {**learned.environment_options, **json_pairs(option, "the environment option")}
        cost = skill_costs(opened, skill.provenance.run).get(skill.version_hash)
        guard = opened.guard()
    watch = performing.Camera() if gif else None
    world = make_world(env or skill.environment, options)
    with contextlib.closing(guard):
        execution = performing.perform(skill, given, closure, world, seed=seed, limits=learned.limits, camera=watch, guard=guard)
    if watch is not None and gif is not None:
        write_file(gif, watch.gif())
    if as_json:
        emit({**_record(skill, execution, seed), "cost": recorded(cost)})
    else:
        _print(skill, execution, seed, changes(execution.before.facts, execution.after.facts))
        if cost:
            stdout().print(f"learning it cost {cost}", style="dim")
    if gif is not None:
        stderr().print(f"wrote {gif}: {len(watch.frames) if watch else 0} frames")
    if execution.error is not None:
        raise typer.Exit(1)


def _record(skill: Skill, execution: Execution, seed: int) -> dict[str, object]:
    from skilllib.records.facts import changes

    return {
        "skill": skill.name,
        "code_hash": skill.code_hash,
        "seed": seed,
        "arguments": execution.arguments,
        "steps": [step.model_dump(mode="json") for step in execution.trajectory],
        "skill_calls": [call.model_dump(mode="json") for call in execution.skill_calls],
        "changes": {fact: list(pair) for fact, pair in changes(execution.before.facts, execution.after.facts).items()},
        "error": execution.error.model_dump(mode="json") if execution.error else None,
        "stopped": execution.stopped,
        "world_steps": execution.world_steps,
        "seconds": round(execution.seconds, 3),
    }


def _print(skill: Skill, execution: Execution, seed: int, changed: dict[str, tuple[object, object]]) -> None:
    from rich.text import Text

    from skilllib.cli.output import arguments_text, change_text, stdout
    from skilllib.cli.performing import tree

    console = stdout()
    console.print(tree(f"{skill.name}({arguments_text(execution.arguments)})", execution))
    console.print(Text("changed: ", style="bold").append(change_text(changed, 40) or "nothing"))
    count = len(execution.trajectory)
    console.print(
        f"{count} calls, {execution.world_steps} world steps, {execution.seconds:.2f} s, world of seed {seed}", style="dim"
    )
    if execution.stopped:
        console.print(f"stopped: {execution.stopped}", style="yellow")
    if execution.error is not None:
        where = f" at line {execution.error.line}" if execution.error.line else ""
        within = f" of {execution.error.skill}" if execution.error.skill else ""
        console.print(Text(f"failed ({execution.error.kind}){where}{within}: {execution.error.message}", style="red"))
