"""When two programs are the same program: equal syntax, whatever the names that only they see."""

from __future__ import annotations

import ast
from collections.abc import Mapping
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


def outline(program: Program, meanings: Mapping[str, str], *, constants: bool) -> str:
    """Return a text that is equal for programs that differ in no more than their own names, those of parameters among them.

    Args:
        program: The program.
        meanings: Name in the source → what it stands for, where that is not what it is called.
        constants: Whether constants count.

    >>> pairs = (("go", "n"), ("leave", "k"))
    >>> go, leave = (Program.parse(f"def {name}({given}: int): '{name}'; walk({given}, 3)") for name, given in pairs)
    >>> outline(go, {}, constants=True) == outline(leave, {}, constants=True)
    True
    """
    function = syntax_tree(program.source).body[0]
    assert isinstance(function, ast.FunctionDef)  # noqa: S101 - guaranteed by validation
    own = program.bound | {program.name}
    return ast.dump(_Outlined(function, own - meanings.keys(), meanings, constants).visit(function))


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


class _Outlined(_Renamed):
    """Renames parameters too, puts what a name stands for in its place, and leaves out annotations."""

    def __init__(self, root: ast.FunctionDef, own: frozenset[str], meanings: Mapping[str, str], constants: bool) -> None:
        super().__init__(root, own)
        self._meanings, self._constants = meanings, constants

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(arg=self._name(node.arg), annotation=None)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return node if self._constants else ast.Constant(value=0)

    def _name(self, name: str) -> str:
        return self._meanings.get(name) or super()._name(name)
