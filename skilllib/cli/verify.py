"""`skilllib verify`: run the kept tests again."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, Again, AsJson, Jobs, KeepCallers, LibraryPath, ProofSeed

if TYPE_CHECKING:
    from rich.console import Console

    from skilllib.cli.replay import Result
    from skilllib.library import SkillLibrary
    from skilllib.records.skill import Skill


def verify(  # noqa: PLR0913 - typer reads the options from the signature
    name: Annotated[str | None, typer.Argument(help="One skill; all active ones by default.")] = None,
    library: LibraryPath = DEFAULT_LIBRARY,
    without: Annotated[
        str | None, typer.Option("--without", metavar="CALLEE", help="Replace this callee by a skill that does nothing.")
    ] = None,
    knock_out: Annotated[
        bool, typer.Option("--knock-out", help="Do that for every callee of every skill, and count the skills that fail.")
    ] = False,
    activate: Annotated[
        bool,
        typer.Option("--activate", help="Prove a skill on trial, and those it calls, on fresh worlds too; active if it holds."),
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="With --activate: all skills on trial, callees first.")] = False,
    seed: ProofSeed = 0,
    again: Again = False,
    keep: KeepCallers = None,
    most: Annotated[int | None, typer.Option("--tests", min=1, help="At most so many tests of each skill.")] = None,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Run kept tests again on fresh worlds. With a callee replaced, a skill that still passes does not rest on it.

    With --activate a skill on trial is proved, and what it calls; with --all everything that is on trial. What is active by then
    is passed over, so that the same command goes on after Ctrl-C.

    Exit code 1: a test failed, or something stays on trial; with --without or --knock-out: no skill that was tested needs what it
    calls.
    """
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, stderr, stdout
    from skilllib.cli.replay import Replay

    if (everything or again or seed) and not activate:
        raise typer.BadParameter("--all, --again and --seed go with --activate")
    if everything and name is not None:
        raise typer.BadParameter(f"--all is for all skills on trial; leave out {name!r}, or --all")
    if activate:
        from skilllib.cli.activating import activate_everything, activate_skill

        one = activate_everything if everything else functools.partial(activate_skill, name=name)
        one(library, keep=keep or (), jobs=jobs, seed=seed, again=again, as_json=as_json)
        return
    with reading(library) as opened, Replay(opened, jobs=jobs, most=most) as replay:
        results = []
        with stderr().status("replaying kept tests"):
            for skill, victim in _wanted(opened, name, without, knock_out):
                results.append(replay.run(skill, without=victim))
    summary = _summary(results, knocked=knock_out or without is not None)
    if as_json:
        emit({"results": [_record(result) for result in results], **summary})
    else:
        _print(stdout(), results, summary)
    if not summary["passed"]:
        raise typer.Exit(1)


def _wanted(library: SkillLibrary, name: str | None, without: str | None, knock_out: bool) -> Iterator[tuple[Skill, Skill | None]]:
    from skilllib.cli.replay import callees
    from skilllib.errors import UnknownSkill

    skills = [library.get(name)] if name else list(library.skills("active"))
    if without is not None:
        victim = library.get(without)
        resting = [skill for skill in skills if victim.code_hash in _rests_on(library, skill)]
        if not resting:
            who = repr(name) if name else "no active skill"
            raise UnknownSkill(f"{who} {'does not call' if name else 'calls'} {without!r}; see `skilllib graph`")
        yield from ((skill, victim) for skill in resting)
    elif knock_out:
        yield from ((skill, victim) for skill in skills for victim in callees(library, skill))
    else:
        yield from ((skill, None) for skill in skills)


def _rests_on(library: SkillLibrary, skill: Skill) -> set[str]:
    return {callee.code_hash for callee in library.closure([skill.code_hash])[:-1]}


def _record(result: Result) -> dict[str, object]:
    return {
        "skill": result.skill.name,
        "code_hash": result.skill.code_hash,
        "without": result.without.name if result.without else None,
        "tests": len(result.tests),
        "passed": result.passed,
        "same_changes": result.same,
        "failures": result.reasons(),
    }


def _summary(results: list[Result], *, knocked: bool) -> dict[str, object]:
    """Return what the results come to; `passed` is the answer."""
    skills = {result.skill.code_hash for result in results if result.tests}
    if not knocked:
        untested = [result.skill.name for result in results if not result.tests]
        failed = [result.skill.name for result in results if result.passed < len(result.tests)]
        return {"skills": len(skills), "failed": failed, "untested": untested, "passed": not failed and not untested}
    needing = {result.skill.code_hash for result in results if result.passed < len(result.tests)}
    share = len(needing) / len(skills) if skills else 0.0
    return {"skills": len(skills), "fail_without_a_callee": len(needing), "share": round(share, 4), "passed": bool(needing)}


def _print(console: Console, results: list[Result], summary: dict[str, object]) -> None:
    from rich.text import Text

    from skilllib.cli.output import table

    if not results:
        console.print("No active skill to verify that calls another." if "share" in summary else "No active skill to verify.")
        return
    knocked = "share" in summary
    rows = table("skill", *(["without"] if knocked else []), "passed", "same changes", "why not", right=("passed", "same changes"))
    for result in results:
        good = (result.passed == len(result.tests) and bool(result.tests)) != knocked
        passed = Text(f"{result.passed}/{len(result.tests)}", style="green" if good else "red")
        why = "; ".join(f"{count}x {reason}" for reason, count in result.reasons().items())
        without = [result.without.name if result.without else ""] if knocked else []
        rows.add_row(result.skill.name, *without, passed, str(result.same), why if result.tests else "no test is kept")
    console.print(rows)
    if knocked:
        failing, tested = summary["fail_without_a_callee"], summary["skills"]
        console.print(f"{failing} of {tested} skills that call others fail when one of their callees does nothing.", style="bold")
    else:
        verdict = "All kept tests pass." if summary["passed"] else f"Failed: {summary['failed'] or summary['untested']}"
        console.print(verdict, style="bold green" if summary["passed"] else "bold red")
