"""`skilllib merge`: several adapters in one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from skilllib.cli.compile import BackendOptions, CacheFolder
from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath


class ModeName(StrEnum):
    """The ways of merging, as the command line takes them."""

    cat = "cat"
    svd = "svd"
    component = "component"
    text = "text"
    direct = "direct"


def merge(  # noqa: PLR0913 - typer reads the options from the signature
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Skills with adapters, or hashes of adapters; two or more.")
    ],
    mode: Annotated[
        ModeName,
        typer.Option(
            "--mode",
            help="cat: add the changes exactly. svd: at a lower rank. component: compile each section once and add. "
            "text: compile all texts as one. direct: add factors to factors, which is wrong, for experiments.",
        ),
    ] = ModeName.cat,
    rank: Annotated[int | None, typer.Option("--rank", min=1, help="Rank of svd; by default the largest of the parts.")] = None,
    weight: Annotated[list[float] | None, typer.Option("--weight", help="Weight of each adapter, in their order.")] = None,
    backend: Annotated[str, typer.Option("--backend", help="For component and text.")] = "distill",
    option: BackendOptions = None,
    library: LibraryPath = DEFAULT_LIBRARY,
    cache: CacheFolder = None,
    as_json: AsJson = False,
) -> None:
    """Merge adapters of several skills into one. One right adapter beats every merge; merge where you cannot choose."""
    from skilllib.cli.adapters import chosen, opened_cache, settled_together
    from skilllib.cli.compiling import shown
    from skilllib.cli.options import json_pairs
    from skilllib.cli.output import emit, stdout
    from skilllib.compiler.merging import Part, merged, merged_manifest
    from skilllib.models.base import TransformersBase
    from skilllib.registry import make_compiler

    found = opened_cache(library, cache)
    parts = [Part.of(found, stored) for stored in settled_together(found, names) or [chosen(found, name) for name in names]]
    compiler = None
    if mode in (ModeName.component, ModeName.text):
        compiler = make_compiler(backend, TransformersBase(parts[0].manifest.base), **json_pairs(option, "the option"))
    with shown() as progress:
        weights = merged(parts, mode.value, compiler=compiler, rank=rank, shares=weight, progress=progress)
    stored = found.store(weights, merged_manifest(parts, mode.value, weights, backend if compiler else ""))
    if as_json:
        emit(stored.manifest.model_dump(mode="json", exclude={"text"}) | {"path": str(stored.path)})
    else:
        stdout().print(f"{stored.manifest.skill}: rank {stored.manifest.rank}, {stored.bytes / 1e6:.2f} MB in {stored.path}")
