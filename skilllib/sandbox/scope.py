"""Which names of a function are free, and where they stand in its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def free_names(function: ast.FunctionDef) -> list[ast.Name]:
    """Return the names that a top-level function reads from the module: neither its locals nor those of an enclosing scope.

    Args:
        function: A function at the top level. Annotations of variables and parameters count as reads.
    """
    outer = [node for child in _evaluated_outside(function) for node in _free(child, ())]
    return outer + _inside(function, ())


def _free(node: ast.AST, scopes: tuple[frozenset[str], ...]) -> list[ast.Name]:
    """Return the free names under a node that is evaluated inside these scopes."""
    if isinstance(node, ast.Name):
        return [] if any(node.id in scope for scope in scopes) else [node]
    if isinstance(node, _SCOPES):
        outer = [name for child in _evaluated_outside(node) for name in _free(child, scopes)]
        return outer + _inside(node, scopes)
    return [name for child in ast.iter_child_nodes(node) for name in _free(child, scopes)]


def _inside(scope: _Scope, scopes: tuple[frozenset[str], ...]) -> list[ast.Name]:
    own = (*scopes, frozenset(_bound_by(scope)))
    return [name for child in _evaluated_inside(scope) for name in _free(child, own)]


def _evaluated_outside(scope: _Scope) -> Iterator[ast.AST]:
    """Yield the parts of a scope that are evaluated where it stands: defaults, decorators, annotations, the first iterable."""
    if isinstance(scope, _COMPREHENSIONS):
        yield scope.generators[0].iter
        return
    yield from scope.args.defaults
    yield from (default for default in scope.args.kw_defaults if default is not None)
    if not isinstance(scope, ast.Lambda):
        yield from scope.decorator_list
        yield from (argument.annotation for argument in _arguments(scope.args) if argument.annotation is not None)
        if scope.returns is not None:
            yield scope.returns


def _evaluated_inside(scope: _Scope) -> Iterator[ast.AST]:
    if isinstance(scope, ast.Lambda):
        yield scope.body
    elif not isinstance(scope, _COMPREHENSIONS):
        yield from scope.body
    else:
        yield from ((scope.key, scope.value) if isinstance(scope, ast.DictComp) else (scope.elt,))
        for i, generator in enumerate(scope.generators):
            yield from (generator.target, *generator.ifs)
            if i:
                yield generator.iter


def _arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None)


def _bound_by(scope: _Scope) -> set[str]:
    if isinstance(scope, _COMPREHENSIONS):
        return {node.id for generator in scope.generators for node in ast.walk(generator.target) if isinstance(node, ast.Name)}
    names = {argument.arg for argument in _arguments(scope.args)}
    elsewhere: set[str] = set()
    for child in _evaluated_inside(scope):
        _bindings(child, names, elsewhere)
    return names - elsewhere


def _bindings(node: ast.AST, names: set[str], elsewhere: set[str]) -> None:
    """Collect the names that a node binds in the scope it stands in; `global` and `nonlocal` ones go to `elsewhere`."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            names.add(name)
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            names.add(name)
        case ast.ExceptHandler(name=str(name)):
            names.add(name)
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            names.update((alias.asname or alias.name).split(".")[0] for alias in aliases)
        case ast.Global(names=declared) | ast.Nonlocal(names=declared):
            elsewhere.update(declared)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            names.add(name)
    if isinstance(node, _COMPREHENSIONS):
        # An assignment expression inside a comprehension binds in the function around it (PEP 572).
        names.update(target.target.id for target in ast.walk(node) if isinstance(target, ast.NamedExpr))
        children: Iterator[ast.AST] = _evaluated_outside(node)
    else:
        children = _evaluated_outside(node) if isinstance(node, _SCOPES) else ast.iter_child_nodes(node)
    for child in children:
        _bindings(child, names, elsewhere)
