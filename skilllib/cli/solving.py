"""Solves one task by a library, with the embedder and the environment's options that it was learned with."""

from __future__ import annotations

import itertools
from typing import Any

from skilllib.agent.solving import Solution
from skilllib.build.solving import solver
from skilllib.cli.opening import last_embedder
from skilllib.config import options
from skilllib.errors import InvalidRecord, LibraryNotFound
from skilllib.library import SkillLibrary
from skilllib.models import configure_from_environment
from skilllib.records.base import Json


def solution(given: dict[str, Any], task: str, check: str | None, *, learn: bool) -> Solution:
    """Return how a task was solved, or why it was not.

    Args:
        given: Options; those of the library's newest run in the environment stand in for what is left out.
        task: The words.
        check: What decides.
        learn: Whether new skills are kept.

    Raises:
        InvalidRecord: There are no words, or an option is impossible or without effect.
        TelemetryMissing: The environment names an exporter of spans that is not installed.
    """
    if not task.strip():
        raise InvalidRecord("the task is empty; say in words what is to be done")
    configure_from_environment()
    known, run = _known(given, learn=learn)
    chosen = options(
        **{
            **known,
            **given,
            "environment_options": {**known.get("environment_options", {}), **given.get("environment_options", {})},
        }
    )
    with solver(chosen, learn=run) as made:
        return made.solve(task, check)


def _known(given: dict[str, Any], *, learn: bool) -> tuple[dict[str, Json], str | None]:
    """Return what the library knows of the environment's options and the embedder, and a free name for the run."""
    stem = f"solve-{given['environment']}-s{given.get('seed', 0)}"
    try:
        with SkillLibrary.open(given["library"]) as library:
            runs = library.runs()
            of_run = [library.run_options(run) for run in runs]
            embedder = last_embedder(library)
    except LibraryNotFound:
        if not learn:
            raise
        runs, of_run, embedder = (), [], None
    here = [one for one in of_run if one.get("environment") == given["environment"]]
    known: dict[str, Json] = {"environment_options": here[-1].get("environment_options", {})} if here else {}
    if embedder is not None:
        known["embedder"] = embedder
    name = next(name for n in itertools.count(1) if (name := f"{stem}-{n}") not in runs)
    return known, name if learn else None
