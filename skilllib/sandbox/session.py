"""Answers everything that a running program asks of our side: primitives, facts, entries and exits of skills."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from skilllib.protocols import Guard
from skilllib.records.execution import Limits, ProgramError
from skilllib.records.skill import Skill
from skilllib.records.world import Failure, Primitive
from skilllib.sandbox.binding import ArgumentRefused, bind, call_text
from skilllib.sandbox.linker import FACTS, Linked, Place
from skilllib.sandbox.stack import Moment, SkillStack
from skilllib.sandbox.watch import WorldWatch

READS_PER_CALL = 10
"""Reading facts and entering a skill count a tenth of a primitive call."""
DEEP = "<deeply nested>"
"""What the interpreter sends in place of a value when its stack is nearly full. A string argument that reads so is refused."""
Stop = Literal["terminated", "truncated", "steps", "deadline"]


class Discarded(Exception):
    """The session is not resumed: its episode, budget or time is over. Never raised into a program."""

    def __init__(self, stopped: Stop | None = None, error: ProgramError | None = None) -> None:
        super().__init__(stopped or error)
        self.stopped, self.error = stopped, error


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call that left the sandbox, already decoded."""

    function: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    place: Place | None
    """Where it stands; None in one of our own lines."""

    @property
    def truncated(self) -> bool:
        """True if an argument was lost: near its recursion limit the interpreter puts a placeholder in place of any value."""
        return any(_is_deep(value) for value in (*self.args, *self.kwargs.values()))


class Session:
    """Our side of one run."""

    def __init__(
        self, linked: Linked, world: WorldWatch, limits: Limits, grants: frozenset[str] | None, guard: Guard | None = None
    ) -> None:
        self.world, self.stack = world, SkillStack()
        self._guard = guard
        self._linked, self._limits = linked, limits
        declared = {primitive.name: primitive for primitive in world.spec.primitives if primitive.name != FACTS}
        self._primitives = {name: declared[name] for name in declared if grants is None or name in grants}
        self._declared = declared
        self._deadline = time.monotonic() + limits.wall_s
        self._reads = 0
        self._raised: dict[tuple[str, str], ProgramError] = {}
        self._last: Place | None = None
        self._last_call: str | None = None

    @property
    def now(self) -> Moment:
        """Where the run stands."""
        return Moment(len(self.world.steps), self.world.now.facts)

    @property
    def late(self) -> bool:
        """True when the deadline has passed."""
        return time.monotonic() >= self._deadline

    def answer(self, call: Call) -> dict[str, Any]:
        """Return what the program gets for a call: `{"return_value": …}` or `{"exception": …}`.

        Raises:
            Discarded: The program must not run on.
            EnvironmentFault: The environment broke its contract.
        """
        self._check_budgets()
        if call.truncated:
            return {"exception": RecursionError("maximum recursion depth exceeded while calling out of the sandbox")}
        if call.place is None:
            return self._report(call)
        self._speaks(call.place)
        if call.function == FACTS:
            return self._facts(call)
        return self._primitive(call, call.place)

    def knows(self, name: str) -> bool:
        """Return whether a name stands for a function of ours; asking counts like reading facts.

        Raises:
            Discarded: The program must not run on.
        """
        self.count_read()
        return name == FACTS or name in self._primitives

    def blame(self, kind: str, message: str) -> ProgramError | None:
        """Return the error of ours with which the program ended, None if it is another one."""
        return self._raised.get((kind, message))

    def here(self) -> Place:
        """Return the best guess of where a call stands that comes from the interpreter's own library (`functools.reduce`)."""
        top = self.stack.skills[-1] if self.stack.skills else None
        return self._last if self._last is not None and self._last.skill is top else Place(skill=top, line=1)

    def last_place(self) -> tuple[Place | None, str | None]:
        """Return where the last call stands and the call, for errors that come without a line."""
        return self._last, self._last_call

    def granted(self) -> str:
        """Return in words what a program may call."""
        return ", ".join([*sorted(self._primitives), FACTS])

    def count_read(self) -> None:
        """Count one small question to our side.

        Raises:
            Discarded: The program must not run on.
        """
        self._check_budgets()
        self._reads += 1

    def _check_budgets(self) -> None:
        if self.late:
            raise Discarded("deadline")
        used = len(self.world.steps) * READS_PER_CALL + self._reads
        if used >= self._limits.primitive_calls * READS_PER_CALL:
            message = f"more than {self._limits.primitive_calls} primitive calls (reading facts counts a tenth)"
            raise Discarded(error=self._error("calls", message, self._last, primitive=self._last_call))

    def _speaks(self, place: Place) -> None:
        self._last = place
        self.stack.speaks(place.skill, self.now)

    def _report(self, call: Call) -> dict[str, Any]:
        if call.function == self._linked.leave:
            self.stack.leave(call.args[0], self.now)
            return {"return_value": None}
        if call.function != self._linked.enter:
            return {"exception": NameError(f"name {call.function!r} is not defined")}
        self._reads += 1
        number, args, kwargs = call.args
        door = self._linked.doors[number]
        self.stack.speaks(door.caller, self.now)
        program = door.callee.program
        assert program is not None  # noqa: S101 - the linker makes doors to code only
        if self._guard is not None and (reason := self._guard.refusal(door.callee)) is not None:
            return self._raise(PermissionError(reason), self._error("grant", reason, None))
        try:
            arguments = bind(program.name, program.parameters, args, kwargs)
        except ArgumentRefused as refused:
            return self._raise(TypeError(str(refused)), self._error("argument", str(refused), None))
        return {"return_value": (self.stack.enter(door.callee, arguments, self.now), arguments)}

    def _facts(self, call: Call) -> dict[str, Any]:
        if call.args or call.kwargs:
            return self._refuse(TypeError("facts() takes no arguments"), "argument", call.place)
        self._reads += 1
        return {"return_value": self.world.now.facts}

    def _primitive(self, call: Call, place: Place) -> dict[str, Any]:
        primitive = self._primitives.get(call.function)
        if primitive is None:
            return self._refuse(self._not_granted(call.function), "grant", place)
        if (skill := self._incapable(primitive.name, place)) is not None:
            capabilities = ", ".join(skill.contract.capabilities)
            message = f"{primitive.name!r} is not among the capabilities of {skill.name!r}: {capabilities}"
            return self._refuse(PermissionError(message), "grant", place)
        try:
            arguments = bind(primitive.name, primitive.parameters, call.args, call.kwargs)
        except ArgumentRefused as refused:
            return self._refuse(TypeError(str(refused)), "argument", place, primitive=primitive.name)
        return self._act(primitive, arguments, place)

    def _act(self, primitive: Primitive, arguments: dict[str, Any], place: Place) -> dict[str, Any]:
        if self.world.world_steps >= self._limits.world_steps:
            raise Discarded("steps")
        self._last_call = call_text(primitive.name, arguments)
        outcome = self.world.call(primitive.name, arguments, self.stack.names)
        if outcome.terminated or outcome.truncated:
            raise Discarded("terminated" if outcome.terminated else "truncated")
        if self.world.world_steps > self._limits.world_steps:
            raise Discarded("steps")
        if self.late:
            raise Discarded("deadline")
        if outcome.failure is None:
            return {"return_value": outcome.value}
        message = failure_text(outcome.failure)
        return self._raise(
            RuntimeError(message), self._error("primitive", message, place, primitive=self._last_call, failure=outcome.failure)
        )

    def _incapable(self, primitive: str, place: Place) -> Skill | None:
        for skill in (*self.stack.skills, place.skill):
            if skill is not None and skill.contract.capabilities and primitive not in skill.contract.capabilities:
                return skill
        return None

    def _not_granted(self, name: str) -> Exception:
        if name in self._declared:
            return PermissionError(f"{name!r} is not granted to this program; granted: {self.granted()}")
        return NameError(f"{name!r} is neither a granted primitive nor a skill; granted: {self.granted()}")

    def _refuse(self, exception: Exception, kind: Any, place: Place | None, *, primitive: str | None = None) -> dict[str, Any]:
        self._reads += 1
        return self._raise(exception, self._error(kind, str(exception), place, primitive=primitive))

    def _raise(self, exception: Exception, error: ProgramError) -> dict[str, Any]:
        # The program sees type and text only; what ended it is recognised by them, so a failure it caught is not blamed.
        self._raised[type(exception).__name__, str(exception)] = error
        return {"exception": exception}

    def _error(self, kind: Any, message: str, place: Place | None, **fields: Any) -> ProgramError:
        line, skill = (place.line, place.skill.name if place.skill else None) if place else (None, None)
        return ProgramError(kind=kind, message=message, line=line, skill=skill, **fields)


def failure_text(failure: Failure) -> str:
    """Return a failure as the program reads it: the message, and what was missing in words."""
    missing = "; ".join(words for lack in failure.missing if (words := lack.words()))
    return f"{failure.message} (missing: {missing})" if missing else failure.message


def _is_deep(value: object) -> bool:
    """Return whether a value is the placeholder or, for a report of ours, holds it: (number, args, kwargs)."""
    if isinstance(value, tuple):
        return any(_is_deep(item) for item in value)
    if isinstance(value, dict):
        return any(_is_deep(item) for item in value.values())
    return isinstance(value, str) and value == DEEP
