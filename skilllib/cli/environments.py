"""`skilllib environments`: the worlds that are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import AsJson, EnvironmentOption

if TYPE_CHECKING:
    from skilllib.records.world import EnvironmentSpec


def environments(
    name: Annotated[str | None, typer.Argument(help="Show what this environment declares.")] = None,
    option: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """List the registered environments, or show the primitives of one."""
    from skilllib import registry
    from skilllib.cli.options import json_pairs
    from skilllib.cli.output import emit, stdout, table

    if name is not None:
        environment = registry.make_environment(name, **json_pairs(option, "the environment option"))
        spec = environment.spec
        environment.close()
        if as_json:
            emit(spec.model_dump(mode="json"))
        else:
            _print(spec)
        return
    found = registry.environments()
    if as_json:
        emit([{"name": entry.name, "value": entry.value, "package": _package(entry)} for entry in found.values()])
        return
    rows = table("name", "entry point", "package")
    for entry in found.values():
        rows.add_row(entry.name, entry.value, _package(entry))
    stdout().print(rows)


def _package(entry: object) -> str:
    dist = getattr(entry, "dist", None)
    return f"{dist.name} {dist.version}" if dist else ""


def _print(spec: EnvironmentSpec) -> None:
    from rich.text import Text

    from skilllib.cli.output import stdout, table

    console = stdout()
    console.print(Text(f"{spec.name} ", style="bold").append(f"(version {spec.version})", style="dim"))
    if spec.description:
        console.print(spec.description)
    rows = table("primitive", "does", "fails")
    for primitive in spec.primitives:
        rows.add_row(primitive.signature(), primitive.doc, primitive.fails)
    console.print(rows)
    offers = ("seeds", "snapshots", "renders", "rewards", "admissible_actions")
    console.print(
        Text("offers: ", style="bold").append(", ".join(offer for offer in offers if getattr(spec, offer)) or "nothing more")
    )
    names = ", ".join(milestone.name for milestone in spec.milestones)
    console.print(Text(f"milestones ({len(spec.milestones)}): ", style="bold").append(names or "none"))
    needs = ", ".join(f"{need.fact} (presses below {need.presses_below:g})" for need in spec.vital_needs)
    console.print(Text("vital needs: ", style="bold").append(needs or "none"))
    facts = ", ".join(spec.fact_types())
    console.print(Text("facts: ", style="bold").append(facts or "none declared", style="dim"))
