"""`skilllib compile`: order weights for skills, and carry out what was ordered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath

if TYPE_CHECKING:
    from skilllib.compiler.job import Compiled
    from skilllib.errors import SkillLibError
    from skilllib.library import SkillLibrary
    from skilllib.records.outbox import Order

BaseName = Annotated[
    str | None, typer.Option("--base", metavar="MODEL", help="The base model: a hub id, a folder, or a GGUF file.")
]
CacheFolder = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        help="Folder of the adapters; by default `adapters` in the library's folder, or in the user's cache for one on a server.",
    ),
]
BackendOptions = Annotated[
    list[str] | None, typer.Option("--option", "-o", metavar="KEY=VALUE", help="An option of the backend; may be repeated.")
]


def compile_skills(  # noqa: PLR0913 - typer reads the options from the signature
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="The skills.")] = None,
    base: BaseName = None,
    backend: Annotated[str, typer.Option("--backend", help="distill, hypernet, command, null, wrong, or a plug-in.")] = "distill",
    library: LibraryPath = DEFAULT_LIBRARY,
    promoted: Annotated[
        bool, typer.Option("--promoted", help="All active skills that have earned it: proven, and called.")
    ] = False,
    worker: Annotated[bool, typer.Option("--worker", help="Order nothing more; carry out what was ordered.")] = False,
    order_only: Annotated[bool, typer.Option("--order-only", help="Only order; a worker compiles.")] = False,
    ungated: Annotated[bool, typer.Option("--ungated", help="Measure nothing and keep everything.")] = False,
    hypernet: Annotated[
        Path | None, typer.Option(help="Folder of a fitted hypernetwork; stands for --backend hypernet --option folder=FOLDER.")
    ] = None,
    option: BackendOptions = None,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Seed of the weights.")] = 0,
    cache: CacheFolder = None,
    as_json: AsJson = False,
) -> None:
    """Compile skills to LoRA adapters, so that a model does without their text what it did with it.

    Each is measured on kept tests from which nothing was learned, and kept only if it does as well as the text in context,
    better than another skill's adapter, and disturbs no other skill.
    """
    from skilllib.cli.opening import reading
    from skilllib.cli.options import json_pairs
    from skilllib.cli.output import emit

    _refuse_contradictions(names, base, promoted=promoted, worker=worker)
    options = json_pairs(option, "the option")
    if hypernet is not None:
        backend, options["folder"] = "hypernet", str(hypernet.resolve())
    with reading(library) as opened:
        _refuse_impossible(opened, cache, None if worker else backend, None if order_only else base, options)
        entries = [] if worker else _ordered(opened, names, base or "", backend, options, seed)
        if order_only:
            done: list[tuple[Order, Compiled | SkillLibError]] = []
        else:
            done = _worked(opened, cache, ungated=ungated)
        waiting = [one.model_dump(mode="json") for one in opened.orders("waiting")]
    if as_json:
        emit({"ordered": entries, "done": [_record(order, came) for order, came in done], "waiting": len(waiting)})
    else:
        _print(entries, done, len(waiting))
    if any(_reason(came)[0] is not True for _, came in done):
        raise typer.Exit(1)


def _refuse_contradictions(names: list[str] | None, base: str | None, *, promoted: bool, worker: bool) -> None:
    from skilllib.errors import InvalidRecord

    if worker and (names or promoted or base):
        raise InvalidRecord("--worker carries out what was ordered before; leave out names, --promoted and --base")
    if not worker and bool(names) == promoted:
        raise InvalidRecord("which skills? Name them, or say --promoted for all that have earned it, or --worker")
    if not worker and not base:
        raise InvalidRecord("for which model? Name it with --base: a hub id, a folder, or a GGUF file")


def _refuse_impossible(
    library: SkillLibrary, cache: Path | None, backend: str | None, base: str | None, options: dict[str, Any]
) -> None:
    """Refuse what no worker could carry out, before an order for it stands in the ledger.

    Args:
        library: The library.
        cache: Where adapters are to be kept.
        backend: The compiler, unless nothing is ordered.
        base: The base model, if it is to be here.
        options: The compiler's own.
    """
    from skilllib.build.compiling import cache_of
    from skilllib.errors import UnknownCompiler
    from skilllib.models.base import TransformersBase
    from skilllib.registry import compilers, make_compiler

    cache_of(library, cache)
    if backend is not None and backend not in compilers():
        raise UnknownCompiler(f"no compiler is registered as {backend!r}; registered: {', '.join(compilers())}")
    if backend is not None and base is not None:
        make_compiler(backend, TransformersBase(base), **options)


def _ordered(
    library: SkillLibrary, names: list[str] | None, base: str, backend: str, options: dict[str, Any], seed: int
) -> list[dict[str, Any]]:
    """Write the decisions and orders, and return what was decided of each skill."""
    from skilllib.build.ordering import order

    found = [library.get(name) for name in names] if names else library.skills("active")
    decided = order(library, found, base=base, backend=backend, options=options, seed=seed, asked=bool(names))
    return [{"skill": skill.name, "outcome": one.outcome, "reason": one.reason} for skill, one in decided]


def _worked(library: SkillLibrary, cache: Path | None, *, ungated: bool) -> list[tuple[Order, Compiled | SkillLibError]]:
    from skilllib.build.compiling import Workshop, cache_of, work
    from skilllib.cli.compiling import shown

    with shown() as progress, Workshop(library, cache_of(library, cache)) as workshop:
        if ungated:
            workshop.gate = None
        return list(work(library, workshop, progress=progress))


def _reason(came: Compiled | SkillLibError) -> tuple[bool | None, str]:
    """Return whether an adapter is there, and why not."""
    if isinstance(came, Exception):
        return None, f"{type(came).__name__}: {came}"
    reason = came.decision.reason if came.decision is not None else "found" if came.found else "not measured"
    return came.stored is not None, reason


def _record(order: Order, came: Compiled | SkillLibError) -> dict[str, Any]:
    kept, reason = _reason(came)
    manifest = None if isinstance(came, Exception) else came.manifest.model_dump(mode="json", exclude={"text"})
    return {"order": order.number, "kept": bool(kept), "reason": reason, "adapter": manifest}


def _print(entries: list[dict[str, Any]], done: list[tuple[Order, Compiled | SkillLibError]], waiting: int) -> None:
    from rich.text import Text

    from skilllib.cli.output import stdout, table

    console = stdout()
    for entry in entries:
        if entry["outcome"] != "promote":
            console.print(f"{entry['skill']}: {entry['reason']}", style="dim")
    rows = table("skill", "kept", "α", "no skill", "text", "adapter", "wrong", "CPU s", "why", right=("α", "CPU s"))
    for order, came in done:
        kept, reason = _reason(came)
        mark = Text("yes", style="green") if kept else Text("no", style="red")
        if isinstance(came, Exception):
            rows.add_row(order.code_hash[:12], mark, "", "", "", "", "", "", reason)
            continue
        arms = came.manifest.evaluation.arms if came.manifest.evaluation is not None else {}
        scores = [f"{arms[arm].success:.0%}" if arm in arms else "" for arm in ("none", "context", "adapter", "wrong")]
        cost = f"{came.manifest.cost.cpu_s:.1f}"
        rows.add_row(came.manifest.skill, mark, f"{came.manifest.alpha:g}", *scores, cost, reason)
    if done:
        console.print(rows)
    if waiting:
        console.print(f"{waiting} orders wait; carry them out with: skilllib compile --worker", style="yellow")
