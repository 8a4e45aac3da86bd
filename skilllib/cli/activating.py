"""Skills on trial are proved here and become active: `verify --activate`, and what a person wrote."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from skilllib.exchange import Activation, Proving


def activate_skill(path: str, name: str | None, *, keep: Collection[str], jobs: int, seed: int, again: bool, as_json: bool) -> None:
    """Prove a skill and what it calls, callees first; exit code 1 if one of them is not proved."""
    from skilllib.build import proving
    from skilllib.cli.opening import reading
    from skilllib.cli.output import stderr

    if name is None:
        raise typer.BadParameter("--activate needs the NAME of a skill on trial, or --all")
    with (
        reading(path, finds=True) as library,
        proving(library, keep=keep, jobs=jobs, seed=seed, again=again) as door,
        stderr().status("proving on fresh worlds"),
    ):
        found = list(door.activate(library.get(name)))
    report(name, found, door, as_json=as_json)


def activate_everything(path: str, *, keep: Collection[str], jobs: int, seed: int, again: bool, as_json: bool) -> None:
    """Prove all that is on trial, callees first, and say of each what came of it; exit code 1 if something stays on trial."""
    from skilllib.build import proving
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, stderr, stdout
    from skilllib.exchange import activate_all, waiting

    found: list[Activation] = []
    with reading(path, finds=True) as library, proving(library, keep=keep, jobs=jobs, seed=seed, again=again) as door:
        skills = waiting(library)
        try:
            with _bar(len(skills)) as (console, advance):
                for some in activate_all(door, skills):
                    found += some
                    for one in () if as_json else some:
                        _print(console, one, door)
                    advance()
        except KeyboardInterrupt:
            active = sum(one.skill.status == "active" for one in found)
            stderr().print(f"{active} became active; the same command goes on with the others", soft_wrap=True)
            raise
    left = sum(one.skill.status != "active" for one in found)
    if as_json:
        emit({"skills": [_record(one, door) for one in found], "active": len(found) - left, "on_trial": left})
    else:
        stdout().print(_summary(found), style="bold")
    if left:
        raise typer.Exit(1)


def report(name: str, found: Sequence[Activation], door: Proving, *, as_json: bool) -> None:
    """Say what came of it; exit code 1 if the skill did not become active."""
    from skilllib.cli.output import emit, stdout

    if as_json:
        emit({"skills": [_record(one, door) for one in found]})
    else:
        for one in found:
            _print(stdout(), one, door)
        if not found:
            stdout().print(f"{name} is not on trial.")
    if not found or found[-1].decision.outcome != "promote":
        raise typer.Exit(1)


def remedy(one: Activation, door: Proving) -> str:
    """Return what can be done where a skill was not proved; empty where it was, or where the reason says it."""
    skill, codes = one.skill, one.decision.codes
    ref = f"{skill.name}@{skill.version}"
    keeping = "".join(f" --keep {name}" for name in door.keep)
    # What only this command knows, such as the values of parameters, is to be given again.
    verify = "the same command and" if door.values else f"skilllib verify {ref} --activate{keeping}"
    if one.decision.outcome != "reject":
        return ""
    if "caller_fails" in codes:
        caller = one.proof.callers[-1].name if one.proof.callers else "CALLER"
        return f"mend it with: skilllib edit {ref}; or let that caller keep the version it calls, with: {verify} --keep {caller}"
    if "kept_test_fails" in codes:
        return f"mend it with: skilllib edit {ref}"
    if "not_proven" in codes:
        return f"mend it with: skilllib edit {ref}; or have other worlds drawn, with: {verify} --again --seed {door.seed + 1}"
    return f"prove it all the same with: {verify} --again" if one.proof.rejected_in is not None else ""


@contextmanager
def _bar(total: int) -> Iterator[tuple[Console, Callable[[], None]]]:
    """Give where lines are printed, and what moves a bar on standard error on by one; no bar where nobody looks."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from skilllib.cli.output import stderr, stdout

    columns = (TextColumn("proving on fresh worlds"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr(), transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("", total=total)
        together = progress.console.is_terminal and sys.stdout.isatty()  # there the lines go above the bar
        yield progress.console if together else stdout(), lambda: progress.advance(task)


def _print(console: Console, one: Activation, door: Proving) -> None:
    console.print(f"{one.skill.name} (version {one.skill.version}): {one.skill.status}; {one.decision.reason}", soft_wrap=True)
    for caller in one.proof.callers if one.skill.status == "active" else ():
        console.print(f"  {caller.name} follows: {len(caller.trials)} of its kept tests pass with it")
    for near in one.described_like:
        console.print(f"  it {near.how.format(near.skill.name)} (version {near.skill.version}); look whether one will do")
    if todo := remedy(one, door):
        console.print(f"  {todo}", soft_wrap=True)


def _summary(found: Sequence[Activation]) -> str:
    left = sum(one.skill.status != "active" for one in found)
    if not found:
        return "Nothing on trial waits to become active."
    return f"{len(found) - left} became active, {left} {'stays' if left == 1 else 'stay'} on trial."


def _record(one: Activation, door: Proving) -> dict[str, Any]:
    return {
        "name": one.skill.name,
        "version": one.skill.version,
        "status": one.skill.status,
        "code_hash": one.skill.code_hash,
        "outcome": one.decision.outcome,
        "reason": one.decision.reason,
        "remedy": remedy(one, door),
        "lower_bound": one.proof.lower_bound,
        "callers": [caller.name for caller in one.proof.callers],
        "like": one.likeness.skill.name if one.likeness else None,
        "described_like": [near.skill.name for near in one.described_like],
        "offers": list(one.likeness.offers) if one.likeness else [],
    }
