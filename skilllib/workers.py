"""Runs programs on fresh worlds, each from a reset, in this process or in several."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from types import TracebackType
from typing import Literal, TypeAlias

from skilllib.errors import SandboxUnavailable
from skilllib.protocols import Environment, Sandbox
from skilllib.records.base import Scalar
from skilllib.records.execution import Execution, Limits
from skilllib.records.program import Program
from skilllib.records.skill import Skill

WorldMaker = Callable[[], Environment]
SandboxMaker = Callable[[], Sandbox]
Made: TypeAlias = tuple[str, Mapping[str, Scalar]]
"""A primitive call that was made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One program to be run on one fresh world."""

    program: Program
    arguments: Mapping[str, Scalar]
    closure: Sequence[Skill]
    calls: Mapping[str, str]
    seed: int
    limits: Limits
    prefix: Sequence[Made] = ()
    """Calls to make between the reset and the program, so that it starts in the middle of an episode."""


class Workers:
    """Runs jobs and returns their executions in order, so that results never depend on how many work.

    Args:
        world: Makes an environment; must be picklable when `processes` > 1.
        sandbox: Makes a sandbox; likewise.
        processes: How many processes run jobs. 1 runs them here, one after the other.
    """

    def __init__(self, *, world: WorldMaker, sandbox: SandboxMaker, processes: int = 1) -> None:
        self._world, self._sandbox, self._processes = world, sandbox, processes
        self._here: _Bench | None = None
        self._pool: ProcessPoolExecutor | None = None

    def run(self, jobs: Sequence[Job]) -> list[Execution]:
        """Run the jobs and return their executions, in the order of the jobs.

        Raises:
            SandboxUnavailable: A worker process died twice in a row.
        """
        if self._processes <= 1 or len(jobs) <= 1:
            self._here = self._here or _Bench(self._world, self._sandbox)
            return [self._here.run(job) for job in jobs]
        for _ in range(2):
            try:
                return list(self._processes_pool().map(_run_on_bench, jobs))
            except BrokenProcessPool:
                self._pool = None
        raise SandboxUnavailable("a worker process died twice while running programs; use `--jobs 1` to run them in one process")

    def close(self) -> None:
        """Stop the processes; harmless when called twice."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        if self._here is not None:
            self._here.close()
            self._here = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _processes_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes,
                mp_context=get_context("spawn"),
                initializer=_set_up_bench,
                initargs=(self._world, self._sandbox, os.getpid()),
            )
        return self._pool


class _Bench:
    """One environment and one sandbox, made when first needed."""

    def __init__(self, world: WorldMaker, sandbox: SandboxMaker) -> None:
        self.environment, self.sandbox = world(), sandbox()

    def run(self, job: Job) -> Execution:
        self.environment.reset(job.seed if self.environment.spec.seeds else None)
        if (ended := self._made(job.prefix)) is not None:
            now = self.environment.observe()
            return Execution(arguments=dict(job.arguments), before=now, after=now, stopped=ended)
        return self.sandbox.run(
            job.program,
            arguments=job.arguments,
            closure=job.closure,
            calls=job.calls,
            environment=self.environment,
            limits=job.limits,
        )

    def _made(self, prefix: Sequence[Made]) -> Literal["terminated", "truncated"] | None:
        """Make calls again; what they do is no part of an execution. Return how the episode ended, if it did."""
        for primitive, arguments in prefix:
            outcome = self.environment.call(primitive, arguments)
            if outcome.terminated or outcome.truncated:
                return "terminated" if outcome.terminated else "truncated"
        return None

    def close(self) -> None:
        self.environment.close()
        close = getattr(self.sandbox, "close", None)
        if close is not None:
            close()


def void(execution: Execution) -> bool:
    """Return whether an execution says nothing of its program, since the calls before it had ended the episode."""
    return execution.stopped in ("terminated", "truncated") and not execution.trajectory


_bench: _Bench | None = None


def _set_up_bench(world: WorldMaker, sandbox: SandboxMaker, parent: int) -> None:
    global _bench
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent; it ends us by closing the pool
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _bench = _Bench(world, sandbox)


def _end_with(parent: int) -> None:
    # A parent that was killed cannot close the pool, and nobody would ever end us.
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _run_on_bench(job: Job) -> Execution:
    if _bench is None:
        raise SandboxUnavailable("the worker process was not set up")
    return _bench.run(job)
