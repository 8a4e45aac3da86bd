"""Whether a program fits its task, its world and the library, before anything is run."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from skilllib.errors import InvalidRecord
from skilllib.protocols import Draft
from skilllib.records.execution import Attempt, Trace
from skilllib.records.naming import RESERVED, refuse_name
from skilllib.records.normal import normal
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec
from skilllib.sandbox.binding import ArgumentRefused, bind
from skilllib.sandbox.linker import FACTS, rewritten
from skilllib.writer.naming import free_name, looks_taken
from skilllib.writer.reply import Unusable, quoted
from skilllib.writer.typecheck import TypeChecker

TOLD = 3
"""Problems of one program that a model is told at once."""


class Repeated(Unusable):
    """A program that was run for this task before and failed."""


class Faulty(Unusable):
    """A program that is certain to fail at a line.

    Attributes:
        program: The program.
        line: The first such line.
    """

    def __init__(self, message: str, program: Program, line: int | None) -> None:
        super().__init__(message)
        self.program, self.line = program, line


class Fit:
    """What a program must fit.

    Args:
        spec: The environment's specification.
        checker: Knows the signatures.
        known: The active skills that may be called.
        task: The task.
        trace: The attempts so far.
        overwrites: A program keeps its name although a skill has it, and is new although a skill is the same.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        checker: TypeChecker,
        known: Sequence[Skill],
        task: Task,
        trace: Trace,
        *,
        overwrites: bool = False,
    ) -> None:
        self._checker, self._task, self._trace, self._overwrites = checker, task, trace, overwrites
        self._primitives = frozenset(primitive.name for primitive in spec.primitives) | {FACTS}
        self._known = {skill.name: skill for skill in known if skill.name not in RESERVED}
        self._mended = next((skill for skill in known if skill.code_hash == task.repairs), None)

    def draft(self, program: Program, rationale: str) -> Draft:
        """Return the draft that a program amounts to: new code, or an active skill that it is word for word.

        Raises:
            Unusable: It does not fit, with all that is needed to make it fit.
        """
        self._refuse_arguments(program)
        self._refuse_repeated(program)
        if not self._overwrites and (same := self._same(program)) is not None and same.program is not None:
            return Draft(program=same.program, reuses=same, rationale=f"{same.name} is what was written")
        self._refuse_names(program)
        self._refuse_calls(program)
        return Draft(program=self._named(program), rationale=rationale)

    def _refuse_arguments(self, program: Program) -> None:
        if self._mended is not None and program.signature() != self._mended.signature():
            raise Unusable(f"the function mends a skill, so it must begin with `def {self._mended.signature()}`")
        for i in range(max((len(values) for values in self._task.parameters.values()), default=1)):
            try:
                bind(program.name, program.parameters, (), self._task.arguments(i))
            except ArgumentRefused as refused:
                raise Unusable(f"the function cannot be called for the task: {refused}") from None

    def _refuse_repeated(self, program: Program) -> None:
        form = normal(program)
        if self._mended is not None and self._mended.program is not None and normal(self._mended.program) == form:
            raise Repeated(f"this is {self._mended.name!r} as it is, which failed; change it")
        for attempt in reversed(self._trace.attempts):
            if not attempt.solved and normal(attempt.program) == form:
                raise Repeated(f"this is the same program as before, which failed: {why(attempt)}\n{_remedy(attempt)}")

    def _same(self, program: Program) -> Skill | None:
        """Return the active skill whose program this is, calling the very versions that the program would call."""
        form = normal(program)
        for skill in self._known.values():
            alike = skill.program is not None and skill.program.names == program.names and normal(skill.program) == form
            if alike and all(self._version(callee.name) == callee.code_hash for callee in skill.calls):
                return skill
        return None

    def _version(self, name: str) -> str | None:
        return self._known[name].code_hash if name in self._known else None

    def _refuse_names(self, program: Program) -> None:
        try:
            refuse_name(program.name)
            program.refuse_rebinding(self._primitives)
            for name in program.names & self._known.keys():
                rewritten(program.source, program.name, ((name, f"{name}_"),))
        except InvalidRecord as error:
            raise Unusable(str(error)) from None
        if program.name in self._known and program.name in _read(program):
            raise Unusable(f"{program.name!r} is the name of a skill, so the function would call itself; give it another name")

    def _refuse_calls(self, program: Program) -> None:
        if problems := self._checker.problems(program, self._known.values()):
            told = [
                f"{f'line {line}: ' if line else ''}{message}{quoted(program.source, line)}" for line, message in problems[:TOLD]
            ]
            raise Faulty("\n".join(told), program, problems[0].line)
        if not program.names & ((self._primitives - {FACTS}) | self._known.keys()):
            raise Unusable("the function calls no primitive and no skill, so it changes nothing")

    def _named(self, program: Program) -> Program:
        """Return the program under its own name, or a free one if a skill that does something else has that name or one like it."""
        other = self._known.get(program.name)
        if other is None:
            right = not looks_taken(program.name, self._known)
        else:
            right = other is self._mended or any(p.check == self._task.check for p in other.contract.provides)
        if self._overwrites or right:
            return program
        name = free_name(self._task.goal, {*self._primitives, *self._known})
        return Program.parse(rewritten(program.source, name, ((program.name, name),)))


def why(attempt: Attempt) -> str:
    """Return why an attempt failed, with the line at which it ended."""
    proof = attempt.proof
    if attempt.verdict.solved and proof is not None:
        failures = [trial.error.message if trial.error else trial.reason for trial in proof.trials if not trial.solved]
        return f"it worked once, but not in other worlds: {proof.reason}" + (f"; {failures[0]}" if failures else "")
    error = attempt.execution.error
    where = quoted(attempt.program.source, error.line) if error is not None and error.skill is None else ""
    again = " (the same call may work later)" if error is not None and error.failure is not None and error.failure.retry else ""
    return attempt.verdict.reason + again + where


def _remedy(attempt: Attempt) -> str:
    lacks = "; ".join(words for lack in attempt.execution.missing() if (words := lack.words()))
    before = attempt.execution.error.primitive if attempt.execution.error else None
    if not lacks or not before:
        return "Write a different program"
    return f"Write a different program: before {before}, make the calls that bring about {lacks}"


def _read(program: Program) -> set[str]:
    return {node.id for node in ast.walk(program.function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
