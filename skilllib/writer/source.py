"""Plans become ordinary, readable Python."""

from __future__ import annotations

from collections.abc import Sequence

from skilllib.records.base import Scalar
from skilllib.records.need import Need
from skilllib.records.world import Parameter
from skilllib.writer.plan import Collect, Do, Ensure, Guard, Persist, Statement

INDENT = "    "


def fact_source(path: str) -> str:
    """Return how a program reads a fact, such as `facts()['inventory']['rope']`."""
    return "facts()" + "".join(f"[{key!r}]" for key in path.split("."))


def function_source(name: str, parameters: Sequence[Parameter], doc: str, body: Sequence[Statement]) -> str:
    """Return the source of a program."""
    signature = ", ".join(parameter.declaration() for parameter in parameters)
    lines = [f"def {name}({signature}) -> None:", f'{INDENT}"""{doc}"""']
    lines += _block(body, 1)
    return "\n".join(lines) + "\n"


def parameter_of(name: str, values: Sequence[Scalar]) -> Parameter:
    """Return the parameter of a program that takes one of a task's values."""
    kind = {bool: "boolean", int: "integer", float: "number", str: "string"}[type(values[0])]
    return Parameter(name=name, type=kind, default=1 if kind == "integer" else None)  # type: ignore[arg-type]


def unmet(need: Need) -> str:
    """Return the Python condition under which a need is not met."""
    if need.fact is None:
        return "True"
    fact = fact_source(need.fact)
    if need.kind == "at_least":
        return f"{fact} < {need.value!r}"
    if need.kind == "at_most":
        return f"{fact} > {need.value!r}"
    if need.value is True:
        return f"not {fact}"
    return fact if need.value is False else f"{fact} != {need.value!r}"


def describe(goal: str, statements: Sequence[Statement]) -> str:
    """Return a docstring: the goal, then what is obtained on the way."""
    first = f"{goal[:1].upper()}{goal[1:].rstrip('.')}."
    needs = [statement.need for statement in _flat(statements) if isinstance(statement, Ensure)]
    words = list(dict.fromkeys(_need_words(need) for need in needs if need.fact))
    if not words:
        return first
    return f"{first}\n\n{INDENT}Sees to it first: {', '.join(words)}.\n{INDENT}"


def _need_words(need: Need) -> str:
    fact = (need.fact or "").replace("_", " ").replace(".", " ")
    if need.kind == "at_least":
        return f"{fact} at least {need.value}"
    if need.kind == "at_most":
        return f"{fact} at most {need.value}"
    return fact if need.value is True else f"{fact} {need.value}"


def _flat(statements: Sequence[Statement]) -> list[Statement]:
    found: list[Statement] = []
    for statement in statements:
        found.append(statement)
        if not isinstance(statement, Do | Guard):
            found += _flat(statement.body)
    return found


def block_source(statements: Sequence[Statement]) -> str:
    """Return statements as Python, without indentation."""
    return "\n".join(_block(statements, 0)) + "\n"


def _block(statements: Sequence[Statement], depth: int) -> list[str]:
    lines: list[str] = []
    for statement in statements:
        lines += _lines(statement, depth)
    return lines


def _lines(statement: Statement, depth: int) -> list[str]:
    pad = INDENT * depth
    match statement:
        case Do(call=call):
            return [f"{pad}{call.source()}"]
        case Ensure(need=Need(fact=None), body=body):
            return _block(body, depth)
        case Ensure(need=need, body=body, repeat=repeat):
            return [f"{pad}{'while' if repeat else 'if'} {unmet(need)}:", *_block(body, depth + 1)]
        case Guard(fact=fact, presses_below=level, enough=enough, call=call):
            reading = fact_source(fact)
            return [
                f"{pad}if {reading} < {level:g}:",
                f"{pad}{INDENT}while {reading} < {enough:g}:",
                f"{pad}{INDENT * 2}{call.source()}",
            ]
        case Collect(fact=fact, parameter=parameter, body=body):
            return [f"{pad}while {fact_source(fact)} < {parameter}:", *_block(body, depth + 1)]
        case Persist():
            return _persist(statement, depth)


def _persist(statement: Persist, depth: int) -> list[str]:
    pad, inner = INDENT * depth, INDENT * (depth + 1)
    counter = "number" if statement.filler else "_"
    wait = [f"{inner}{INDENT}if number > 0:", f"{inner}{INDENT * 2}{statement.filler.source()}"] if statement.filler else []
    return [
        f"{pad}for {counter} in range({statement.rounds}):",
        f"{inner}try:",
        *_block(statement.body, depth + 2),
        *wait,
        f"{inner}{INDENT}{statement.last.source()}",
        f"{inner}{INDENT}break",
        f"{inner}except RuntimeError:",
        f"{inner}{INDENT}continue",
        f"{pad}else:",
        f"{inner}raise RuntimeError('gave up after {statement.rounds} rounds')",
    ]
