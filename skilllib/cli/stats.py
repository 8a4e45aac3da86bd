"""`skilllib stats`: figures about look-ups, from what was recorded."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, EmbedderName, LibraryPath

if TYPE_CHECKING:
    from skilllib.library import SkillLibrary
    from skilllib.library.activation import Activation, Rates
    from skilllib.library.hubs import Hub


class Figure(StrEnum):
    """What can be asked for."""

    activation = "activation"
    hubs = "hubs"


def stats(
    figure: Annotated[
        Figure, typer.Argument(help="activation: was what was found what was needed? hubs: skills that turn up everywhere.")
    ],
    library: LibraryPath = DEFAULT_LIBRARY,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="With hubs: put them on trial.")] = False,
    embedder: EmbedderName = None,
    as_json: AsJson = False,
) -> None:
    """Show how well look-ups serve."""
    from skilllib.cli.opening import reading

    with reading(library, embedder, finds=figure is Figure.hubs) as opened:
        if figure is Figure.activation:
            _activation(opened.activation(), as_json=as_json)
        else:
            _hubs(opened, quarantine=quarantine, as_json=as_json)


def _activation(found: Activation, *, as_json: bool) -> None:
    from skilllib.cli.output import emit, stdout, table

    every = {"all": found.overall, **found.skills}
    if as_json:
        skills = {name: _record(rates) for name, rates in found.skills.items()}
        emit({"occasions": found.occasions, "overall": _record(found.overall), "skills": skills})
        return
    numbers = ("found", "needed", "helped", "precision", "recall")
    rows = table("skill", *numbers, right=numbers)
    for name, rates in every.items():
        shares = [f"{share:.0%}" if share is not None else "" for share in (rates.precision, rates.recall)]
        rows.add_row(name, str(rates.retrieved), str(rates.needed), str(rates.helped), *shares)
    stdout().print(f"{found.occasions} times skills were looked up or called")
    stdout().print(rows)


def _record(rates: Rates) -> dict[str, float | None]:
    return {
        "retrieved": rates.retrieved,
        "needed": rates.needed,
        "helped": rates.helped,
        "precision": rates.precision,
        "recall": rates.recall,
    }


def _hubs(library: SkillLibrary, *, quarantine: bool, as_json: bool) -> None:
    from skilllib.cli.output import emit, stdout, table

    found: list[tuple[str, Hub]] = [(library.version(hub.code_hash).name, hub) for hub in library.hubs()]
    if quarantine:
        library.quarantine_hubs()
    if as_json:
        emit([{"name": name, **_fields(hub), "quarantined": quarantine} for name, hub in found])
        return
    console = stdout()
    if not found:
        console.print("No skill turns up far more often than its peers.")
        return
    rows = table("skill", "found", "questions", "usual", "z", right=("found", "questions", "usual", "z"))
    for name, hub in found:
        rows.add_row(name, str(hub.hits), str(hub.questions), f"{hub.usual:.0f}", f"{hub.z:.1f}")
    console.print(rows)
    console.print("On trial now." if quarantine else "Put them on trial with: skilllib stats hubs --quarantine")


def _fields(hub: Hub) -> dict[str, object]:
    return {
        "code_hash": hub.code_hash,
        "hits": hub.hits,
        "questions": hub.questions,
        "usual": hub.usual,
        "z": hub.z,
    }
