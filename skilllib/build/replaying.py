"""Runs kept tests of a library's skills again, whichever world they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from skilllib.build.parts import make_workers
from skilllib.library import SkillLibrary
from skilllib.records.base import canonical
from skilllib.records.execution import Limits, Trial
from skilllib.records.skill import KeptTest, Skill
from skilllib.records.task import Task
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.proof import trial_of
from skilllib.workers import Job, Workers

WorkersMaker = Callable[[str, dict[str, Any]], Workers]
"""An environment's name and options → workers."""


@contextmanager
def replayer(library: SkillLibrary, *, jobs: int = 1, workers: WorkersMaker | None = None) -> Iterator[Replayer]:
    """Yield what runs kept tests again, for `rollback` and whatever else asks for it, and end its processes afterwards.

    Args:
        library: Knows under which conditions a skill was learned.
        jobs: Processes that run tests; results do not depend on it.
        workers: Makes workers for worlds that are not registered.
    """
    with ExitStack() as stack:
        yield Replayer(library, lambda name, options: stack.enter_context((workers or _registered(jobs))(name, options)))


class Replayer:
    """Runs kept tests on fresh worlds; satisfies `library.upkeep.Replay`. One set of workers per environment and options.

    Args:
        library: Knows under which conditions a skill was learned.
        workers: Makes workers for an environment and its options; they are ended by whoever gave it.
    """

    def __init__(self, library: SkillLibrary, workers: WorkersMaker) -> None:
        self._library, self._make = library, workers
        self._open: dict[str, Workers] = {}

    def __call__(self, skill: Skill, closure: Sequence[Skill], tests: Sequence[KeptTest]) -> tuple[Trial, ...]:
        """Return a trial for each test, in their order.

        Args:
            skill: What is run; it need not be stored.
            closure: Every version it may reach, callees before callers.
            tests: Its tests.
        """
        return self.trials(skill, closure, tests, limits=self._library.conditions(skill).limits)

    def trials(self, skill: Skill, closure: Sequence[Skill], tests: Sequence[KeptTest], *, limits: Limits) -> tuple[Trial, ...]:
        """Do the same under limits of one's own."""
        if skill.program is None or not tests:
            return ()
        calls = {callee.name: callee.code_hash for callee in skill.calls}
        reached = [one for one in closure if one.code_hash != skill.code_hash]
        jobs = [
            Job(
                program=skill.program,
                arguments=test.arguments,
                closure=reached,
                calls=calls,
                seed=test.seed or 0,
                prefix=test.prefix,
                limits=limits,
            )
            for test in tests
        ]
        options = self._library.conditions(skill).environment_options
        executions = self._workers(tests[0].environment, options).run(jobs)
        return tuple(
            trial_of(
                CheckVerifier(),
                _task(skill, test),
                execution,
                arguments={**test.check_arguments, **test.arguments},
                seed=test.seed,
                kept=test,
            )
            for test, execution in zip(tests, executions, strict=True)
        )

    def _workers(self, environment: str, options: dict[str, Any]) -> Workers:
        key = canonical([environment, options])
        if key not in self._open:
            self._open[key] = self._make(environment, options)
        return self._open[key]


def _registered(jobs: int) -> WorkersMaker:
    return lambda name, options: make_workers(name, options, jobs=jobs)


def _task(skill: Skill, test: KeptTest) -> Task:
    return Task(
        id=f"test:{skill.name}",
        environment=test.environment,
        goal=skill.description or skill.name,
        check=test.check,
        parameters={name: (value,) for name, value in test.check_arguments.items()},
    )
