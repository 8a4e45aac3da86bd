"""`skilllib list`: what a library holds."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath

if TYPE_CHECKING:
    from skilllib.library import SkillLibrary
    from skilllib.records.skill import Skill
    from skilllib.report.costs import Cost


class StatusName(StrEnum):
    """The statuses, as the command line takes them."""

    trial = "trial"
    active = "active"
    retired = "retired"
    revoked = "revoked"


def list_skills(
    library: LibraryPath = DEFAULT_LIBRARY,
    status: Annotated[StatusName | None, typer.Option("--status", help="Only versions of this status.")] = None,
    as_json: AsJson = False,
) -> None:
    """List all versions of all skills, in the order they were admitted."""
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, policy_note, status_text, stdout, table
    from skilllib.report.costs import recorded, skill_costs

    with reading(library) as opened:
        policy = opened.policy
        skills = opened.skills(status.value if status else None)
        costs: dict[str, Cost] = {}
        for run in dict.fromkeys(skill.provenance.run for skill in skills):
            costs |= skill_costs(opened, run)
        records: list[dict[str, Any]] = [
            skill_record(opened, skill) | {"cost": recorded(costs.get(skill.version_hash))} for skill in skills
        ]
    if as_json:
        emit(records)
        return
    console = stdout()
    if note := policy_note(policy):
        console.print(f"library {str(library)!r}{note}", style="yellow")
    if not records:
        console.print(f"{str(library)!r} holds no {f'{status.value} ' if status else ''}skills yet.")
        return
    numbers = ("v", "solved/trials", "success ≥", "called", "steps", "tokens")
    header = ["name", "v", "status", "solved/trials", "success ≥", "called", "steps", "calls", "description"]
    rows = table(*header, *(["tokens"] if costs else []), right=numbers)
    for record in records:
        rows.add_row(
            str(record["name"]),
            str(record["version"]),
            status_text(str(record["status"])),
            f"{record['successes']}/{record['trials']}",
            f"{record['lower_bound']:.0%}",
            str(record["called"]),
            f"{record['world_steps']:.0f}",
            ", ".join(record["calls"]),
            str(record["description"]),
            *([f"{record['cost']['tokens']:,}" if record["cost"] else ""] if costs else []),
        )
    console.print(rows)


def skill_record(library: SkillLibrary, skill: Skill) -> dict[str, object]:
    """Return a skill and what was counted of it, for JSON."""
    return {
        "name": skill.name,
        "version": skill.version,
        "status": skill.status,
        "code_hash": skill.code_hash,
        "signature": skill.signature(),
        "description": skill.description,
        "environment": skill.environment,
        "calls": [callee.name for callee in skill.calls],
        **library.statistics(skill.code_hash).model_dump(mode="json"),
    }
