"""`skilllib adapters map`: where adapters lie among each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.compile import BaseName, CacheFolder
from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skilllib.compiler.cache import AdapterCache, Stored
    from skilllib.compiler.geometry import Clusters


def map_adapters(
    library: LibraryPath = DEFAULT_LIBRARY,
    cache: CacheFolder = None,
    base: BaseName = None,
    out: Annotated[Path | None, typer.Option(help="The picture: a .png or .svg, or an .html page.")] = None,
    families: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="Skill → its family, as a JSON object (default: the first word of each name)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how alike adapters are: a map of what they add to the model (MDS), and whether families keep together."""
    from skilllib.cli.adapters import opened_cache
    from skilllib.cli.output import emit, stdout
    from skilllib.compiler import geometry

    found = opened_cache(library, cache)
    chosen = _comparable(found, base)
    named = _families([stored.manifest.skill for stored in chosen], families)
    products = geometry.gram([found.load(stored) for stored in chosen])
    points, stress = geometry.placed(geometry.distances(products))
    measured = geometry.clusters(products, named)
    if out is not None:
        _write(out, points.tolist(), [stored.manifest.skill for stored in chosen], named, _words(measured, stress))
    if as_json:
        places = [
            {"skill": stored.manifest.skill, "adapter": stored.path.name, "family": family, "x": x, "y": y}
            for stored, family, (x, y) in zip(chosen, named, points.tolist(), strict=True)
        ]
        emit({"adapters": places, "stress": stress, "clusters": measured.model_dump(mode="json") if measured else None})
        return
    for words, value in _words(measured, stress).items():
        stdout().print(f"{words}: {value}")
    if out is not None:
        stdout().print(f"drawn: {out}")


def _comparable(cache: AdapterCache, base: str | None) -> list[Stored]:
    """Return the adapters of single skills for one base; settled ones only of skills that have no other."""
    from skilllib.build.compiling import CONTROLS
    from skilllib.errors import AdapterRefused
    from skilllib.models.base import TransformersBase

    found = [one for one in cache.all() if one.manifest.mode is None and one.manifest.key.backend not in CONTROLS]
    wanted = TransformersBase(base).hash if base else None
    found = [one for one in found if wanted in (None, one.manifest.key.base)]
    taught = {(one.manifest.skill, one.manifest.key.base) for one in found if not one.manifest.settled}
    found = [one for one in found if not one.manifest.settled or (one.manifest.skill, one.manifest.key.base) not in taught]
    if len(found) < 2:
        raise AdapterRefused(f"a map needs two adapters or more; {cache.folder} has {len(found)}; see `skilllib adapters list`")
    if len(bases := {one.manifest.key.base: one.manifest.base for one in found}) > 1:
        raise AdapterRefused(f"the adapters are for different bases ({', '.join(bases.values())}); choose one with --base")
    return found


def _families(skills: Sequence[str], file: Path | None) -> list[str]:
    """Return the family of each skill: by a file, or by the first word of its name."""
    import json

    from skilllib.errors import InvalidRecord

    given: dict[str, str] = {}
    if file is not None:
        try:
            given = {str(skill): str(family) for skill, family in json.loads(file.read_text(encoding="utf-8")).items()}
        except (OSError, ValueError, AttributeError) as error:
            raise InvalidRecord(f"{file} does not read as a JSON object of skills and their families: {error}") from error
    return [given.get(skill) or re.split(r"[\W_]+", skill.strip("_"))[0] for skill in skills]


def _words(measured: Clusters | None, stress: float) -> dict[str, str]:
    words = {"stress of the map": f"{stress:.3f}"}
    if measured is None:
        return words | {"clusters": "none; two families are needed, one of them with two adapters"}
    return {
        "adapters, families": f"{measured.adapters}, {measured.families}",
        "silhouette": f"{measured.silhouette:.3f} (p = {measured.p:.3f} among random families)",
        "distance within / between families": f"{measured.within:.3g} / {measured.between:.3g} = {measured.ratio:.3f}",
        "cosine within, between": f"{measured.cosine_within:.3f}, {measured.cosine_between:.3f}",
    } | words


def _write(out: Path, points: list[list[float]], names: list[str], families: list[str], figures: dict[str, str]) -> None:
    from skilllib.errors import InvalidRecord, StorageFailed
    from skilllib.report.mapping import drawn, page

    if out.suffix not in (".png", ".svg", ".html"):
        raise InvalidRecord(f"{out} is neither a .png nor an .svg nor an .html; choose one of them")
    picture = drawn(points, names, families, "png" if out.suffix == ".png" else "svg")
    caption = "Multidimensional scaling of the Frobenius distances of ΔW: what is near adds nearly the same to the model."
    try:
        out.write_bytes(page(picture, caption, figures).encode() if out.suffix == ".html" else picture)
    except OSError as error:
        raise StorageFailed(f"cannot write {out}: {error.strerror or error}; choose another place") from error
