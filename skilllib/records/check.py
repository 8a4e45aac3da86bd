"""A check decides whether a task was solved: a small, bounded expression over recorded facts.

It is written in Python's expression syntax and evaluated by walking its syntax tree on our side; nothing of it is ever
executed. Facts are reached by attribute or by a constant key, parameters of the task by their name:

    after.inventory.rope >= amount
    after.achievements.open_door > before.achievements.open_door
    after.door["is open"] and not after.alarm

Allowed: `before`, `after`, parameters, constants, comparisons (also `in` a tuple of constants), `and`, `or`, `not`,
`+ - *`, and the functions `len`, `min`, `max`, `abs`. A fact that was not observed makes the check fail (fail closed).
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from skilllib.errors import InvalidCheck
from skilllib.records.base import Json
from skilllib.records.facts import Facts

MAX_LENGTH = 1000
"""Characters of a check; a longer one is refused rather than parsed."""
MAX_NODES = 200
"""Nodes of its syntax tree."""
MAX_MAGNITUDE = 1e15
"""Largest number a sum or a product may reach, so that no expression grows without bound."""

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"len": len, "min": min, "max": max, "abs": abs}


class _Absent(Exception):
    """A fact the check needs was not observed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One conjunct of a check in a form that a search can work with."""

    fact: str
    """Dotted path of the fact."""
    kind: Literal["at_least", "at_most", "equals", "increase", "decrease"]
    value: Json
    """The level, the size of the change, or the value; a `str` starting with `$` names a parameter."""

    def bound(self, arguments: Mapping[str, Json]) -> Condition:
        """Return the condition with a parameter replaced by its argument."""
        if isinstance(self.value, str) and self.value.startswith("$"):
            return Condition(fact=self.fact, kind=self.kind, value=arguments[self.value[1:]])
        return self


class Check:
    """A parsed check.

    Args:
        source: The expression.
        parameters: Names of the task's parameters that it may use.

    Raises:
        InvalidCheck: The expression is too long, does not parse, or uses something that is not allowed.
    """

    def __init__(self, source: str, *, parameters: frozenset[str] = frozenset()) -> None:
        self.source = source
        self._parameters = parameters
        self._body = _parsed(source, parameters)

    def holds(self, before: Facts, after: Facts, arguments: Mapping[str, Json] | None = None) -> bool:
        """Return whether the check holds for these facts; False when a fact it needs was not observed."""
        scope = {**(arguments or {}), "before": before, "after": after}
        return _holds(self._body, scope)

    def met(self, before: Facts, after: Facts, arguments: Mapping[str, Json] | None = None) -> float:
        """Return the share of the conjuncts that hold for these facts."""
        scope = {**(arguments or {}), "before": before, "after": after}
        parts = _conjuncts(self._body)
        return sum(_holds(part, scope) for part in parts) / len(parts)

    def facts(self) -> tuple[str, ...]:
        """Return the dotted paths of all facts the check reads, in order of appearance."""
        return tuple(dict.fromkeys(path for _, path in _paths(self._body)))

    @property
    def conjuncts(self) -> int:
        """How many conditions are joined by `and`, those that `conditions` leaves out among them."""
        return len(self._body.values) if isinstance(self._body, ast.BoolOp) and isinstance(self._body.op, ast.And) else 1

    def conditions(self) -> tuple[Condition, ...]:
        """Return the conjuncts that a search can work with; an unusual one is left out."""
        return tuple(condition for part in _conjuncts(self._body) if (condition := _condition(part)) is not None)


def _conjuncts(body: ast.expr) -> list[ast.expr]:
    return body.values if isinstance(body, ast.BoolOp) and isinstance(body.op, ast.And) else [body]


def _holds(node: ast.expr, scope: Mapping[str, Any]) -> bool:
    try:
        return bool(_value(node, scope))
    except (_Absent, TypeError, KeyError, ValueError, OverflowError):
        return False


@lru_cache(maxsize=4096)
def _parsed(source: str, parameters: frozenset[str]) -> ast.expr:
    if len(source) > MAX_LENGTH:
        raise InvalidCheck(f"a check has at most {MAX_LENGTH} characters, this one has {len(source)}")
    try:
        body = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidCheck(f"{source!r} is not an expression: {error}") from error
    if sum(1 for _ in ast.walk(body)) > MAX_NODES:
        raise InvalidCheck(f"a check has at most {MAX_NODES} nodes; split the task")
    _validate(body, parameters, source)
    if not list(_paths(body)):
        raise InvalidCheck(f"{source!r} reads no fact; write it over `before` and `after`")
    return body


def _validate(node: ast.expr, parameters: frozenset[str], source: str) -> None:
    if _path(node) is not None:
        return
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None):
            return
        case ast.Name(id=name) if name in parameters:
            return
        case ast.Name(id=name):
            raise InvalidCheck(f"{name!r} in {source!r} is neither `before`, `after` nor a parameter {sorted(parameters)}")
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _FUNCTIONS:
            for argument in node.args:
                _validate(argument, parameters, source)
            return
    _validate_operator(node)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            _validate(child, parameters, source)


def _validate_operator(node: ast.expr) -> None:
    match node:
        case ast.BoolOp() | ast.Tuple() | ast.Compare() | ast.UnaryOp(op=ast.Not() | ast.USub()):
            pass
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
            pass
        case _:
            raise InvalidCheck(f"{ast.unparse(node)!r} is not allowed in a check; see the list in the documentation of checks")
    if isinstance(node, ast.Compare) and any(type(op) not in _COMPARISONS for op in node.ops):
        raise InvalidCheck(f"{ast.unparse(node)!r}: only == != < <= > >= in, not in")


def _path(node: ast.expr) -> tuple[str, str] | None:
    """Return ("before" | "after", dotted path) if the node is a fact, else None."""
    keys: list[str] = []
    while True:
        match node:
            case ast.Attribute(value=inner, attr=key):
                keys.append(key)
            case ast.Subscript(value=inner, slice=ast.Constant(value=str() as key)):
                keys.append(key)
            case ast.Name(id="before" | "after" as side) if keys:
                return side, ".".join(reversed(keys))
            case _:
                return None
        node = inner


def _paths(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.expr) and (found := _path(node)) is not None:
        yield found
        return
    for child in ast.iter_child_nodes(node):
        yield from _paths(child)


def _value(node: ast.expr, scope: Mapping[str, Any]) -> Any:
    if (found := _path(node)) is not None:
        return _fact(scope[found[0]], found[1])
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return scope[name]
        case ast.Tuple(elts=elements):
            return tuple(_value(element, scope) for element in elements)
        case ast.Call(func=ast.Name(id=name), args=args):
            return _FUNCTIONS[name](*(_value(argument, scope) for argument in args))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return _compare(_value(left, scope), ops, comparators, scope)
    return _operated(node, scope)


def _operated(node: ast.expr, scope: Mapping[str, Any]) -> Any:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_value(value, scope) for value in values)
        case ast.BoolOp(values=values):
            return any(_value(value, scope) for value in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, scope)
        case ast.UnaryOp(operand=operand):
            return -_value(operand, scope)
        case ast.BinOp(left=left, op=op, right=right):
            number = _ARITHMETIC[type(op)](_number(left, scope), _number(right, scope))
            if abs(number) > MAX_MAGNITUDE:
                raise OverflowError(number)
            return number
    raise TypeError(ast.dump(node))


def _number(node: ast.expr, scope: Mapping[str, Any]) -> float:
    value = _value(node, scope)
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return value


def _compare(left: Any, ops: list[ast.cmpop], comparators: list[ast.expr], scope: Mapping[str, Any]) -> bool:
    for op, node in zip(ops, comparators, strict=True):
        right = _value(node, scope)
        if not _COMPARISONS[type(op)](left, right):
            return False
        left = right
    return True


def _fact(facts: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(facts, Mapping) or key not in facts:
            raise _Absent(path)
        facts = facts[key]
    return facts


def _condition(node: ast.expr) -> Condition | None:
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand) if (found := _path(operand)) and found[0] == "after":
            return Condition(fact=found[1], kind="equals", value=False)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            found = _path(left)
            if found is None or found[0] != "after":
                return None
            return _comparison(found[1], op, right)
    found = _path(node)
    return Condition(fact=found[1], kind="equals", value=True) if found and found[0] == "after" else None


def _comparison(fact: str, op: ast.cmpop, right: ast.expr) -> Condition | None:
    base, value = _split(right, fact)
    if value is None:
        return None
    strict = isinstance(op, ast.Gt | ast.Lt)
    if base:  # compared with the same fact before
        if isinstance(op, ast.Gt | ast.GtE):
            return Condition(fact=fact, kind="increase", value=value + 1 if strict and not isinstance(value, str) else value)
        if isinstance(op, ast.Lt | ast.LtE):
            return Condition(fact=fact, kind="decrease", value=1)
        return None
    if isinstance(op, ast.Eq):
        return Condition(fact=fact, kind="equals", value=value)
    if isinstance(value, str) and not value.startswith("$"):
        return None
    if isinstance(op, ast.Gt | ast.GtE):
        return Condition(fact=fact, kind="at_least", value=value + 1 if strict and not isinstance(value, str) else value)
    if isinstance(op, ast.Lt | ast.LtE):
        return Condition(fact=fact, kind="at_most", value=value - 1 if strict and not isinstance(value, str) else value)
    return None


def _split(node: ast.expr, fact: str) -> tuple[bool, Any]:
    """Return (is it relative to the same fact before, the remaining constant or `$parameter`)."""
    match node:
        case ast.Constant(value=value):
            return False, value
        case ast.Name(id=name):
            return False, f"${name}"
        case ast.BinOp(left=left, op=ast.Add(), right=right) if _path(left) == ("before", fact):
            return True, _split(right, fact)[1]
    return (True, 0) if _path(node) == ("before", fact) else (False, None)
