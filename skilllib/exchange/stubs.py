"""Skills as Python stubs, so that an editor knows their names, parameters and promises."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable

from skilllib.exchange.wording import provision_line, summary
from skilllib.records.skill import Skill

_HEAD = '"""Skills of a library: signatures for an editor. They run in a sandbox, see `skilllib run NAME`."""\n\n'
_TYPES = ("bool", "float", "int", "str", "None")
_TAKEN = frozenset({*_TYPES, "Any", "Literal"})
"""Names that the stubs themselves need; a function of such a name would change what the others mean."""


def stubs(skills: Iterable[Skill]) -> str:
    """Return a `.pyi` with one function for each skill in code."""
    functions = [_function(skill) for skill in sorted(skills, key=lambda skill: skill.name) if skill.program is not None]
    return f"{_HEAD}from typing import Any, Literal\n" + "".join(f"\n{function}\n" for function in functions)


def _function(skill: Skill) -> str:
    if skill.program is None or skill.name in _TAKEN:
        return f"# {skill.name}: left out, since it has the name of a type"
    node = copy.deepcopy(skill.program.function)
    said = "\n    ".join([summary(skill), *(f"Provides {provision_line(provision)}" for provision in skill.contract.provides)])
    node.body = [ast.Expr(ast.Constant(said)), ast.Expr(ast.Constant(...))]
    if not (node.returns is not None and ast.unparse(node.returns) in _TYPES):
        node.returns = ast.Name("Any")
    return ast.unparse(node)
