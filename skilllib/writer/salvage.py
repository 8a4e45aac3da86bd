"""Changes of a program at one line: cut off there, without it, or with something before it. No model is asked."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable

from skilllib.errors import InvalidProgram
from skilllib.protocols import Draft
from skilllib.records.execution import Attempt
from skilllib.records.naming import RESERVED
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
    return parsed(function) if found else None


def without(program: Program, line: int) -> Program | None:
    """Return a program without the innermost statement at a line; None if there is none, or no call is left.

    Args:
        program: The program.
        line: A line of its source, counted from 1.
    """
    return _edited(program, line, lambda _: [])


def inserted(program: Program, line: int, source: str) -> Program | None:
    """Return a program with statements before the innermost one at a line; None if there is none.

    Args:
        program: The program.
        line: A line of its source, counted from 1.
        source: The statements.
    """
    return _edited(program, line, lambda statement: [*ast.parse(source).body, statement])


def statement(program: Program, line: int) -> str | None:
    """Return the innermost statement at a line as Python in its plainest form, or None if there is none."""
    found = _innermost(program.function, line)
    return ast.unparse(found) if found is not None else None


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


def parsed(function: ast.FunctionDef) -> Program | None:
    """Return the program of a function that was changed; None if it does nothing any more, or breaks a rule."""
    called = {
        node.func.id
        for statement in function.body[1:]
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    if not called - RESERVED:
        return None
    try:
        return Program.parse(ast.unparse(ast.fix_missing_locations(function)) + "\n")
    except InvalidProgram:
        return None


def _edited(program: Program, line: int, edit: Callable[[ast.stmt], list[ast.stmt]]) -> Program | None:
    function = copy.deepcopy(program.function)
    innermost = _innermost(function, line)
    if innermost is None:
        return None
    function.body = [new for old in function.body for new in _listed(_Edit(innermost, edit).visit(old))]
    return parsed(function)


def _innermost(function: ast.FunctionDef, line: int) -> ast.stmt | None:
    at = [
        statement
        for top in function.body[1:]
        for statement in ast.walk(top)
        if isinstance(statement, ast.stmt) and statement.lineno <= line <= (statement.end_lineno or statement.lineno)
    ]
    return min(at, key=lambda one: ((one.end_lineno or line) - one.lineno, -one.col_offset)) if at else None


def _listed(new: ast.AST | list[ast.stmt] | None) -> list[ast.stmt]:
    return new if isinstance(new, list) else [new] if isinstance(new, ast.stmt) else []


class _Edit(ast.NodeTransformer):
    """Puts other statements in the place of one; what is left without a body goes too."""

    def __init__(self, target: ast.stmt, edit: Callable[[ast.stmt], list[ast.stmt]]) -> None:
        self._target, self._edit = target, edit

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt] | None:
        if node is self._target:
            return self._edit(self._target)
        node = self.generic_visit(node)
        if isinstance(node, ast.ExceptHandler) and not node.body:
            node.body = [ast.Pass()]
        return None if isinstance(node, ast.stmt) and getattr(node, "body", None) == [] else node


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
