"""Reads a program out of a model's reply, strictly, and says exactly what is wrong with the reply if there is none."""

from __future__ import annotations

import ast
import re
import textwrap

from skilllib.errors import InvalidProgram
from skilllib.records.model import Reply
from skilllib.records.program import Program, syntax_tree

_THOUGHT = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL | re.IGNORECASE)
_BLOCK = re.compile(r"^[ ]{0,3}```[ \t]*([^\n`]*)\n(.*?)^[ ]{0,3}```[ \t]*$", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r"^[ ]{0,3}```", re.MULTILINE)
_PYTHON = ("python", "py", "python3", "")
"""Ways of opening the block that cannot mean anything else, so that refusing them would teach nothing."""
_TYPING = re.compile(r"\A(?:[ \t]*\n|from typing import [\w, ]+\n|import typing\n)+")
"""Imports for annotations at the top: what they name is there anyway, so they are taken off."""
_FACTS = re.compile(r"(?<![\w.])facts\(\)(?:\[[^\[\]\n]*\]|\.[A-Za-z_]\w*(?![\w(]))+")
_ATTRIBUTE = re.compile(r"\.([A-Za-z_]\w*)")
"""Facts are nested dictionaries of plain values: what looks like an attribute of them can only be a key."""
_READ = ast.dump(ast.parse("facts()", mode="eval").body)
RATIONALE = 200
"""Characters kept of what a reply says outside of its code."""


class Unusable(Exception):
    """A reply that cannot be used; the message is what the model is told."""


def spoken(reply: Reply) -> str:
    """Return what a reply says, without what the model thought aloud before."""
    return _THOUGHT.sub("", reply.text).strip()


def program_in(reply: Reply) -> Program:
    """Return the program of a reply.

    Raises:
        Unusable: The reply is empty or cut off, has no code block or several, or the block holds no program.
    """
    return parsed(_code(reply))


def rationale_in(reply: Reply) -> str:
    """Return what a reply says beside its code, shortened."""
    return " ".join(_BLOCK.sub("", spoken(reply)).split())[:RATIONALE]


def parsed(source: str) -> Program:
    """Return the program of a source.

    Raises:
        Unusable: It is none, with the line that is to blame.
    """
    source = _TYPING.sub("", textwrap.dedent(source)).strip("\n") + "\n"
    source = _without_assignments(_FACTS.sub(lambda read: _ATTRIBUTE.sub(r'["\1"]', read[0]), source))
    try:
        return Program.parse(source)
    except InvalidProgram as error:
        raise Unusable(f"{error}{quoted(source, error.line)}") from None


def _without_assignments(source: str) -> str:
    """Return a source without assignments to facts, if it has any; what their values call stays."""
    taken_off = _AssignmentsOff()
    try:
        tree = taken_off.visit(syntax_tree(source))
        return f"{ast.unparse(tree)}\n" if taken_off.found else source
    except (InvalidProgram, RecursionError):
        return source  # whoever parses it for good says what is wrong


class _AssignmentsOff(ast.NodeTransformer):
    """Takes assignments to facts off: facts are copies, so that such a statement does no more than its value does."""

    found = False

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        return self._left(node, node.targets)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        return self._left(node, [node.target])

    def _left(self, node: ast.Assign | ast.AugAssign, targets: list[ast.expr]) -> ast.stmt:
        if not all(map(_is_fact, targets)):
            return node
        self.found = True
        return ast.Expr(node.value) if _acts(node.value) else ast.Pass()


def _is_fact(node: ast.expr) -> bool:
    """Return whether an expression is a key of `facts()`, found without doing anything else."""
    return isinstance(node, ast.Subscript) and not _acts(node.slice) and (_is_facts(node.value) or _is_fact(node.value))


def _is_facts(node: ast.AST) -> bool:
    return ast.dump(node) == _READ


def _acts(node: ast.expr) -> bool:
    """Return whether an expression does more than to look facts up."""
    return any(isinstance(part, ast.Call | ast.NamedExpr) and not _is_facts(part) for part in ast.walk(node))


def quoted(source: str, line: int | None) -> str:
    """Return a line of a source as it is appended to a message; nothing where there is no such line."""
    lines = source.splitlines()
    return f"\nline {line}: {lines[line - 1].strip()}" if line and line <= len(lines) and lines[line - 1].strip() else ""


def _code(reply: Reply) -> str:
    text = spoken(reply)
    if not text:
        raise Unusable("the reply is empty; write one ```python block with one function")
    blocks = _BLOCK.findall(text)
    if reply.finish == "length" and (len(blocks) != 1 or len(_FENCE.findall(text)) != 2):
        raise Unusable("the reply was cut off because it is too long; write a shorter function and nothing else")
    if len(_FENCE.findall(text)) % 2:
        raise Unusable("the code block is not closed; end it with ``` on a line of its own")
    if not blocks:
        raise Unusable("there is no code block; put the function between ```python and ```")
    if len(blocks) > 1:
        raise Unusable(f"there are {len(blocks)} code blocks; write exactly one, with one function")
    ((language, source),) = blocks
    if language.strip().lower() not in _PYTHON:
        raise Unusable(f"the code block is marked {language.strip()!r}; it must be ```python")
    if not source.strip():
        raise Unusable("the code block is empty; put one function into it")
    return str(source)
