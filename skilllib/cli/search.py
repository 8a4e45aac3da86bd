"""`skilllib search`: find skills by what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, EmbedderName, LibraryPath, Vectors

if TYPE_CHECKING:
    from skilllib.protocols import Hit
    from skilllib.records.skill import Statistics


def search(
    query: Annotated[str, typer.Argument(help="What the skill should do, in words.")],
    library: LibraryPath = DEFAULT_LIBRARY,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="How many to show.")] = 5,
    embedder: EmbedderName = None,
    vectors: Vectors = None,
    as_json: AsJson = False,
) -> None:
    """Find active skills by what they do, best first."""
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit

    with reading(library, embedder, finds=True, vectors=vectors) as opened:
        hits = [(hit, opened.statistics(hit.skill.code_hash)) for hit in opened.search(query, k=k)]
    if as_json:
        emit([_record(hit, statistics) for hit, statistics in hits])
    else:
        _print(query, hits)


def _record(hit: Hit, statistics: Statistics) -> dict[str, object]:
    skill = hit.skill
    return {
        "name": skill.name,
        "version": skill.version,
        "code_hash": skill.code_hash,
        "signature": skill.signature(),
        "score": round(float(hit.score), 4),
        "description": skill.description,
        "lower_bound": statistics.lower_bound,
    }


def _print(query: str, hits: list[tuple[Hit, Statistics]]) -> None:
    from skilllib.cli.output import stdout, table

    console = stdout()
    if not hits:
        console.print(f"No active skill to find for {query!r}; see `skilllib list`.")
        return
    rows = table("name", "score", "success ≥", "signature", "description", right=("score", "success ≥"))
    for hit, statistics in hits:
        bound = f"{statistics.lower_bound:.0%}"
        rows.add_row(hit.skill.name, f"{hit.score:.2f}", bound, hit.skill.signature(), hit.skill.description)
    console.print(rows)
