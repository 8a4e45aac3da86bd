"""Checks a program against the signatures of primitives and skills before it costs an episode.

The interpreter of the sandbox brings a type checker along; it is given the signatures as stubs. It is stricter than a run:
where it only cannot prove that a call fits, the program is let through. Refused is what would fail when it is reached.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from skilllib.errors import SandboxUnavailable
from skilllib.records.base import Json
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.records.world import EnvironmentSpec, Parameter
from skilllib.sandbox.linker import FACTS
from skilllib.sandbox.pool import WorkerPool

if TYPE_CHECKING:
    import pydantic_monty

_PROBLEM = re.compile(r"^main\.py:(\d+):\d+: error\[([\w-]+)\] (.*)$", re.MULTILINE)
_UNKNOWN = re.compile(r"Name `(\w+)` used when not defined")
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
_TYPES: dict[Json, str] = {"integer": "int", "number": "float", "string": "str", "boolean": "bool", "array": "list[Any]"}
_RETURNS = re.compile(r"(None|int|float|str|bool|dict|list)(?=:|$)")
_HEADER = "from typing import Any, Literal as Literal\nfrom typing_extensions import TypedDict\n"
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
        self._primitives = [primitive.name for primitive in spec.primitives]
        self._stubs = "\n".join(
            [
                _HEADER + _typed_facts(spec.facts),
                *(_stub(primitive.name, primitive.parameters, _returned(primitive.returns)) for primitive in spec.primitives),
            ]
        )

    def problems(self, program: Program, skills: Iterable[Skill] = ()) -> list[Problem]:
        """Return what is certain to fail in a program that may call these skills, one for a line.

        Raises:
            SandboxUnavailable: The checker cannot be started.
        """
        import pydantic_monty as pm

        parameters = {skill.name: skill.program.parameters for skill in skills if skill.program is not None}
        known = [*self._primitives, *parameters, FACTS]
        stubs = "\n".join([self._stubs, *(_stub(name, declared, "Any") for name, declared in parameters.items())])
        checkout = self._workers.get().checkout(
            type_check=True,
            type_check_stubs=stubs,
            type_check_format="concise",
            limits={"max_feed_duration_secs": _SECONDS, "max_memory": _MEMORY},
        )
        try:
            with checkout as session:
                return _found(session, program.source, known)
        except (pm.MontyCrashedError, TimeoutError, RuntimeError, OSError) as error:
            raise SandboxUnavailable(f"the type checker of the sandbox does not answer: {error}") from error

    def close(self) -> None:
        """End the checker's process; a later check starts it again."""
        self._workers.close()


def near(name: str, known: Iterable[str]) -> str:
    """Return names that are nearly this one, as the end of a message.

    >>> near("wlak", ["walk", "rest"])
    "; did you mean 'walk'?"
    """
    close = difflib.get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def _found(session: pydantic_monty.MontySession, source: str, known: Sequence[str]) -> list[Problem]:
    import pydantic_monty as pm

    try:
        # Feeding defines the function and calls nothing; what the interpreter cannot read at all shows here too.
        session.feed_run(source)
    except pm.MontyTypingError as error:
        found = {int(line): _words(message, known) for line, rule, message in _PROBLEM.findall(str(error)) if _sure(rule, message)}
        return [Problem(line, message) for line, message in found.items()] or _unreadable(session, source)
    except pm.MontyRuntimeError as error:
        return [_unread(error)]
    return []


def _unreadable(session: pydantic_monty.MontySession, source: str) -> list[Problem]:
    import pydantic_monty as pm

    try:
        session.feed_run(source, skip_type_check=True)
    except pm.MontyRuntimeError as error:
        return [_unread(error)]
    return []


def _unread(error: pydantic_monty.MontyRuntimeError) -> Problem:
    frames: list[Any] = error.traceback()
    return Problem(frames[-1].line if frames else None, f"the sandbox cannot run this: {error}")


def _sure(rule: str, message: str) -> bool:
    return rule in _CERTAIN and not _UNSURE.search(message)


def _words(message: str, known: Sequence[str]) -> str:
    if unknown := _UNKNOWN.search(message):
        return f"{unknown[1]!r} is no primitive, skill, builtin or variable{near(unknown[1], known)}"
    return re.sub(r"TypedDict `Facts\w*`", "these facts", message).replace("`", "'")


def _stub(name: str, parameters: Sequence[Parameter], returned: str) -> str:
    return f"def {name}({', '.join(parameter.declaration() for parameter in parameters)}) -> {returned}: ..."


def _returned(words: str) -> str:
    found = _RETURNS.match(words)
    return {"dict": "dict[str, Any]", "list": "list[Any]"}.get(found[1], found[1]) if found else "Any"


def _typed_facts(schema: Mapping[str, Json]) -> str:
    declared: list[str] = []
    _typed("Facts", schema, declared)
    return "\n".join([*declared, f"def {FACTS}() -> Facts: ..."])


def _typed(name: str, schema: Mapping[str, Json], declared: list[str]) -> str:
    """Return the type of a part of the facts; a group's own type is declared on the way."""
    if "properties" not in schema:
        return _TYPES.get(schema.get("type"), "Any") if isinstance(schema.get("type"), str) else "Any"
    members = {key: _typed(f"{name}_{i}", child, declared) for i, (key, child) in enumerate(schema["properties"].items())}
    if schema.get("additionalProperties", True):
        return "dict[str, Any]"  # keys that are not declared may be there all the same
    declared.append(f"{name} = TypedDict({name!r}, {{{', '.join(f'{key!r}: {kind}' for key, kind in members.items())}}})")
    return name
