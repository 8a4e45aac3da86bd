"""`skilllib rollback`: an earlier version is active again."""

from __future__ import annotations

from typing import Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, Author, Jobs, KeepCallers, LibraryPath, Reason


def rollback(
    name: Annotated[str, typer.Argument(help="The skill; `name@3` for the version to go back to.")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="VERSION", help="Number or hash; by default the one that was active before.")
    ] = None,
    library: LibraryPath = DEFAULT_LIBRARY,
    reason: Reason = "",
    keep: KeepCallers = None,
    author: Author = "",
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Make an earlier version active again, once its kept tests and those of the skills that call it pass with it.

    Exit code 1: a test failed, and everything is as it was.
    """
    from skilllib.build import replayer
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, stderr, stdout

    with reading(library, finds=True) as opened, replayer(opened, jobs=jobs) as replay, stderr().status("running kept tests"):
        entry = opened.rollback(name, to, replay=replay, keep=keep or (), reason=reason, proposer=author or "user")
        skill = opened.version(entry.change.targets[0])
    if as_json:
        record = {"name": skill.name, "version": skill.version, "status": skill.status, "code_hash": skill.code_hash}
        emit({**record, "outcome": entry.decision.outcome, "reason": entry.decision.reason, "entry": entry.number})
    else:
        stdout().print(f"{skill.name} (version {skill.version}): {skill.status}; {entry.decision.reason}")
    if entry.decision.outcome != "promote":
        raise typer.Exit(1)
