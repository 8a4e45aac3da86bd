"""Orders weights for skills that have earned them, and starts a worker that nobody waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import URL

from skilllib.gate.compiling import CompileGate, asked_for, compile_change
from skilllib.library import SkillLibrary
from skilllib.library.place import bare, located
from skilllib.records.base import Json
from skilllib.records.ledger import Decision
from skilllib.records.skill import Skill


def order(
    library: SkillLibrary,
    skills: Sequence[Skill],
    *,
    base: str,
    backend: str = "distill",
    options: dict[str, Json] | None = None,
    seed: int = 0,
    asked: bool = False,
) -> list[tuple[Skill, Decision]]:
    """Decide of each skill whether it gets weights, and order those that do.

    What the policy does not grant yet is written nowhere: it is asked again the next time.

    Args:
        library: Holds the skills.
        skills: Those in question.
        base: The base model.
        backend: The compiler.
        options: The compiler's own.
        seed: Of the weights.
        asked: Whether somebody named them; else the policy decides by evidence and use.
    """
    named = Path(base).expanduser()
    base = str(named.absolute()) if named.exists() else base  # a worker may stand in another folder
    decided = []
    for skill in skills:
        kept = len(library.tests(skill.code_hash))
        statistics = library.statistics(skill.code_hash)
        decision = asked_for(skill.name) if asked else CompileGate().decide(skill, statistics, kept)
        decided.append((skill, decision))
        if decision.outcome == "promote":
            proposer = "somebody" if asked else "policy"
            change = compile_change(skill, base=base, backend=backend, options=options, seed=seed, proposer=proposer)
            library.commit(change, decision)
    return decided


def start_worker(library: Path | str, log: Path) -> int:
    """Start a worker in a session of its own, which ends when all orders are carried out; return its process id."""
    place, environment = located(library), dict(os.environ)
    if isinstance(place, URL):
        place, password = bare(place)
        if password:  # arguments can be read by everybody on this machine, the environment only by its user
            environment["PGPASSWORD"] = password
    words = [sys.executable, "-m", "skilllib", "compile", "--worker", "--library", str(place)]
    with log.open("ab") as output:
        worker = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True, close_fds=True
        )
    return worker.pid
