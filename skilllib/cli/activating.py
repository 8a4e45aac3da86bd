"""Skills on trial are proved here and become active: `verify --activate`, and what a person wrote."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from skilllib.exchange import Activation


def activate_skill(path: str, name: str | None, *, keep: Collection[str], jobs: int, as_json: bool) -> None:
    """Prove a skill and what it calls, callees first; exit code 1 if one of them is not proved."""
    from skilllib.build import proving
    from skilllib.cli.opening import reading
    from skilllib.cli.output import stderr

    if name is None:
        raise typer.BadParameter("--activate needs the NAME of a skill on trial")
    with (
        reading(path, finds=True) as library,
        proving(library, keep=keep, jobs=jobs) as door,
        stderr().status("proving on fresh worlds"),
    ):
        found = list(door.activate(library.get(name)))
    report(name, found, as_json=as_json)


def report(name: str, found: Sequence[Activation], *, as_json: bool) -> None:
    """Say what came of it; exit code 1 if the skill did not become active."""
    from skilllib.cli.output import emit, stdout

    if as_json:
        emit({"skills": [_record(one) for one in found]})
    else:
        for one in found:
            stdout().print(f"{one.skill.name} (version {one.skill.version}): {one.skill.status}; {one.decision.reason}")
            for caller in one.proof.callers if one.skill.status == "active" else ():
                stdout().print(f"  {caller.name} follows: {len(caller.trials)} of its kept tests pass with it")
            for near in one.described_like:
                stdout().print(f"  it {near.how.format(near.skill.name)} (version {near.skill.version}); look whether one will do")
        if not found:
            stdout().print(f"{name} is not on trial.")
    if not found or found[-1].decision.outcome != "promote":
        raise typer.Exit(1)


def _record(one: Activation) -> dict[str, Any]:
    return {
        "name": one.skill.name,
        "version": one.skill.version,
        "status": one.skill.status,
        "code_hash": one.skill.code_hash,
        "outcome": one.decision.outcome,
        "reason": one.decision.reason,
        "lower_bound": one.proof.lower_bound,
        "callers": [caller.name for caller in one.proof.callers],
        "like": one.likeness.skill.name if one.likeness else None,
        "described_like": [near.skill.name for near in one.described_like],
        "offers": list(one.likeness.offers) if one.likeness else [],
    }
