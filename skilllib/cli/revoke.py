"""`skilllib revoke`: a skill is forbidden from the next call on."""

from __future__ import annotations

from typing import Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, Author, LibraryPath


def revoke(
    name: Annotated[str, typer.Argument(help="The skill, as in `show`; `name@3` for one version.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why, for whoever meets it.")],
    library: LibraryPath = DEFAULT_LIBRARY,
    author: Author = "",
    as_json: AsJson = False,
) -> None:
    """Forbid a skill in every process; the active skills that rest on it go on trial.

    Only a fresh proof undoes it: `skilllib verify NAME@VERSION --activate`.
    """
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, stdout

    with reading(library) as opened:
        found = opened.revoke(name, reason, proposer=author or "user")
        callers = [opened.version(code_hash) for code_hash in found.callers]
    if as_json:
        emit(
            {
                "name": found.skill.name,
                "version": found.skill.version,
                "code_hash": found.skill.code_hash,
                "entry": found.entry.number,
                "callers": [{"name": one.name, "version": one.version, "code_hash": one.code_hash} for one in callers],
                "runs": list(found.runs),
                "traces": list(found.traces),
            }
        )
        return
    console = stdout()
    console.print(f"{found.skill.name} (version {found.skill.version}) is revoked: {reason}")
    named = ", ".join(f"{one.name}@{one.version}" for one in callers)
    console.print(f"On trial with it: {named}" if named else "No active skill rests on it.")
    if found.runs:
        console.print(f"It was executed in {len(found.traces)} tasks of these runs: {', '.join(found.runs)}")
