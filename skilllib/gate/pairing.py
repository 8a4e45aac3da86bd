"""Which parameter of one skill stands for which of another, so that each can be called as the other is."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from skilllib.records.program import Program
from skilllib.records.skill import KeptTest, Skill
from skilllib.records.world import Parameter


def paired(one: Skill, other: Skill) -> dict[str, str] | None:
    """Return the parameters of one skill with those of another that they stand for, or None if the two are called otherwise.

    Those with the same name and type belong together; the others in the order in which they stand, each with the next one of its
    type. What is left over on either side has to have a default. One that returns a value is not called like one that does not.

    Args:
        one: The skill in whose place the other would be called.
        other: That one.
    """
    if one.program is None or other.program is None or (_returns(one.program) and not _returns(other.program)):
        return None
    theirs = {parameter.name: parameter for parameter in other.program.parameters}
    found, left = dict[str, str](), list[Parameter]()
    for parameter in one.program.parameters:
        if parameter.name in theirs and theirs[parameter.name].type == parameter.type:
            found[parameter.name] = theirs.pop(parameter.name).name
        else:
            left.append(parameter)
    for parameter in list(left):
        match = next((their for their in theirs.values() if their.type == parameter.type), None)
        if match is not None:
            found[parameter.name] = theirs.pop(match.name).name
            left.remove(parameter)
    return None if any(parameter.default is None for parameter in (*left, *theirs.values())) else found


def renamed(tests: Sequence[KeptTest], names: Mapping[str, str], skill: Skill) -> tuple[KeptTest, ...] | None:
    """Return tests with the arguments of a skill for those of the one whose they are, or None if it cannot be called so.

    Args:
        tests: Of one skill.
        names: Its parameters → those of the other.
        skill: The other.
    """
    parameters = {parameter.name: parameter for parameter in skill.program.parameters} if skill.program else {}
    found = []
    for test in tests:
        if not test.arguments.keys() <= names.keys():
            return None
        arguments = {names[name]: value for name, value in test.arguments.items()}
        needed = {name for name, parameter in parameters.items() if parameter.default is None}
        if not needed <= arguments.keys() or not all(_fits(parameters[name], value) for name, value in arguments.items()):
            return None
        found.append(test.model_copy(update={"arguments": arguments}))
    return tuple(found)


def _returns(program: Program) -> bool:
    """Return whether a program returns something."""
    values = [node.value for node in ast.walk(program.function) if isinstance(node, ast.Return)]
    return any(value is not None and not (isinstance(value, ast.Constant) and value.value is None) for value in values)


def _fits(parameter: Parameter, value: object) -> bool:
    return parameter.choices is None or value in parameter.choices
