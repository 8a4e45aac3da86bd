"""A sandbox on pydantic-monty: a Python interpreter in Rust, in worker processes, with nothing of ours inside."""

from __future__ import annotations

import datetime
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from skilllib.errors import SandboxUnavailable
from skilllib.protocols import Environment, Guard
from skilllib.records.base import Json, Scalar
from skilllib.records.execution import Execution, Limits, ProgramError
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.sandbox.binding import ArgumentRefused, bind, recordable
from skilllib.sandbox.faults import program_error
from skilllib.sandbox.linker import ARGUMENTS, Linked, link
from skilllib.sandbox.pool import REMEDY, WorkerPool
from skilllib.sandbox.session import READS_PER_CALL, Call, Discarded, Session
from skilllib.sandbox.watch import WorldWatch

if TYPE_CHECKING:
    import pydantic_monty

CLOCK = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
"""What a program sees when it asks for the time, so that executions repeat."""
UNWINDING = frozenset({"syntax", "type", "runtime", "primitive", "grant", "argument", "recursion"})
"""Kinds of errors that leave the open skills one by one; after the others the interpreter just stopped."""
SOURCE = "<python-input-0>"
"""What the interpreter calls the source of a session's first feed; ours has one."""


class MontySandbox:
    """Runs programs in a worker process that holds only proxies; satisfies `protocols.Sandbox`.

    Args:
        seed: Seed of the `random` module inside.
        request_timeout_s: Seconds after which a worker that does not answer is killed.
        guard: Is asked before each skill is entered whether it may be run; it is sent along to worker processes.

    Covered: a program reaches the primitives it was granted, the skills of its closure and `facts()`, nothing else (no
    file, network, process, module of ours, other run). Time, memory, recursion, output, primitive calls and world steps are
    bounded. It cannot outlive its episode, budget or deadline by catching exceptions, cannot touch the trajectory, and
    cannot replace a primitive, a callee or the reporters of entry and exit.

    Not covered: a primitive that is slow or hangs (the deadline is looked at when it returns); damage a granted primitive
    can do; a bug in the interpreter itself, which is kept away from us only by its process; the memory of our process while
    one argument of up to the memory limit is decoded.
    """

    def __init__(self, *, seed: int = 7, request_timeout_s: float = 60.0, guard: Guard | None = None) -> None:
        self._seed = seed
        self._guard = guard
        self._workers = WorkerPool(request_timeout_s=request_timeout_s)

    def run(
        self,
        program: Program,
        *,
        arguments: Mapping[str, Scalar],
        closure: Sequence[Skill] = (),
        calls: Mapping[str, str],
        environment: Environment,
        limits: Limits,
        grants: frozenset[str] | None = None,
    ) -> Execution:
        """Run a program once in the environment's present episode; see `protocols.Sandbox.run`."""
        linked = link(program, closure, calls, token=secrets.token_hex(8))
        run = _Run(linked, WorldWatch(environment), limits, grants, self._guard)
        if self._guard is not None and (reason := self._guard.refusal_of(program, calls)) is not None:
            run.error = ProgramError(kind="grant", message=reason)
            return run.execution(recordable(arguments))
        try:
            bound = bind(program.name, program.parameters, (), arguments)
        except ArgumentRefused as refused:
            run.error = ProgramError(kind="argument", message=str(refused))
            return run.execution(recordable(arguments))
        run.drive(self._workers.get(), bound, self._seed)
        return run.execution(bound)

    def close(self) -> None:
        """End the worker processes; a later run starts them again."""
        self._workers.close()

    def __enter__(self) -> MontySandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Run:
    """One program, one checkout, one execution."""

    def __init__(
        self, linked: Linked, world: WorldWatch, limits: Limits, grants: frozenset[str] | None, guard: Guard | None
    ) -> None:
        self._linked, self._world, self._limits = linked, world, limits
        self._session = Session(linked, world, limits, grants, guard)
        self._started = time.monotonic()
        self._output = _Output(limits.output_bytes)
        self._value: Json = None
        self._stopped: Any = None
        self.error: ProgramError | None = None

    def drive(self, pool: pydantic_monty.Monty, arguments: Mapping[str, Scalar], seed: int) -> None:
        """Run until the program ends or must be discarded."""
        import pydantic_monty as pm

        checkout = pool.checkout(limits=_limits(self._limits), os_policy=_policy(seed))
        try:
            session = checkout.__enter__()
        except (TimeoutError, RuntimeError, OSError, pm.MontyError) as error:
            raise SandboxUnavailable(f"no worker of the sandbox is free or can be started ({error}). Try: {REMEDY}") from error
        try:
            self._converse(session, dict(arguments))
        except Discarded as end:
            self._stopped, self.error = end.stopped, end.error
        except pm.MontyError as error:
            self._end(program_error(error, self._linked, self._session, self._limits))
        finally:
            # Leaving in the middle of a call discards the session; nothing is ever raised into the program to stop it.
            checkout.__exit__(None, None, None)

    def execution(self, arguments: dict[str, Scalar]) -> Execution:
        """Return everything that was recorded."""
        if self._stopped is None and (self.error is None or self.error.kind in UNWINDING):
            self._session.stack.end(self._session.now)
        return Execution(
            arguments=arguments,
            before=self._world.before,
            after=self._world.now,
            trajectory=tuple(self._world.steps),
            skill_calls=self._session.stack.calls(),
            value=self._value,
            output=self._output.text,
            error=self.error,
            stopped=self._stopped,
            world_steps=self._world.world_steps,
            seconds=time.monotonic() - self._started,
        )

    def _converse(self, session: pydantic_monty.MontySession, arguments: dict[str, Scalar]) -> None:
        import pydantic_monty as pm

        turn: Any = self._crossing(
            lambda: session.feed_start(self._linked.source, inputs={ARGUMENTS: arguments}, print_callback=self._output)
        )
        while not isinstance(turn, pm.MontyComplete):
            turn = self._answered(turn)
        if self._output.full:
            raise Discarded(error=self._too_much_output())
        self._value = _json(self._crossing(lambda: turn.output), self._limits.output_bytes)

    def _answered(self, turn: Any) -> Any:
        import pydantic_monty as pm

        if self._output.full:
            raise Discarded(error=self._too_much_output())
        if isinstance(turn, pm.FunctionSnapshot):
            if turn.is_os_function:
                self._session.count_read()
                return self._crossing(turn.resume_not_handled)
            call = self._crossing(lambda: self._call(turn))
            answer: Any = self._session.answer(call)
            return self._crossing(lambda: turn.resume(answer))
        if isinstance(turn, pm.NameLookupSnapshot):
            name = turn.variable_name
            known = self._session.knows(name)
            return self._crossing(lambda: turn.resume(value=_proxy(name)) if known else turn.resume())
        raise Discarded(error=ProgramError(kind="runtime", message="a program cannot wait for something asynchronous"))

    def _call(self, turn: Any) -> Call:
        position = turn.position
        # Only our one source has our lines; a call can come from the interpreter's own library or an `eval` as well.
        place = self._linked.at_byte(position.start) if position.filename == SOURCE else self._session.here()
        return Call(function=turn.function_name, args=turn.args, kwargs=turn.kwargs, place=place)

    def _crossing(self, move: Any) -> Any:
        """Make one move on the border. A value that cannot cross it (an integer of 10,000 digits) ends the program, not us."""
        try:
            return move()
        except (ValueError, OverflowError, RecursionError, TypeError) as error:
            message = f"a value cannot leave or enter the sandbox: {error}"
            raise Discarded(error=ProgramError(kind="runtime", message=message)) from error

    def _end(self, error: ProgramError) -> None:
        if self._output.full:
            self.error = self._too_much_output()
        elif error.kind == "time" and self._session.late:
            self._stopped = "deadline"
        else:
            self.error = error

    def _too_much_output(self) -> ProgramError:
        return ProgramError(kind="output", message=f"the program printed more than {self._limits.output_bytes} bytes")


class _Output:
    """Keeps what a program prints, up to a limit; what is beyond it is dropped and the limit remembered."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._parts: list[str] = []
        self.full = False

    def __call__(self, stream: str, text: str) -> None:
        kept = text.encode()[: self._left].decode(errors="ignore")
        self.full = self.full or len(kept) < len(text)
        self._left -= len(kept.encode())
        self._parts.append(kept)

    @property
    def text(self) -> str:
        return "".join(self._parts)


def _limits(limits: Limits) -> pydantic_monty.ResourceLimits:
    return {
        "max_feed_duration_secs": min(limits.cpu_s, limits.wall_s),
        "max_turn_duration_secs": min(limits.turn_s, limits.wall_s),
        "max_memory": limits.memory_bytes,
        "max_recursion_depth": limits.recursion,
        # Every answer of ours counts: entry and exit of skills and lookups of names too. Our own count comes first.
        "max_suspensions": 4 * READS_PER_CALL * limits.primitive_calls + 10_000,
    }


def _policy(seed: int) -> pydantic_monty.OSPolicy:
    return {"random_start": {"seed": seed}, "sleep": "zero", "datetime": CLOCK, "process_time": "zero"}


def _proxy(name: str) -> Any:
    def proxy() -> None: ...

    proxy.__name__ = name
    return proxy


def _json(value: Any, limit: int) -> Json:
    """Return what a program returned if it is JSON of bounded size, else None: it is a note, never evidence."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return json.loads(text) if len(text) <= limit else None
