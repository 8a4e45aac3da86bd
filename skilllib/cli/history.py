"""`skilllib history`: every change of a skill, and what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath

if TYPE_CHECKING:
    from rich.table import Table

    from skilllib.library import SkillLibrary
    from skilllib.records.ledger import LedgerEntry


def history(
    name: Annotated[str, typer.Argument(help="The skill; `name@3` for one version.")],
    library: LibraryPath = DEFAULT_LIBRARY,
    as_json: AsJson = False,
) -> None:
    """Show every change of any version of a skill, or of one, oldest first: who proposed it, what was decided and why."""
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, stdout

    with reading(library) as opened:
        entries = opened.history(name)
        if as_json:
            emit([entry.model_dump(mode="json") | {"versions": _versions(opened, entry)} for entry in entries])
        else:
            stdout().print(entries_table(opened, entries))


def entries_table(library: SkillLibrary, entries: tuple[LedgerEntry, ...], title: str | None = None) -> Table:
    """Return entries of the ledger as a table."""
    from skilllib.cli.output import table

    rows = table("#", "change", "of", "decision", "why", "by", title=title, right=("#",))
    for entry in entries:
        change, decision = entry.change, entry.decision.outcome
        versions = _versions(library, entry)
        named = ", ".join(f"{one['name']}@{one['version']}" for one in versions[:3])
        more = f" and {len(versions) - 3} more" if len(versions) > 3 else ""
        rows.add_row(str(entry.number), change.kind, named + more, decision, _why(entry), change.proposer)
    return rows


def _why(entry: LedgerEntry) -> str:
    """Return the reason of an entry: why somebody wanted it, where that is not all of it also what the gate said."""
    wanted, decided = entry.change.rationale, entry.decision.reason
    if entry.change.kind in ("retire", "merge") and entry.decision.outcome == "promote":  # the gate spoke of what takes its place
        return wanted or decided
    if entry.change.kind == "restore" and wanted:
        return f"{wanted}; {decided}"
    return decided or wanted


def _versions(library: SkillLibrary, entry: LedgerEntry) -> list[dict[str, Any]]:
    found = (library.version(target) for target in entry.change.targets)
    return [{"name": skill.name, "version": skill.version, "code_hash": skill.code_hash} for skill in found]
