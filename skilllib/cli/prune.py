"""`skilllib prune`: what is of no use is proposed for retirement."""

from __future__ import annotations

from typing import Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath


def prune(
    names: Annotated[list[str] | None, typer.Argument(help="Of the skills that are proposed, these alone.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Retire them; a retired skill can be rolled back.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Keep them; they are not proposed again.")] = False,
    library: LibraryPath = DEFAULT_LIBRARY,
    as_json: AsJson = False,
) -> None:
    """Propose skills for retirement: never called though often offered, failing, or outdone by another. Deletes nothing."""
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, stdout, table
    from skilllib.errors import InvalidRecord, UnknownSkill

    if apply and reject:
        raise InvalidRecord("--apply and --reject contradict each other; name one")
    with reading(library) as opened:
        proposed = opened.prunable()
        if missing := sorted(set(names or ()) - {one.skill.name for one in proposed}):
            raise UnknownSkill(f"{missing[0]!r} is not proposed for retirement; see `skilllib prune`")
        proposed = tuple(one for one in proposed if not names or one.skill.name in names)
        if apply or reject:
            opened.prune(proposed, accepted=apply)
    if as_json:
        done = "retired" if apply else "kept" if reject else "proposed"
        emit(
            [
                {"name": one.skill.name, "why": one.why, "reason": one.reason, "figures": dict(one.figures), "done": done}
                for one in proposed
            ]
        )
        return
    console = stdout()
    rows = table("skill", "v", "why", "reason", right=("v",))
    for one in proposed:
        rows.add_row(one.skill.name, str(one.skill.version), one.why, one.reason)
    console.print(rows if proposed else "Nothing is proposed for retirement.")
    if proposed:
        told = (
            "retired"
            if apply
            else "kept; not proposed again"
            if reject
            else "proposed; retire them with --apply, keep them with --reject"
        )
        console.print(f"{len(proposed)} {told}.", style="bold")
