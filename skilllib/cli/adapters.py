"""`skilllib adapters`: what was compiled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skilllib.cli.compile import BaseName, CacheFolder
from skilllib.cli.mapping import map_adapters
from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath
from skilllib.cli.settling import settle_adapters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skilllib.compiler.cache import AdapterCache, Stored

adapters = typer.Typer(help="List, show, map, settle and drop adapters.", no_args_is_help=True)


@adapters.command("list")
def list_adapters(
    library: LibraryPath = DEFAULT_LIBRARY, cache: CacheFolder = None, base: BaseName = None, as_json: AsJson = False
) -> None:
    """List adapters, and say of each whether it is valid still."""
    from rich.text import Text

    from skilllib.cli.output import emit, stdout, table

    records = [_record(stored, why) for stored, why in _judged(library, cache, base)]
    if as_json:
        emit(records)
        return
    if not records:
        stdout().print("There are no adapters yet; make one with: skilllib compile NAME --base MODEL")
        return
    rows = table("skill", "adapter", "base", "backend", "rank", "α", "success", "MB", "valid", right=("rank", "α", "success", "MB"))
    for record in records:
        valid = Text("yes", style="green") if not record["stale"] else Text(record["stale"], style="yellow")
        arms = (record["evaluation"] or {}).get("arms", {})
        success = f"{arms['adapter']['success']:.0%}" if "adapter" in arms else ""
        name = Path(record["base"]).name
        rows.add_row(
            record["skill"],
            record["adapter"][:12],
            name,
            record["key"]["backend"] + (", settled" if record["settled"] else ""),
            str(record["rank"]),
            f"{record['alpha']:g}",
            success,
            f"{record['bytes'] / 1e6:.2f}",
            valid,
        )
    stdout().print(rows)


@adapters.command("show")
def show_adapter(
    name: Annotated[str, typer.Argument(help="A skill, or the beginning of an adapter's hash.")],
    library: LibraryPath = DEFAULT_LIBRARY,
    cache: CacheFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show one adapter: from what it was compiled, what it cost, and what was measured."""
    from skilllib.cli.output import emit, stdout, table
    from skilllib.compiler.format import problems

    stored = chosen(opened_cache(library, cache), name)
    faults = problems(stored.path)
    if as_json:
        emit({**_record(stored, ""), "text": stored.manifest.model_dump(mode="json")["text"], "problems": faults})
        return
    manifest, console = stored.manifest, stdout()
    console.print(f"{manifest.skill}  {stored.path}", style="bold")
    console.print(
        f"base {manifest.base}, {manifest.key.backend}, seed {manifest.key.seed}, rank {manifest.rank}, α {manifest.alpha:g}"
    )
    if manifest.settled:
        console.print(f"settled with {len(manifest.parents) - 1} others, so that all can be mounted at once")
    cost = manifest.cost
    console.print(f"{cost.cpu_s:.1f} CPU s, {cost.peak_bytes / 1e9:.2f} GB, {cost.bytes / 1e6:.2f} MB, {cost.steps} steps")
    if manifest.evaluation is not None:
        rows = table("given", "success", "tasks", "nats per token", right=("success", "tasks", "nats per token"))
        for arm, score in manifest.evaluation.arms.items():
            rows.add_row(arm, f"{score.success:.0%}", str(score.n), "" if score.nll is None else f"{score.nll:.3f}")
        console.print(rows)
        console.print(f"locality {manifest.evaluation.locality}, disturbed {manifest.evaluation.disturbed}")
    for fault in faults:
        console.print(f"servers refuse it: {fault}", style="red")


@adapters.command("prune")
def prune_adapters(
    library: LibraryPath = DEFAULT_LIBRARY,
    cache: CacheFolder = None,
    base: BaseName = None,
    max_mb: Annotated[float | None, typer.Option("--max-mb", min=0, help="Drop the least recently used beyond this size.")] = None,
    as_json: AsJson = False,
) -> None:
    """Drop adapters that are not valid any more, or those beyond a size that were not used for longest."""
    from skilllib.cli.output import emit, stdout

    found = opened_cache(library, cache)
    if max_mb is not None:
        dropped = found.shrink(int(max_mb * 1e6))
    else:
        wrong = {stored.path for stored, why in _judged(library, cache, base) if why}
        dropped = found.drop(lambda stored: stored.path in wrong)
    if as_json:
        emit([_record(stored, "") for stored in dropped])
    else:
        total = sum(stored.bytes for stored in dropped)
        stdout().print(f"dropped {len(dropped)} adapters, {total / 1e6:.2f} MB; they can be compiled again")


def opened_cache(library: str, cache: Path | None) -> AdapterCache:
    """Return the cache of a library, or one that is named."""
    from skilllib.build.compiling import FOLDER, cache_of
    from skilllib.cli.opening import reading
    from skilllib.compiler.cache import AdapterCache
    from skilllib.library.place import located

    place = located(library)
    if cache is None and isinstance(place, Path):
        cache = place / FOLDER
    if cache is not None:  # no library has to be opened for it
        return AdapterCache(cache)
    with reading(library) as opened:
        return cache_of(opened)


def chosen(cache: AdapterCache, name: str, *, unsettled: bool = False) -> Stored:
    """Return the newest adapter of a skill, no control where there is another one; or the one of a hash.

    Args:
        cache: Where it lies.
        name: Of the skill, or the beginning of a hash.
        unsettled: Take one that is as it was taught.

    Raises:
        AdapterRefused: There is none, or more than one hash begins so.
    """
    from skilllib.build.compiling import CONTROLS
    from skilllib.errors import AdapterRefused

    named = [stored for stored in cache.all() if name in (stored.manifest.skill, stored.path.name)]
    found = [stored for stored in named if stored.manifest.key.backend not in CONTROLS] or named
    found = [stored for stored in found if not (unsettled and stored.manifest.settled)] or found
    found = found or [stored for stored in cache.all() if len(name) >= 4 and stored.path.name.startswith(name)]
    if not found:
        raise AdapterRefused(f"there is no adapter of {name!r} in {cache.folder}; see `skilllib adapters list`")
    return max(found, key=lambda stored: stored.manifest.created_at)


def settled_together(cache: AdapterCache, names: Sequence[str]) -> list[Stored]:
    """Return the adapters of skills that were settled together last; nothing where one of them was compiled anew since."""
    taught = {chosen(cache, name, unsettled=True).manifest.adapter_hash for name in names}
    companies: dict[frozenset[str], dict[str, Stored]] = {}
    for stored in cache.all():
        if stored.manifest.settled and stored.manifest.parents[0] in taught:
            companies.setdefault(frozenset(stored.manifest.parents), {})[stored.manifest.skill] = stored
    whole = [company for company in companies.values() if company.keys() >= set(names)]
    latest = max(whole, key=lambda company: max(one.manifest.created_at for one in company.values()), default={})
    return [latest[name] for name in names if name in latest]


def _judged(library: str, cache: Path | None, base: str | None) -> list[tuple[Stored, str]]:
    """Return every adapter with the reason why it is not valid any more."""
    from skilllib.build.compiling import stale
    from skilllib.cli.opening import reading
    from skilllib.models.base import TransformersBase

    wanted = TransformersBase(base).hash if base else None
    with reading(library) as opened:
        return [(stored, stale(stored.manifest, opened, wanted)) for stored in opened_cache(library, cache).all()]


def _record(stored: Stored, why: str) -> dict[str, Any]:
    return {
        **stored.manifest.model_dump(mode="json", exclude={"text"}),
        "adapter": stored.path.name,
        "path": str(stored.path),
        "settled": stored.manifest.settled,
        "bytes": stored.bytes,
        "stale": why,
    }


adapters.command("settle")(settle_adapters)
adapters.command("map")(map_adapters)
