"""A program: source text with one public function, unproven."""

from __future__ import annotations

import ast
import math
import warnings
from functools import cached_property
from typing import Final, Literal

from pydantic import ConfigDict, ValidationError, ValidationInfo, model_validator

from skilllib.errors import InvalidProgram
from skilllib.records.base import Record, Scalar
from skilllib.records.world import Parameter

FORBIDDEN_NAMES = frozenset({"eval", "exec", "compile", "globals", "locals", "vars", "breakpoint", "input", "open"})
MAX_SOURCE = 20_000
"""Characters of a program's source."""

_Kind = Literal["integer", "number", "string", "boolean"]
_KINDS: dict[str, _Kind] = {"int": "integer", "float": "number", "str": "string", "bool": "boolean"}
_PYTHON: dict[_Kind, type] = {"integer": int, "number": float, "string": str, "boolean": bool}

STORED: Final = {"stored": True}
"""Context of validation for what was validated before it was written and is what was written; most of the time goes into that."""


class Program(Record):
    """Source text with one public function that has typed parameters and a docstring.

    Anything else at the top level, `global`, `eval`, `exec` and their like are refused when the program is made.
    That is early and friendly feedback; the boundary is the sandbox.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    source: str

    @classmethod
    def parse(cls, source: str) -> Program:
        """Return the program, or raise.

        Raises:
            InvalidProgram: With the line and what to change.
        """
        try:
            return cls(source=source)
        except ValidationError as error:
            cause = error.errors()[0].get("ctx", {}).get("error")
            raise cause if isinstance(cause, InvalidProgram) else InvalidProgram(str(error)) from None

    @model_validator(mode="after")
    def _has_the_form(self, info: ValidationInfo) -> Program:
        if info.context is STORED:
            return self
        if len(self.source) > MAX_SOURCE:
            raise InvalidProgram(f"a program has at most {MAX_SOURCE} characters, this one has {len(self.source)}; split it")
        _validate(syntax_tree(self.source))
        return self

    @cached_property
    def function(self) -> ast.FunctionDef:
        """The syntax tree of the public function."""
        node = syntax_tree(self.source).body[0]
        assert isinstance(node, ast.FunctionDef)  # noqa: S101 - guaranteed by validation
        return node

    @property
    def name(self) -> str:
        """The public function's name."""
        return self.function.name

    @cached_property
    def doc(self) -> str:
        """The public function's docstring."""
        return ast.get_docstring(self.function) or ""

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The public function's parameters."""
        return _parameters(self.function)

    def signature(self) -> str:
        """Return the signature, such as `fetch(item: Literal['rope'], amount: int = 1)`."""
        return f"{self.name}({', '.join(parameter.declaration() for parameter in self.parameters)})"

    @cached_property
    def names(self) -> frozenset[str]:
        """All names the program reads but does not bind: primitives, skills and builtins it may call."""
        return (
            frozenset(node.id for node in ast.walk(self.function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
            - self.bound
        )

    @cached_property
    def bound(self) -> frozenset[str]:
        """All names the program binds, its own function's among them."""
        return frozenset(_bound(self.function))

    def refuse_rebinding(self, reserved: frozenset[str] | set[str]) -> None:
        """Raise if the program gives one of the reserved names (primitives, skills) another meaning.

        Raises:
            InvalidProgram: With the name to change.
        """
        if clash := sorted(self.bound & set(reserved)):
            raise InvalidProgram(f"{clash[0]!r} is the name of a primitive or a skill; choose another name")

    @cached_property
    def shape(self) -> str:
        """The syntax tree without names, constants, annotations and docstring: equal for programs that differ only there."""
        return ast.dump(_Shape().visit(syntax_tree(self.source).body[0]))


def syntax_tree(source: str) -> ast.Module:
    """Return the syntax tree of generated source.

    Raises:
        InvalidProgram: It does not parse, or not as a whole (`break` outside a loop).
    """
    try:
        with warnings.catch_warnings():
            # Python warns of odd but valid source, such as an unknown escape; that is not our user's concern.
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            compile(source, "<program>", "exec", dont_inherit=True)  # never executed: finds what parsing alone lets pass
        return tree
    except SyntaxError as error:
        raise InvalidProgram(f"the program does not parse: {error.msg}", line=error.lineno) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InvalidProgram(f"the program does not parse: {error}") from error


def _validate(tree: ast.Module) -> None:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    other = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
    if not functions:
        raise InvalidProgram("a program is one function with a docstring; there is no `def` at the top level")
    if other or len(functions) > 1:
        extra = other[0] if other else functions[1]
        raise InvalidProgram("only one function may stand at the top level; move this into it", line=extra.lineno)
    (function,) = functions
    if function.name.startswith("_"):
        raise InvalidProgram(f"{function.name!r} starts with an underscore; a skill has a public name", line=function.lineno)
    if function.decorator_list:
        raise InvalidProgram("decorators are not allowed", line=function.lineno)
    if not (ast.get_docstring(function) or "").strip():
        raise InvalidProgram(f"{function.name!r} has no docstring; say in one sentence what it does", line=function.lineno)
    if hidden := sorted(name for name in _bound(function) if name.startswith("__")):
        raise InvalidProgram(f"{hidden[0]!r} starts with two underscores; choose another name", line=function.lineno)
    _parameters(function)
    for node in ast.walk(function):
        _refuse(node)


def _refuse(node: ast.AST) -> None:
    match node:
        case ast.Global(lineno=line):
            raise InvalidProgram("`global` is not allowed; pass values as arguments", line=line)
        case ast.Name(id=name, lineno=line) if name in FORBIDDEN_NAMES or name.startswith("__"):
            raise InvalidProgram(f"{name!r} is not allowed in a program", line=line)
        case ast.Attribute(attr=name, lineno=line) if name.startswith("__"):
            raise InvalidProgram(f"the attribute {name!r} is not allowed in a program", line=line)
        case ast.AsyncFunctionDef(lineno=line) | ast.ClassDef(lineno=line) | ast.Yield(lineno=line) | ast.YieldFrom(lineno=line):
            raise InvalidProgram("classes, generators and async functions are not supported in a program", line=line)


def _parameters(function: ast.FunctionDef) -> tuple[Parameter, ...]:
    arguments = function.args
    if arguments.vararg or arguments.kwarg or arguments.posonlyargs:
        raise InvalidProgram("`*args`, `**kwargs` and positional-only parameters are not allowed", line=function.lineno)
    without = len(arguments.args) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [*(None for _ in range(without)), *arguments.defaults, *arguments.kw_defaults]
    declared = zip([*arguments.args, *arguments.kwonlyargs], defaults, strict=True)
    return tuple(_parameter(argument, default) for argument, default in declared)


def _parameter(argument: ast.arg, default: ast.expr | None) -> Parameter:
    kind, choices = _annotated(argument.annotation)
    if kind is None:
        raise InvalidProgram(
            f"parameter {argument.arg!r} needs a type: int, float, str, bool or Literal['a', 'b']", line=argument.lineno
        )
    value = None
    if default is not None:
        value = _constant(default)
        if value is None:
            raise InvalidProgram(f"the default of {argument.arg!r} must be a plain constant", line=argument.lineno)
        if not _fits(value, kind, choices):
            raise InvalidProgram(f"the default of {argument.arg!r} does not fit its type", line=argument.lineno)
    return Parameter(name=argument.arg, type=kind, choices=choices, default=value)


def _annotated(annotation: ast.expr | None) -> tuple[_Kind | None, tuple[Scalar, ...] | None]:
    """Return the type and the closed set that an annotation declares; no type where it is not one of ours."""
    match annotation:
        case ast.Name(id=name):
            return _KINDS.get(name), None
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inside):
            elements = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            choices = tuple(value for element in elements if (value := _constant(element)) is not None)
            if len(choices) == len(elements) and len({type(choice) for choice in choices}) == 1:
                return _KINDS[type(choices[0]).__name__], choices
    return None, None


def _constant(node: ast.expr) -> Scalar | None:
    """Return the value of a constant, a negative number included; None for anything else."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)) if not isinstance(value, bool):
            return -value if _plain(value) else None
        case ast.Constant(value=bool() | int() | float() | str() as value) if _plain(value):
            return value
    return None


def _plain(value: Scalar) -> bool:
    """Return whether a value survives storage: no infinity, no integer beyond 64 bits, no lone surrogate."""
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 2**63


def _fits(value: Scalar, kind: _Kind, choices: tuple[Scalar, ...] | None) -> bool:
    allowed = (int, float) if kind == "number" else (_PYTHON[kind],)
    return type(value) in allowed and (choices is None or value in choices)


def _bound(function: ast.FunctionDef) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.arg(arg=name) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                names.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchMapping(rest=str(name)):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update((alias.asname or alias.name).split(".")[0] for alias in aliases)
    return names


class _Shape(ast.NodeTransformer):
    """Blanks out everything but the structure."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name, node.returns = "_", None
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(id="_", ctx=node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(arg="_", annotation=None)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        node.attr = "_"
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        self.generic_visit(node)
        node.arg = "_"
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(value=0)
