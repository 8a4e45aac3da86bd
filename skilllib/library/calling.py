"""Rewrites the calls in a program for a callee that takes more arguments than the one before."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from skilllib.errors import InvalidProgram
from skilllib.records.base import Scalar
from skilllib.records.program import Program


def rewritten_calls(program: Program, name: str, arguments: Mapping[str, Scalar]) -> Program:
    r"""Return a program in which every call of a name passes these arguments as well; its other text stays as it is.

    Args:
        program: The caller.
        name: What it calls.
        arguments: Passed by name; a call that passes others by position, or one of these itself, cannot be rewritten.

    Raises:
        InvalidProgram: A call cannot be rewritten, or the name is used other than in calls.

    >>> bring = Program.parse("def bring() -> None:\n    'Bring it.'\n    fetch(amount=2)\n    fetch()\n")
    >>> print(rewritten_calls(bring, "fetch", {"what": "wheat"}).source)
    def bring() -> None:
        'Bring it.'
        fetch(amount=2, what='wheat')
        fetch(what='wheat')
    <BLANKLINE>
    """
    calls = [node for node in ast.walk(program.function) if isinstance(node, ast.Call) and _names(node.func, name)]
    if len(calls) < sum(_names(node, name) for node in ast.walk(program.function)):
        raise InvalidProgram(f"{program.name!r} uses {name!r} other than by calling it")
    lines = [line.encode() for line in program.source.split("\n")]
    for call in sorted(calls, key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0), reverse=True):
        given = {keyword.arg for keyword in call.keywords}
        if call.args or None in given or given & arguments.keys():
            raise InvalidProgram(f"{program.name!r} calls {name!r} in a way to which no argument can be added", line=call.lineno)
        line, end = (call.end_lineno or 0) - 1, (call.end_col_offset or 0) - 1
        head = lines[line][:end].rstrip()
        comma = b"" if not given or head.endswith(b",") else b", "
        added = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        lines[line] = lines[line][:end] + comma + added.encode() + lines[line][end:]
    return Program.parse(b"\n".join(lines).decode())


def _names(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
