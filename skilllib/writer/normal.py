"""When two programs are the same program: equal syntax, whatever the names that only they see."""

from __future__ import annotations

import ast
from functools import lru_cache

from skilllib.records.program import Program, syntax_tree


def normal(program: Program) -> str:
    """Return a text that is equal for programs that differ only in the function's name, docstring, annotations and locals.

    Parameters keep their names: callers pass arguments by them.

    >>> one, other = (
    ...     Program.parse(f"def {name}(n: int = 1) -> None: '{name}'; {local} = n; walk({local})")
    ...     for name, local in (("go", "a"), ("leave", "b"))
    ... )
    >>> normal(one) == normal(other)
    True
    """
    return _normal(program.source)


@lru_cache(maxsize=4096)
def _normal(source: str) -> str:
    program = Program.parse(source)
    function = syntax_tree(source).body[0]
    assert isinstance(function, ast.FunctionDef)  # noqa: S101 - guaranteed by validation
    parameters = {parameter.name for parameter in program.parameters}
    return ast.dump(_Renamed(function, (program.bound - parameters) | {program.name}).visit(function))


class _Renamed(ast.NodeTransformer):
    """Numbers the names that a function binds in the order in which they appear."""

    def __init__(self, root: ast.FunctionDef, own: frozenset[str] | set[str]) -> None:
        self._root, self._own = root, own
        self._numbers: dict[str, str] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name, node.returns = self._name(node.name), None
        if node is self._root:
            node.body = node.body[1:] or [ast.Pass()]  # a program begins with its docstring
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._name(node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._name(node.arg)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        node.name = self._name(node.name) if node.name else None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None or not isinstance(node.target, ast.Name):
            return self.generic_visit(node)
        return self.generic_visit(ast.Assign(targets=[node.target], value=node.value))

    def _name(self, name: str) -> str:
        return self._numbers.setdefault(name, f"_{len(self._numbers)}") if name in self._own else name
