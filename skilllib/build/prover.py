"""Assembles the door through which skills on trial become active."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager

from skilllib.build.parts import make_workers, make_world
from skilllib.build.replaying import WorkersMaker
from skilllib.exchange import Proving
from skilllib.library import SkillLibrary
from skilllib.records.base import Scalar
from skilllib.records.skill import Skill
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.evidence import SequentialTest
from skilllib.verifier.proof import ReExecution


@contextmanager
def proving(
    library: SkillLibrary,
    *,
    jobs: int = 1,
    keep: Collection[str] = (),
    values: Mapping[str, Sequence[Scalar]] | None = None,
    proposer: str = "verify",
    workers: WorkersMaker | None = None,
) -> Iterator[Proving]:
    """Yield what proves skills on trial in fresh worlds and makes them active, and end its processes afterwards.

    Args:
        library: Where they are on trial.
        jobs: Processes that execute skills; results do not depend on it.
        keep: References of callers that go on with the version they call.
        values: Values under which parameters of a promise are tried, where no kept test says so.
        proposer: Who wants it, for the ledger.
        workers: Makes workers for worlds that are not registered.
    """
    with ExitStack() as stack:

        def prover(skill: Skill) -> ReExecution:
            learned = library.conditions(skill)
            name, options = skill.environment, learned.environment_options
            made = workers(name, options) if workers else make_workers(name, options, jobs=jobs)
            return ReExecution(
                workers=stack.enter_context(made), verifier=CheckVerifier(), test=SequentialTest(), limits=learned.limits
            )

        primitives = _none if workers else _primitives
        yield Proving(library=library, prover=prover, primitives=primitives, keep=keep, values=values or {}, proposer=proposer)


def _primitives(environment: str) -> Collection[str]:
    with closing(make_world(environment, {})) as world:
        return {primitive.name for primitive in world.spec.primitives}


def _none(environment: str) -> Collection[str]:
    return ()
