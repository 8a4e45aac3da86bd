"""`skilllib verify NAME --activate`: a skill on trial is proved here and becomes active."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from skilllib.exchange import Activation
    from skilllib.library import SkillLibrary
    from skilllib.protocols import Prover
    from skilllib.records.skill import Skill


def activate_skill(path: Path, name: str | None, *, jobs: int, as_json: bool) -> None:
    """Prove a skill and what it calls, callees first; exit code 1 if one of them is not proved."""
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, stderr, stdout
    from skilllib.exchange import activate

    if name is None:
        raise typer.BadParameter("--activate needs the NAME of a skill on trial")
    with reading(path, finds=True) as library, ExitStack() as stack, stderr().status("proving on fresh worlds"):
        found = list(activate(library, library.get(name), prover=lambda skill: _prover(library, skill, jobs, stack)))
    if as_json:
        emit({"skills": [_record(one) for one in found]})
    else:
        for one in found:
            stdout().print(f"{one.skill.name} (version {one.skill.version}): {one.skill.status}; {one.decision.reason}")
        if not found:
            stdout().print(f"{name} is not on trial.")
    if not found or found[-1].decision.outcome != "promote":
        raise typer.Exit(1)


def _prover(library: SkillLibrary, skill: Skill, jobs: int, stack: ExitStack) -> Prover:
    from skilllib.build import make_workers
    from skilllib.cli.opening import environment_options, limits
    from skilllib.verifier.check import CheckVerifier
    from skilllib.verifier.evidence import SequentialTest
    from skilllib.verifier.proof import ReExecution

    workers = stack.enter_context(make_workers(skill.environment, environment_options(library, skill), jobs=jobs))
    return ReExecution(workers=workers, verifier=CheckVerifier(), test=SequentialTest(), limits=limits(library, skill))


def _record(one: Activation) -> dict[str, object]:
    return {
        "name": one.skill.name,
        "version": one.skill.version,
        "status": one.skill.status,
        "outcome": one.decision.outcome,
        "reason": one.decision.reason,
        "lower_bound": one.proof.lower_bound,
    }
