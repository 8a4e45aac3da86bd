"""Tests of facts in programs: such as fail to mean what they were written for."""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection
from dataclasses import replace

from skilllib.protocols import Draft
from skilllib.records.program import Program
from skilllib.records.task import Task
from skilllib.writer.salvage import parsed

FIRST = "at_first"
"""What a fact was when the program began, in programs that were rebased."""


def rebased(draft: Draft, task: Task) -> Draft:
    """Return a draft that compares what its task shall raise with what it was at first, and not with a number.

    `while facts()["deeds"]["ring_bell"] < 1` rings the bell once in a life and never again. Where nothing was done yet the
    new program does the same as the old one.
    """
    check = task.parsed_check()
    facts = [condition.fact for condition in check.conditions() if condition.kind == "increase"] if check else []
    if draft.reuses is not None:
        return draft
    alternatives = tuple(rebased(one, task) for one in draft.alternatives)
    program = _rebased(draft.program, facts[0]) if len(facts) == 1 else None
    return replace(draft, program=program or draft.program, alternatives=alternatives)


def unconditional(program: Program) -> Program | None:
    """Return a program that does once, and without any test, what stands under its tests; None if it has none.

    For one that did nothing, since every test was false.
    """
    function = copy.deepcopy(program.function)
    if not any(isinstance(statement, ast.If | ast.While) for statement in function.body):
        return None
    function.body = _flat(function.body)
    return parsed(function)


def _rebased(program: Program, fact: str) -> Program | None:
    function = copy.deepcopy(program.function)
    change = _Rebase(fact.split("."))
    for statement in function.body:
        change.visit(statement)
    if not change.found or FIRST in program.source:
        return None
    start = f"{FIRST} = facts()" + "".join(f"[{key!r}]" for key in fact.split("."))
    function.body[1:1] = ast.parse(start).body
    return parsed(function)


class _Rebase(ast.NodeTransformer):
    """Adds what a fact was at first to the whole numbers it is compared with."""

    def __init__(self, keys: Collection[str]) -> None:
        self._keys = list(keys)
        self.found = False

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        """Change a comparison of the fact with one whole number, on either side."""
        if len(node.ops) != 1:
            return node
        sides = [node.left, node.comparators[0]]
        for this, other in ((0, 1), (1, 0)):
            if _keys(sides[this]) == self._keys and _is_whole(sides[other]):
                self.found = True
                sides[other] = ast.BinOp(left=ast.Name(id=FIRST, ctx=ast.Load()), op=ast.Add(), right=sides[other])
        node.left, node.comparators = sides[0], [sides[1]]
        return node


def _keys(node: ast.expr) -> list[str]:
    """Return the path of a fact that is read, `["deeds", "ring_bell"]`; nothing for anything else."""
    keys: list[str] = []
    while isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        keys.insert(0, node.slice.value)
        node = node.value
    reads = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "facts"
    return keys if reads else []


def _is_whole(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool)


def _flat(body: list[ast.stmt]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.If | ast.While):
            found += _flat(statement.body)
        elif not isinstance(statement, ast.Break | ast.Continue | ast.Return):
            found.append(statement)
    return found
