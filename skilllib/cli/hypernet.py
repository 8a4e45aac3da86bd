"""`skilllib hypernet`: fit a hypernetwork, which compiles a text to weights in one forward pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skilllib.cli.compile import BackendOptions
from skilllib.cli.options import AsJson

if TYPE_CHECKING:
    from skilllib.compiler.hypernet_bundle import Bundle

hypernet = typer.Typer(help="Fit a network that compiles a text to weights in one forward pass.", no_args_is_help=True)


@hypernet.callback()
def _group() -> None:
    """Fit a network that compiles a text to weights in one forward pass."""


@hypernet.command("fit")
def fit(
    base: Annotated[str, typer.Option("--base", metavar="MODEL", help="The base model: a hub id, a folder, or a GGUF file.")],
    corpus: Annotated[
        list[Path],
        typer.Option(help="A library, a dataset.jsonl, or a folder of datasets such as a cache of adapters; may be repeated."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the hypernetwork; a fit that was interrupted there goes on.")],
    option: BackendOptions = None,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Seed of the weights and of all that is drawn.")] = 0,
    device: Annotated[str | None, typer.Option(help="Such as cuda or cpu (default: CUDA where there is one).")] = None,
    as_json: AsJson = False,
) -> None:
    """Fit a hypernetwork on many skills, so that it compiles the text of a skill that it has never seen.

    At first right and wrong texts do equally well; conditioning switches on later, so do not stop on that plateau. Kill it when
    you like: the same words again go on from the last checkpoint, and come to the same weights.
    """
    from skilllib.build.corpus import corpus as read
    from skilllib.cli.compiling import shown
    from skilllib.cli.options import json_pairs
    from skilllib.cli.output import emit
    from skilllib.compiler.hypernet_corpus import Corpus
    from skilllib.compiler.hypernet_options import options_of
    from skilllib.compiler.hypernet_training import Fitting
    from skilllib.models.base import TransformersBase

    options = options_of(json_pairs(option, "the option"))
    with shown() as progress:
        skills = [skill for path in corpus for skill in read(path, progress=progress)]
        split = Corpus.split(skills, options.held_out, seed)
        bundle = Fitting(TransformersBase(base, device=device), split, options, seed, out, progress).run()
    if as_json:
        emit(bundle.model_dump(mode="json") | {"path": str(out)})
    else:
        _print(bundle, out)


def _print(bundle: Bundle, out: Path) -> None:
    from skilllib.cli.output import stdout, table

    best = min(bundle.curve, key=lambda point: point.right)
    rows = table("nats a token on held-out skills", "", right=("",))
    given: dict[str, Any] = {
        "no skill": bundle.none,
        "text in context": bundle.context,
        "adapter": best.right,
        "adapter of a wrong text": best.wrong,
        "conditioning gain": best.gain,
    }
    for words, value in given.items():
        rows.add_row(words, f"{value:.3f}")
    stdout().print(rows)
    stdout().print(
        f"{len(bundle.learned)} skills learned from, {len(bundle.held_out)} held out, {bundle.cost.cpu_s:.0f} CPU s, best"
    )
    stdout().print(
        f"after {best.step} of {bundle.cost.steps} steps. Use it with: skilllib compile NAME --hypernet {out} --base MODEL"
    )
