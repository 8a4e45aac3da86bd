"""Two programs that differ only in names and constants become one with a parameter.

A library in which every object has its own copy of the same skill is the fault this avoids. The method is least general
generalisation (Plotkin 1970) restricted to one discriminating parameter: what both programs share stays, the constant in
which they differ becomes the parameter, and statements that differ otherwise are chosen by its value.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from skilllib.protocols import Draft, Merge
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.records.world import EnvironmentSpec
from skilllib.writer.naming import free_name
from skilllib.writer.source import INDENT

SIMILAR = 0.88
"""difflib ratio of two sources above which they are generalised; a little under the 0.9 from which they count as copies."""


def near_copy(program: Program, other: Program) -> bool:
    """Return whether two programs are the same up to names and constants, or similar in their text."""
    if _outline(program) == _outline(other):
        return True
    return SequenceMatcher(None, program.source, other.source, autojunk=False).ratio() > SIMILAR


def generalised(draft: Draft, skills: Sequence[Skill], spec: EnvironmentSpec, taken: set[str]) -> Draft | None:
    """Return the draft, or one that generalises it and the active skill it would be a near copy of.

    Returns:
        None if it is a near copy of a skill and the two cannot be told apart by one constant.
    """
    twins = [skill for skill in skills if skill.program is not None and _like(draft.program, skill.program)]
    for twin in twins:
        merger = _Merger.between(twin, draft.program, spec)
        if merger is not None:
            return Draft(
                program=merger.program(free_name(merger.name(), taken - {twin.name})),
                arguments={**draft.arguments, merger.parameter: merger.new},
                merges=(Merge(twin, {} if merger.extends else {merger.parameter: merger.old[0]}),),
                rationale=f"{draft.rationale}; generalises {twin.name}",
            )
    copied = any(twin.program is not None and draft.program.shape == twin.program.shape for twin in twins)
    return None if copied else draft


def _like(program: Program, skill: Program) -> bool:
    """Return whether a program is a near copy of a skill, or of what a general skill does for one of its values."""
    return near_copy(program, skill) or any(near_copy(program, special) for special in _specialised(skill))


def _specialised(program: Program) -> Iterator[Program]:
    """Yield what a general program amounts to for each value of its choosing parameter."""
    choice = next((parameter for parameter in program.parameters if parameter.choices), None)
    for value in choice.choices or () if choice else ():
        function = copy.deepcopy(program.function)
        function.args.args = [argument for argument in function.args.args if choice and argument.arg != choice.name]
        settled = _Settle(choice.name if choice else "", str(value)).visit(function)
        yield Program.parse(ast.unparse(ast.fix_missing_locations(settled)) + "\n")


class _Settle(ast.NodeTransformer):
    """Puts a value in a parameter's place and keeps the branches that it chooses."""

    def __init__(self, parameter: str, value: str) -> None:
        self._parameter, self._value = parameter, value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(value=self._value) if node.id == self._parameter else node

    def visit_If(self, node: ast.If) -> list[ast.stmt]:
        self.generic_visit(node)
        values = _choices_of(node.test)
        if values is None:
            return [node]
        return (node.body if self._value in values else node.orelse) or [ast.Pass()]


def _choices_of(test: ast.expr) -> list[str] | None:
    """Return the values that a settled test `'a' == 'b'` or `'a' in ('b', 'c')` compares with, or None for other tests."""
    match test:
        case ast.Compare(left=ast.Constant(), ops=[ast.Eq() | ast.In()], comparators=[ast.Constant() | ast.Tuple() as right]):
            return _values(right)
    return None


class _Merger:
    """One merge: the parameter that tells the programs apart, its old values and its new one."""

    def __init__(
        self, old: Program, new: Program, parameter: str, values: tuple[Sequence[str], str], extends: bool, spec: EnvironmentSpec
    ) -> None:
        self._old, self._new, self._spec = old, new, spec
        self.parameter, self.extends = parameter, extends
        self.old, self.new = list(values[0]), values[1]

    @classmethod
    def between(cls, twin: Skill, new: Program, spec: EnvironmentSpec) -> _Merger | None:
        assert twin.program is not None  # noqa: S101 - the caller looked
        old = twin.program
        choice = next((parameter for parameter in old.parameters if parameter.choices), None)
        if choice is not None and choice.choices is not None:
            known = [str(value) for value in choice.choices]
            main = _main(new, spec)
            value = main[1] if main else next((text for text in _texts(new) if text not in known), None)
            value = None if value in known else value
            return cls(old, new, choice.name, (known, value), True, spec) if value is not None else None
        mains = _main(old, spec), _main(new, spec)
        if all(len(main) == 2 for main in mains) and mains[0][1] != mains[1][1]:
            parameter, pair = mains[0][0], (mains[0][1], mains[1][1])
        else:
            differing = [(a, b) for a, b in zip(_texts(old), _texts(new), strict=False) if a != b]
            if not differing:
                return None
            parameter, pair = "item", differing[0]
        if parameter in old.names | new.names | {p.name for p in (*old.parameters, *new.parameters)}:
            parameter = f"{parameter}_kind"
        return cls(old, new, parameter, ([pair[0]], pair[1]), False, spec)

    def name(self) -> str:
        """Return a name from the verbs of both programs and the parameter."""
        stem = self._old.name.removesuffix(f"_{self.parameter}")
        verbs = stem.split("_or_") if self.extends else [self._verb(self._old)]
        verb = self._verb(self._new)
        if verb not in verbs and len(verbs) < 3:
            verbs.append(verb)
        return f"{'_or_'.join(verbs)}_{self.parameter}"

    def _verb(self, program: Program) -> str:
        """Return the last primitive that a program calls, or the first word of its name."""
        calls = [node for node in ast.walk(program.function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        calls.sort(key=lambda node: (node.lineno, node.col_offset))
        named = [call.func.id for call in calls if isinstance(call.func, ast.Name) and self._spec.primitive(call.func.id)]
        return named[-1] if named else program.name.split("_")[0]

    def program(self, name: str) -> Program:
        """Return the general program."""
        old = copy.deepcopy(self._old.function)
        new = copy.deepcopy(self._new.function)
        if not self.extends:
            _Lift(self.old[0], self.parameter).visit(old)
        _Lift(self.new, self.parameter).visit(new)
        body = self._merged(old.body[1:], new.body[1:])
        parameters = {p.name: p.declaration() for p in (*self._new.parameters, *self._old.parameters) if p.name != self.parameter}
        choices = ", ".join(repr(value) for value in [*self.old, self.new])
        signature = ", ".join([f"{self.parameter}: Literal[{choices}]", *parameters.values()])
        lines = [f"def {name}({signature}) -> None:", f'{INDENT}"""{self._doc()}"""']
        for statement in body:
            lines += [f"{INDENT}{line}" for line in ast.unparse(ast.fix_missing_locations(statement)).splitlines()]
        return Program.parse("\n".join(lines) + "\n")

    def _doc(self) -> str:
        old, new = (program.doc.splitlines()[0].rstrip(".") for program in (self._old, self._new))
        if self.extends:
            return f"{old}, {new[:1].lower()}{new[1:]} ({self.new!r})."
        lowered = f"{old[:1].lower()}{old[1:]}"
        return f"Do what `{self.parameter}` says: {lowered} ({self.old[0]!r}), {new[:1].lower()}{new[1:]} ({self.new!r})."

    def _merged(self, old: list[ast.stmt], new: list[ast.stmt]) -> list[ast.stmt]:
        matcher = SequenceMatcher(None, [ast.dump(s) for s in old], [ast.dump(s) for s in new], autojunk=False)
        merged: list[ast.stmt] = []
        for kind, i1, i2, j1, j2 in matcher.get_opcodes():
            if kind == "equal":
                merged += old[i1:i2]
            elif i2 - i1 == j2 - j1:
                for a, b in zip(old[i1:i2], new[j1:j2], strict=True):
                    merged += self._chosen([a], [b])
            else:
                merged += self._chosen(old[i1:i2], new[j1:j2])
        return merged

    def _chosen(self, old: list[ast.stmt], new: list[ast.stmt]) -> list[ast.stmt]:
        """Return statements that do the old ones for the old values and the new ones for the new value."""
        if len(old) == len(new) == 1 and (inner := self._same_header(old[0], new[0])) is not None:
            return [inner]
        if len(old) == 1 and self._is_choice(old[0]):
            return [self._extended(old[0], new)]
        chain = self._test_for([self.new], new) if new else None
        if not old:
            return [chain] if chain else []
        return [self._test_for(self.old, old, [chain] if chain else [])]

    def _same_header(self, old: ast.stmt, new: ast.stmt) -> ast.stmt | None:
        if type(old) is not type(new) or not isinstance(old, ast.While | ast.For | ast.If) or self._is_choice(old):
            return None
        bare = [copy.copy(statement) for statement in (old, new)]
        for statement in bare:
            statement.body = [ast.Pass()]  # type: ignore[attr-defined]
        if ast.dump(bare[0]) != ast.dump(bare[1]):
            return None
        bare[0].body = self._merged(old.body, new.body)  # type: ignore[attr-defined]
        return bare[0]

    def _is_choice(self, statement: ast.stmt) -> bool:
        return (
            isinstance(statement, ast.If)
            and self.parameter in {node.id for node in ast.walk(statement.test) if isinstance(node, ast.Name)}
            and isinstance(statement.test, ast.Compare)
            and isinstance(statement.test.left, ast.Name)
        )

    def _extended(self, choice: ast.stmt, new: list[ast.stmt]) -> ast.stmt:
        """Return an if-elif chain with one more value: in the branch that does the same, or in one of its own."""
        assert isinstance(choice, ast.If)  # noqa: S101 - the caller looked
        if not new:
            return choice
        link = choice
        while True:
            if [ast.dump(s) for s in link.body] == [ast.dump(s) for s in new]:
                link.test = self._test([*_values(link.test), self.new])
                return choice
            if not link.orelse:
                link.orelse = [self._test_for([self.new], new)]
                return choice
            following = link.orelse[0]
            if not isinstance(following, ast.If):
                return self._test_for([self.new], new, [choice])
            link = following

    def _test_for(self, values: Sequence[str], body: list[ast.stmt], otherwise: Sequence[ast.stmt] = ()) -> ast.If:
        return ast.If(test=self._test(values), body=body, orelse=list(otherwise))

    def _test(self, values: Sequence[str]) -> ast.expr:
        name = ast.Name(id=self.parameter, ctx=ast.Load())
        constants: list[ast.expr] = [ast.Constant(value=value) for value in values]
        if len(constants) == 1:
            return ast.Compare(left=name, ops=[ast.Eq()], comparators=constants)
        return ast.Compare(left=name, ops=[ast.In()], comparators=[ast.Tuple(elts=constants, ctx=ast.Load())])


class _Outline(ast.NodeTransformer):
    """Makes names and constants alike, so that a general program and a special one look the same."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Constant(value=0)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(value=0)


def _outline(program: Program) -> str:
    body = ast.Module(body=copy.deepcopy(program.function.body[1:]), type_ignores=[])
    return ast.dump(_Outline().visit(body))


class _Lift(ast.NodeTransformer):
    """Replaces a constant by the parameter."""

    def __init__(self, value: str, parameter: str) -> None:
        self._value, self._parameter = value, parameter

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Name(id=self._parameter, ctx=ast.Load()) if node.value == self._value else node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return node


def _values(test: ast.expr) -> list[str]:
    return [node.value for node in ast.walk(test) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _main(program: Program, spec: EnvironmentSpec) -> tuple[str, ...]:
    """Return (parameter, value) of the first text argument of the last primitive call, or ()."""
    calls = [node for node in ast.walk(program.function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    calls.sort(key=lambda node: (node.lineno, node.col_offset))
    for call in reversed(calls):
        assert isinstance(call.func, ast.Name)  # noqa: S101 - selected above
        primitive = spec.primitive(call.func.id)
        if primitive is not None and call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str):
            return primitive.parameters[0].name, call.args[0].value
    return ()


def _texts(program: Program) -> list[str]:
    """Return the text constants of a program in order, its docstring and annotations left out."""
    return [text for statement in program.function.body[1:] for text in _texts_in(statement)]


def _texts_in(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _texts_in(child)
