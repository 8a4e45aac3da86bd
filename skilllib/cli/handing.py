"""What becomes of a program that a person wrote: proved, or left on trial with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from skilllib.exchange import Proving
    from skilllib.records.skill import Skill


def proved(door: Proving, skill: Skill, *, as_json: bool) -> None:
    """Prove a skill on trial and say what came of it; exit code 1 if it stays there."""
    from skilllib.cli.activating import report
    from skilllib.cli.output import stderr
    from skilllib.errors import DuplicateSkill, NotVerified

    if skill.status == "active":
        _left(skill, "it is so already", as_json)
    try:
        with stderr().status("proving on fresh worlds"):
            found = list(door.activate(skill))
    except (NotVerified, DuplicateSkill) as error:
        _left(skill, str(error), as_json)
    except KeyboardInterrupt:
        again = f"skilllib verify {skill.name}@{skill.version} --activate"
        stderr().print(f"{skill.name} (version {skill.version}) is on trial; go on with: {again}", soft_wrap=True)
        raise
    report(skill.name, found, door, as_json=as_json)


def _left(skill: Skill, reason: str, as_json: bool) -> None:
    """Say why a skill stays as it is."""
    from skilllib.cli.output import emit, stdout

    if as_json:
        record = {"name": skill.name, "version": skill.version, "status": skill.status, "code_hash": skill.code_hash}
        emit({"skills": [{**record, "outcome": "reject", "reason": reason}]})
    else:
        stdout().print(f"{skill.name} (version {skill.version}): {skill.status}; {reason}")
    raise typer.Exit(1)
