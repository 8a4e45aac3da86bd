"""`skilllib search`: find skills by what they do."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, EmbedderName, LibraryPath, Vectors

if TYPE_CHECKING:
    from rich.console import Console

    from skilllib.records.query import Hit
    from skilllib.records.skill import Skill


class Wanted(StrEnum):
    """The statuses among which can be searched."""

    active = "active"
    trial = "trial"
    retired = "retired"
    any = "any"


def search(  # noqa: PLR0913 - typer reads the options from the signature
    query: Annotated[str, typer.Argument(help="What the skill should do, in words.")],
    library: LibraryPath = DEFAULT_LIBRARY,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="How many to show.")] = 5,
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="Only skills of this environment.")] = None,
    status: Annotated[Wanted, typer.Option("--status", help="Only skills of this status; others are not proven.")] = Wanted.active,
    capability: Annotated[
        str | None, typer.Option("--capability", metavar="PRIMITIVE", help="Only skills that may call this primitive.")
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only skills that came with this tag.")] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option("--missing", metavar="CHECK", help="What is to hold; skills that provide it come first; may be repeated."),
    ] = None,
    why: Annotated[bool, typer.Option("--why", help="Show why each was found.")] = False,
    closure: Annotated[bool, typer.Option("--closure", help="Show what the skills call as well, callees first.")] = False,
    embedder: EmbedderName = None,
    vectors: Vectors = None,
    as_json: AsJson = False,
) -> None:
    """Find skills by what they do, best first."""
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit
    from skilllib.records.query import Query

    asked = Query(
        text=query,
        missing=tuple(missing or ()),
        environment=environment,
        status=status.value,
        capability=capability,
        tag=tag,
    )
    with reading(library, embedder, finds=True, vectors=vectors) as opened:
        hits = opened.search(asked, k=k)
        reached = opened.closure(hit.skill.code_hash for hit in hits) if closure else ()
    if as_json:
        records = [_record(hit) for hit in hits]
        emit({"hits": records, "closure": [_callee(skill) for skill in reached]} if closure else records)
    else:
        _print(query, hits, reached, why=why)


def _record(hit: Hit) -> dict[str, object]:
    skill, why = hit.skill, hit.why
    return {
        "name": skill.name,
        "version": skill.version,
        "status": skill.status,
        "code_hash": skill.code_hash,
        "signature": skill.signature(),
        "score": round(float(hit.score), 4),
        "description": skill.description,
        "lower_bound": why.lower_bound if why else None,
        "why": why.model_dump(mode="json") if why else None,
    }


def _callee(skill: Skill) -> dict[str, object]:
    return {"name": skill.name, "version": skill.version, "code_hash": skill.code_hash, "calls": [one.name for one in skill.calls]}


def _print(query: str, hits: list[Hit], reached: tuple[Skill, ...], *, why: bool) -> None:
    from skilllib.cli.output import stdout, table

    console = stdout()
    if not hits:
        console.print(f"No such skill to find for {query!r}; see `skilllib list`.")
        return
    if not any(hit.why is not None and hit.why.fits for hit in hits):
        console.print("Nothing fits. What is nearest:", style="yellow")
    rows = table("name", "score", "success ≥", "signature", "description", right=("score", "success ≥"))
    for hit in hits:
        bound = f"{hit.why.lower_bound:.0%}" if hit.why else ""
        rows.add_row(hit.skill.name, f"{hit.score:.2f}", bound, hit.skill.signature(), hit.skill.description)
    console.print(rows)
    if why:
        _explain(console, hits)
    if reached:
        console.print(f"To be called in this order of need: {', '.join(f'{one.name}@{one.version}' for one in reached)}")


def _explain(console: Console, hits: list[Hit]) -> None:
    for hit in hits:
        if (why := hit.why) is None:
            continue
        reasons = [f"cosine {why.cosine:.2f} (place {why.near_rank})"]
        if why.words:
            reasons.append(f"words {', '.join(why.words)}, {why.lexical:.2f} (place {why.word_rank or 'far'})")
        reasons += [] if why.evidence is None else [f"evidence {why.evidence:.2f}"]
        reasons += [f"behind {why.behind}, whose evidence says more"] if why.behind else []
        reasons += [f"provides {check}" for check in why.provides] + [f"lacks {check}" for check in why.unmet]
        reasons.append(f"went well {why.solved:.0f} times, badly {why.failed:.0f}")
        reasons += [f"stands for {', '.join(why.also)} as well"] if why.also else []
        reasons += [] if why.fits else ["fits no better than to questions about other things"]
        console.print(f"{hit.skill.name}: {'; '.join(reasons)}")
