"""Checks a program against the signatures of primitives and skills before it costs an episode.

The interpreter of the sandbox brings a type checker along; it is given the signatures as stubs. It is stricter than a run:
where it only cannot prove that a call fits, the program is let through. Refused is what would fail when it is reached.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from skilllib.errors import SandboxUnavailable
from skilllib.records.base import Json
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.records.world import EnvironmentSpec
from skilllib.sandbox.linker import FACTS
from skilllib.sandbox.pool import WorkerPool

if TYPE_CHECKING:
    import pydantic_monty

_PROBLEM = re.compile(r"^main\.py:(\d+):\d+: error\[([\w-]+)\] (.*)$", re.MULTILINE)
_UNKNOWN = re.compile(r"Name `(\w+)` used when not defined")
_KEY = re.compile(r'Unknown key "(.*?)" for TypedDict `(Facts\d+)`')
_ATTRIBUTE = re.compile(r"Object of type `(Facts\d+)` has no attribute `(\w+)`")
_CALLED = re.compile(r"function `(\w+)`")
_VALUE = re.compile(r"Argument to function `(\w+)` is incorrect: Expected `Literal\[.*\]`, found `Literal\[(.*)\]`")
_READ_ONLY = "key is marked read-only"
_CERTAIN = frozenset(
    {
        "call-non-callable",
        "invalid-argument-type",
        "invalid-key",
        "missing-argument",
        "not-iterable",
        "not-subscriptable",
        "parameter-already-assigned",
        "too-many-positional-arguments",
        "unknown-argument",
        "unresolved-attribute",
        "unresolved-import",
        "unresolved-reference",
        "unsupported-operator",
    }
)
"""What fails when it is reached. Other findings, such as a wrong annotation, are no concern of ours."""
_UNSURE = re.compile(
    r"`object`"
    r"|(?<!Expected )`[^`\"]* \| [^`]*`"  # one of several types, of which one may fit
    r"|Expected `Literal\[.*found `(?:str|int|float)`"  # a value that is not known before the run
    r"|subscripted with a string literal key"
    r"|object of type `None`"  # of a variable that may be something else by then
)
"""Findings that say no more than that something may not fit."""
_TYPES: dict[Json, str] = {
    "integer": "int",
    "number": "float",
    "string": "str",
    "boolean": "bool",
    "array": "list[Any]",
    "object": "dict[str, Any]",
}
_RETURNS = re.compile(r"(None|int|float|str|bool|dict|list)(?=:|$)")
_UNKNOWN_TO_IT = (
    *("filter", "format", "getattr", "hasattr", "map", "setattr"),
    *("FileExistsError", "FileNotFoundError", "ImportError", "IsADirectoryError", "ModuleNotFoundError", "NotADirectoryError"),
    *("PermissionError", "UnboundLocalError", "UnicodeDecodeError", "UnicodeEncodeError"),
)
"""Builtins that the sandbox has, though its checker does not know them."""
_ABSENT = frozenset({"EnvironmentError", "IOError", "copyright", "credits", "exit", "help", "license", "quit"})
"""Builtins that the checker knows, though the sandbox does not have them."""
_HEADER = "from typing import Any, Literal as Literal\nfrom typing_extensions import ReadOnly, TypedDict"
KEYS = 12
"""Keys of a group that are named where one is not among them."""
_MEMORY = 64_000_000
_SECONDS = 5.0


class Problem(NamedTuple):
    """Something in a program that would fail."""

    line: int | None
    message: str


class TypeChecker:
    """Finds what is certain to fail in a program; about 15 ms for one.

    Args:
        spec: The environment's specification: its primitives and the schema of its facts.
        request_timeout_s: Seconds after which a checker that does not answer is killed.
    """

    def __init__(self, spec: EnvironmentSpec, *, request_timeout_s: float = 30.0) -> None:
        self._workers = WorkerPool(request_timeout_s=request_timeout_s)
        self._primitives = {primitive.name: primitive.signature() for primitive in spec.primitives}
        self._facts = _Facts(spec.facts)
        self._stubs = [
            _HEADER,
            *(f"{name}: Any" for name in _UNKNOWN_TO_IT),
            *self._facts.declared,
            *(f"def {primitive.signature()} -> {_returned(primitive.returns)}: ..." for primitive in spec.primitives),
        ]

    def problems(self, program: Program, skills: Iterable[Skill] = ()) -> list[Problem]:
        """Return what is certain to fail in a program that may call these skills, one for a line.

        Raises:
            SandboxUnavailable: The checker cannot be started.
        """
        import pydantic_monty as pm

        signatures = {skill.name: skill.signature() for skill in skills if skill.program is not None}
        checkout = self._workers.get().checkout(
            type_check=True,
            type_check_stubs="\n".join([*self._stubs, *(f"def {signature} -> Any: ..." for signature in signatures.values())]),
            type_check_format="concise",
            limits={"max_feed_duration_secs": _SECONDS, "max_memory": _MEMORY},
        )
        try:
            with checkout as session:
                found, unread = _found(session, program.source)
        except (pm.MontyCrashedError, TimeoutError, RuntimeError, OSError) as error:
            raise SandboxUnavailable(f"the type checker of the sandbox does not answer: {error}") from error
        known = {**self._primitives, **signatures}
        lines = {line: self._words(message, known) for line, rule, message in found if _sure(rule, message)}
        lines |= {line: _unknown(name, known) for line, name in _absent(program)}
        return [Problem(line, lines[line]) for line in sorted(lines)] or unread

    def close(self) -> None:
        """End the checker's process; a later check starts it again."""
        self._workers.close()

    def _words(self, message: str, known: Mapping[str, str]) -> str:
        """Return what the checker found in words for somebody who sees signatures and facts."""
        if unknown := _UNKNOWN.search(message):
            return _unknown(unknown[1], known)
        if fact := _KEY.search(message):
            return self._facts.unknown(fact[2], fact[1])
        if attribute := _ATTRIBUTE.search(message):
            return f"facts are read by keys, not by attributes; {self._facts.known(*attribute.groups())}"
        if _READ_ONLY in message:
            return "facts can only be read, and change by calls alone; leave this line out"
        if (value := _VALUE.search(message)) and value[1] in known:
            return f"{value[1]} does not take {value[2]}; leave this line out, or use a value of {known[value[1]]}"
        called = _CALLED.search(message)
        declared = f"; it is declared as {known[called[1]]}" if called and called[1] in known else ""
        return message.replace("`", "'") + declared


def near(name: str, known: Iterable[str]) -> str:
    """Return names that are nearly this one, as the end of a message.

    >>> near("wlak", ["walk", "rest"])
    "; did you mean 'walk'?"
    """
    close = difflib.get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"{name!r} is no primitive, skill, builtin or variable{near(name, [*known, FACTS])}"


def _absent(program: Program) -> list[tuple[int, str]]:
    names = _ABSENT & program.names
    return [(node.lineno, node.id) for node in ast.walk(program.function) if isinstance(node, ast.Name) and node.id in names]


def _found(session: pydantic_monty.MontySession, source: str) -> tuple[list[tuple[int, str, str]], list[Problem]]:
    """Return the checker's findings as (line, rule, message), and what the interpreter cannot read at all."""
    import pydantic_monty as pm

    found: list[tuple[int, str, str]] = []
    try:
        # Feeding defines the function and calls nothing; what the interpreter cannot read shows here too.
        session.feed_run(source)
    except pm.MontyTypingError as error:
        found = [(int(line), rule, message) for line, rule, message in _PROBLEM.findall(str(error))]
    except pm.MontyRuntimeError as error:
        return [], [_unread(error)]
    try:
        session.feed_run(source, skip_type_check=True)
    except pm.MontyRuntimeError as error:
        return found, [_unread(error)]
    return found, []


def _unread(error: pydantic_monty.MontyRuntimeError) -> Problem:
    frames: list[Any] = error.traceback()
    return Problem(frames[-1].line if frames else None, f"the sandbox cannot run this: {error}")


def _sure(rule: str, message: str) -> bool:
    return _READ_ONLY in message or (rule in _CERTAIN and not _UNSURE.search(message))


def _returned(words: str) -> str:
    found = _RETURNS.match(words)
    return {"dict": "dict[str, Any]", "list": "list[Any]"}.get(found[1], found[1]) if found else "Any"


class _Facts:
    """The facts as types: one for each group with a closed set of keys."""

    def __init__(self, schema: Mapping[str, Json]) -> None:
        self.declared: list[str] = []
        self._groups: dict[str, tuple[str, list[str]]] = {}
        self.declared.append(f"def {FACTS}() -> {self._type(schema, f'{FACTS}()')}: ...")

    def unknown(self, group: str, key: str) -> str:
        """Return that a group has no such key, and which it has."""
        path, keys = self._groups[group]
        there = f"; {path} has {', '.join(keys[:KEYS])}{', …' if len(keys) > KEYS else ''}"
        return f'there is no {path}["{key}"]{near(key, keys) or there}'

    def known(self, group: str, key: str) -> str:
        """Return how a fact is read, or that there is no such fact."""
        path, keys = self._groups[group]
        return f'write {path}["{key}"]' if key in keys else self.unknown(group, key)

    def _type(self, schema: Mapping[str, Json], path: str) -> str:
        kind = schema.get("type")
        if "properties" not in schema or schema.get("additionalProperties", True):
            return _TYPES.get(kind, "Any") if isinstance(kind, str) else "Any"
        members = {key: self._type(child, f'{path}["{key}"]') for key, child in schema["properties"].items()}
        name = f"Facts{len(self._groups)}"
        self._groups[name] = path, list(members)
        fields = ", ".join(f"{key!r}: ReadOnly[{kind}]" for key, kind in members.items())
        self.declared.append(f"{name} = TypedDict({name!r}, {{{fields}}}, total=False)")
        return name
