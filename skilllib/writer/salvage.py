"""What is left of a program that went wrong late: the part that did its work, without another call to a model."""

from __future__ import annotations

import ast
import copy

from skilllib.errors import InvalidProgram
from skilllib.protocols import Draft
from skilllib.records.execution import Attempt
from skilllib.records.program import Program
from skilllib.records.task import Task


def cut(program: Program, line: int) -> Program | None:
    """Return a program without the statement at a line and all that comes after it; None if no call is left.

    Args:
        program: The program.
        line: A line of its source, counted from 1.
    """
    function = copy.deepcopy(program.function)
    found, function.body = _before(function.body, line)
    calls = any(isinstance(node, ast.Call) for statement in function.body[1:] for node in ast.walk(statement))
    if not found or not calls:
        return None
    try:
        return Program.parse(ast.unparse(ast.fix_missing_locations(function)) + "\n")
    except InvalidProgram:
        return None


def enough(task: Task, attempt: Attempt) -> Draft | None:
    """Return the part of a program that had done its task before it failed, or None if it had not."""
    check, execution = task.parsed_check(), attempt.execution
    error = execution.error
    if check is None or error is None or error.line is None or error.skill is not None or attempt.reuses is not None:
        return None
    arguments = {**task.arguments(), **execution.arguments}
    if not check.holds(execution.before.facts, execution.after.facts, arguments):
        return None
    program = cut(attempt.program, error.line)
    rationale = f"{attempt.program.name} had done its task when it failed at line {error.line}; the rest is left out"
    return Draft(program=program, rationale=rationale) if program is not None else None


def _before(body: list[ast.stmt], line: int) -> tuple[bool, list[ast.stmt]]:
    """Return whether a block has a statement at a line, and what comes before it, compound statements cut within."""
    kept: list[ast.stmt] = []
    for statement in body:
        if not statement.lineno <= line <= (statement.end_lineno or statement.lineno):
            kept.append(statement)
            continue
        inner = getattr(statement, "body", [])
        if inner and inner[0].lineno <= line:
            found, rest = _before(inner, line)
            if found and rest:
                statement.body, statement.orelse = rest, []  # type: ignore[attr-defined]
                kept.append(statement)
        return True, kept
    return False, kept
