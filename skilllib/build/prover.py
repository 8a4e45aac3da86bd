"""Assembles the door through which skills on trial become active."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager

from skilllib.build.parts import make_workers, make_world
from skilllib.build.replaying import WorkersMaker
from skilllib.exchange import Proving
from skilllib.library import SkillLibrary
from skilllib.records.base import Scalar, canonical
from skilllib.records.skill import Skill
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.evidence import SequentialTest
from skilllib.verifier.proof import ReExecution
from skilllib.workers import Workers


@contextmanager
def proving(
    library: SkillLibrary,
    *,
    jobs: int = 1,
    keep: Collection[str] = (),
    values: Mapping[str, Sequence[Scalar]] | None = None,
    proposer: str = "verify",
    seed: int = 0,
    again: bool = False,
    workers: WorkersMaker | None = None,
) -> Iterator[Proving]:
    """Yield what proves skills on trial in fresh worlds and makes them active, and end its processes afterwards.

    Args:
        library: Where they are on trial.
        jobs: Processes that execute skills; results do not depend on it.
        keep: References of callers that go on with the version they call.
        values: Values under which parameters of a promise are tried, where no kept test says so.
        proposer: Who wants it, for the ledger.
        seed: The fresh worlds follow from it.
        again: Whether what was rejected before is proved once more.
        workers: Makes workers for worlds that are not registered.
    """
    with ExitStack() as stack:
        started: dict[str, Workers] = {}

        def prover(skill: Skill) -> ReExecution:
            learned = library.conditions(skill)
            name, options = skill.environment, learned.environment_options
            if (key := canonical([name, options])) not in started:  # one set of processes for all skills of a world
                made = workers(name, options) if workers else make_workers(name, options, jobs=jobs)
                started[key] = stack.enter_context(made)
            return ReExecution(workers=started[key], verifier=CheckVerifier(), test=SequentialTest(), limits=learned.limits)

        yield Proving(
            library=library,
            prover=prover,
            primitives=_none if workers else functools.cache(_primitives),
            keep=keep,
            values=values or {},
            proposer=proposer,
            seed=seed,
            again=again,
        )


def _primitives(environment: str) -> Collection[str]:
    with closing(make_world(environment, {})) as world:
        return {primitive.name for primitive in world.spec.primitives}


def _none(environment: str) -> Collection[str]:
    return ()
