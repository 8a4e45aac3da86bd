"""`skilllib learn`: let an agent learn in an environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import AsJson, EnvironmentOption

if TYPE_CHECKING:
    from skilllib.records.base import Json


def learn(  # noqa: PLR0913 - typer reads the options from the signature
    env: Annotated[str | None, typer.Argument(metavar="ENV", help="The environment; see `skilllib environments`.")] = None,
    library: Annotated[Path | None, typer.Option("--library", "-l", help="Folder of the library [default: skill-library].")] = None,
    run: Annotated[Path | None, typer.Option("--run", help="Folder of the run [default: runs/ENV-sSEED-N].")] = None,
    seed: Annotated[int | None, typer.Option("--seed", "-s", min=0, help="All follows from it [default: 0].")] = None,
    max_attempts: Annotated[int | None, typer.Option(min=0, help="Attempts after which the run ends [default: 300].")] = None,
    max_steps: Annotated[int | None, typer.Option(min=0, help="World steps after which it ends, proofs included.")] = None,
    max_seconds: Annotated[float | None, typer.Option(min=0, help="Seconds after which it ends; not reproducible.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run of --run, or the newest.")] = False,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="TOML file with options; flags win over it.")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes for proofs [default: 2].")] = None,
    threshold: Annotated[float | None, typer.Option(help="Success rate a skill must be shown to exceed [default: 0.3].")] = None,
    curriculum: Annotated[str | None, typer.Option(metavar="[frontier|random]", help="Chooses tasks [default: frontier].")] = None,
    no_library: Annotated[bool, typer.Option("--no-library", help="Ablation: programs may not call learned skills.")] = False,
    no_re_execution: Annotated[bool, typer.Option("--no-re-execution", help="Ablation: one success makes a skill active.")] = False,
    option: EnvironmentOption = None,
    embedder: Annotated[str | None, typer.Option(metavar="MODEL", help="A sentence-transformers model, or `hashing`.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let an agent learn skills in an environment, and keep what proves itself.

    A second run on the same library goes on from the skills that are there. Ctrl-C ends cleanly (exit code 130).
    """
    from skilllib.cli import learning, starting
    from skilllib.cli.options import json_pairs

    given: dict[str, Json] = {"environment": env, "library": str(library) if library else None, "seed": seed}
    given |= {"max_attempts": max_attempts, "jobs": jobs, "threshold": threshold, "curriculum": curriculum}
    given |= {"max_steps": max_steps, "max_seconds": max_seconds}
    given |= {"use_library": False if no_library else None, "re_execute": False if no_re_execution else None}
    given |= {"embedder": embedder, "environment_options": json_pairs(option, "the environment option") or None}
    given = {key: value for key, value in given.items() if value is not None}
    start = starting.resumed(given, run, config) if resume else starting.begun(given, run, config)
    if not learning.carry_out(start, quiet=quiet, as_json=as_json):
        raise typer.Exit(130)
