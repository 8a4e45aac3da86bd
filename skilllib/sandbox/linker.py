"""Puts a program and every skill version it may reach into one source that cannot mix them up.

Each function is loaded under a name derived from its code hash. References are rewritten in place, so that line numbers
inside a function stay what its author sees; a comparison of syntax trees proves that nothing else changed. Between a
caller and a callee stands a *door*, a function that reports entry and exit to our side. All names made here start with
two underscores, which `Program` refuses, so no program can name a door, a body or a reporter.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from skilllib.errors import InvalidProgram, UnknownSkill
from skilllib.records.program import Program, syntax_tree
from skilllib.records.skill import Skill
from skilllib.sandbox.scope import free_names

FACTS = "facts"
"""The reserved name under which a program reads the facts of the observation."""
ARGUMENTS = "__arguments"
SHORT = 8
"""Hexadecimal digits of a code hash in a name; more where two would be equal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A line of the program or of one skill."""

    skill: Skill | None
    """None for the root program."""
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """Where the source of one function stands in the linked source."""

    skill: Skill | None
    first_line: int
    n_lines: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """One edge: a caller and the skill it calls."""

    caller: Skill | None
    callee: Skill


@dataclass(frozen=True, kw_only=True, slots=True)
class Linked:
    """One source for one run."""

    source: str
    segments: tuple[Segment, ...]
    doors: tuple[Door, ...]
    line_starts: tuple[int, ...]
    """Byte offset of the first character of each line."""
    enter: str
    """Name of the function that reports an entry."""
    leave: str

    def at_byte(self, offset: int) -> Place | None:
        """Return the place of a byte of the source, None for one of our own lines."""
        return self.at_line(bisect_right(self.line_starts, offset))

    def at_line(self, line: int) -> Place | None:
        """Return the place of a line of the source (from 1), None for one of our own lines."""
        i = bisect_right(self.segments, line, key=lambda segment: segment.first_line) - 1
        if i < 0 or (within := line - self.segments[i].first_line) >= self.segments[i].n_lines:
            return None
        return Place(skill=self.segments[i].skill, line=within + 1)


def link(program: Program, closure: Sequence[Skill], calls: Mapping[str, str], *, token: str) -> Linked:
    """Return the linked source of a program and the skills it may reach.

    Args:
        program: The root program.
        closure: Every skill version it may reach.
        calls: Name in the root program → code hash.
        token: Letters and digits that nobody can guess; part of the reporters' names.

    Raises:
        UnknownSkill: A version that is called is not in the closure.
        InvalidProgram: A reference cannot be rewritten, such as `f"{walk_home()=}"`.
    """
    reachable = {skill.code_hash: skill for skill in closure if skill.program is not None}
    names = _names(list(reachable.values()))
    text = _Text(enter=f"__enter_{token}", leave=f"__leave_{token}", names=names)
    for skill in reachable.values():
        edges = {callee.name: _version(reachable, callee.name, callee.code_hash) for callee in skill.calls}
        assert skill.program is not None  # noqa: S101 - for the type checker; filtered above
        text.add(skill.program, skill, {**edges, skill.program.name: skill})
    text.add(program, None, {name: _version(reachable, name, code_hash) for name, code_hash in calls.items()})
    return text.linked()


def readable(message: str) -> str:
    """Return a message with the names made here put back to what the author wrote."""
    return re.sub(r"\b__([A-Za-z]\w*?)__(?:[0-9a-f]{8,64}|root)(?:_\d+)?\b", r"\1", message)


def _version(reachable: Mapping[str, Skill], name: str, code_hash: str) -> Skill:
    if code_hash not in reachable:
        raise UnknownSkill(f"the version {code_hash[:12]} of {name!r} is not in the closure; pass every version it reaches")
    return reachable[code_hash]


def _names(skills: Sequence[Skill]) -> dict[str, str]:
    """Return the name of each version by code hash, with as many digits as tell them apart."""
    digits = SHORT
    while len({skill.code_hash[:digits] for skill in skills}) < len(skills):
        digits += 1
    return {skill.code_hash: f"__{skill.program.name}__{skill.code_hash[:digits]}" for skill in skills if skill.program}


class _Text:
    """The linked source while it grows."""

    def __init__(self, *, enter: str, leave: str, names: Mapping[str, str]) -> None:
        self._enter, self._leave, self._names = enter, leave, names
        self._parts: list[str] = []
        self._n_lines = 0
        self._segments: list[Segment] = []
        self._doors: list[Door] = []

    def add(self, program: Program, skill: Skill | None, edges: Mapping[str, Skill]) -> None:
        """Add one function and the doors to what it calls."""
        renamed = {}
        for name in sorted(program.names | {program.name}):
            if name in edges and name != FACTS and not (skill is None and name == program.name):
                renamed[name] = self._add_door(skill, edges[name])
        own = self._names[skill.code_hash] if skill else f"__{program.name}__root"
        body = rewritten(program.source, own, tuple(sorted({program.name: own, **renamed}.items()))) + "\n"
        self._segments.append(Segment(skill=skill, first_line=self._n_lines + 1, n_lines=body.count("\n")))
        self._append(body)
        self._root = own

    def linked(self) -> Linked:
        """Return what was added, ending in the call of the last program."""
        self._append(f"{self._root}(**{ARGUMENTS})\n")
        source = "".join(self._parts)
        return Linked(
            source=source,
            segments=tuple(self._segments),
            doors=tuple(self._doors),
            line_starts=tuple(accumulate((len(line) + 1 for line in source.encode().split(b"\n")[:-1]), initial=0)),
            enter=self._enter,
            leave=self._leave,
        )

    def _add_door(self, caller: Skill | None, callee: Skill) -> str:
        # No `try` in a door: in this interpreter it would lose the line of an error. An exit by exception is told from
        # where the next call comes from, see `SkillStack`.
        number, body = len(self._doors), self._names[callee.code_hash]
        self._doors.append(Door(caller=caller, callee=callee))
        name = f"{body}_{number}"
        self._append(
            f"def {name}(*args, **kwargs):\n"
            f"    entry = {self._enter}({number}, args, kwargs)\n"
            f"    value = {body}(**entry[1])\n"
            f"    {self._leave}(entry[0])\n"
            f"    return value\n"
        )
        return name

    def _append(self, part: str) -> None:
        self._parts.append(part)
        self._n_lines += part.count("\n")


@lru_cache(maxsize=1024)
def rewritten(source: str, own: str, renamed: tuple[tuple[str, str], ...]) -> str:
    r"""Return the source of one function with its name and its free references replaced, on the same lines.

    Args:
        source: Source of a program.
        own: New name of the function.
        renamed: Pairs of a free name and its replacement.

    Raises:
        InvalidProgram: A reference stands where it cannot be replaced in place.

    >>> rewritten("def go() -> None:\n    'Go.'\n    walk(walk=1)", "__go", (("walk", "__w"),))
    "def __go() -> None:\n    'Go.'\n    __w(walk=1)"
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    tree = syntax_tree(source)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    lines = [line.encode() for line in source.split("\n")]
    table = dict(renamed)
    names = [node for node in free_names(function) if node.id in table]
    edits = {(node.lineno, node.col_offset): (node.id, table[node.id]) for node in names}
    edits[_name_position(lines, function)] = (function.name, own)
    for (line, column), (old, new) in sorted(edits.items(), reverse=True):
        text, end = lines[line - 1], column + len(old.encode())
        lines[line - 1] = text[:column] + new.encode() + text[end:]
    result = b"\n".join(lines).decode(errors="replace")
    for node in names:
        node.id = table[node.id]
    function.name = own
    if not _same(result, tree):
        raise InvalidProgram("a skill is called where the call cannot be followed; take it out of the f-string")
    return result


def _name_position(lines: Sequence[bytes], function: ast.FunctionDef) -> tuple[int, int]:
    """Return line and byte column of the name in `def name`; the two may stand on different lines after a backslash."""
    line, column = function.lineno, function.col_offset + len("def")
    while not lines[line - 1][column:].strip(b" \t\f\\"):
        line, column = line + 1, 0
    text = lines[line - 1]
    return line, column + len(text[column:]) - len(text[column:].lstrip(b" \t\f"))


def _same(source: str, tree: ast.Module) -> bool:
    try:
        return ast.dump(syntax_tree(source)) == ast.dump(tree)
    except InvalidProgram:
        return False
