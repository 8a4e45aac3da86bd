"""A skill in words: what stands in its text, or what its code, contract, effects and tests say."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Literal

from skilllib.records.adapter import Section, SkillText
from skilllib.records.model import Message
from skilllib.records.program import Program
from skilllib.records.skill import Contract, Effect, KeptTest, Skill

_HEADING = re.compile(r"^#{1,3} +(.+?)\s*$", re.MULTILINE)
_PROCEDURE = re.compile(r"procedure|steps|workflow|how to|instruction", re.IGNORECASE)
_PITFALLS = re.compile(r"pitfall|caution|warning|avoid|mistake|trouble|limit", re.IGNORECASE)
Kind = Literal["general", "procedure", "pitfalls"]
_TOLD, _END = "What you know how to do:\n<skill>\n", "\n</skill>"
EFFECTS, CASES = 8, 4
"""Effects and tests that a text names."""


def text_of(skill: Skill, *, effects: Sequence[Effect] = (), tests: Sequence[KeptTest] = ()) -> SkillText:
    """Return a skill's text: its own, by its headings, or one that follows from its code and what was verified of it."""
    if skill.text is not None:
        return SkillText(name=skill.name, sections=sections_of(skill.text))
    program = skill.program
    assert program is not None  # noqa: S101 - a skill has code or text
    parts: tuple[tuple[Kind, str], ...] = (
        ("general", _general(skill, program, effects)),
        ("procedure", _procedure(program, skill, tests)),
        ("pitfalls", _pitfalls(skill.contract, effects, tests)),
    )
    return SkillText(name=skill.name, sections=tuple(Section(kind=kind, body=body) for kind, body in parts if body))


def sections_of(text: str) -> tuple[Section, ...]:
    r"""Return the sections of a text, told apart by its headings.

    >>> [section.kind for section in sections_of("Tea.\n## Steps\n1. Boil.\n## Pitfalls\nHot.")]
    ['general', 'procedure', 'pitfalls']
    """
    pieces = _HEADING.split(text)
    found = [Section(body=pieces[0].strip())] if pieces[0].strip() else []
    for heading, body in zip(pieces[1::2], pieces[2::2], strict=True):
        kind: Kind = "procedure" if _PROCEDURE.search(heading) else "pitfalls" if _PITFALLS.search(heading) else "general"
        found.append(Section(kind=kind, body=f"{heading}\n{body.strip()}".strip()))
    return tuple(found) or (Section(body=text),)


def informed(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """Return a conversation in which the model is told a skill, at the end of what the system says.

    There it stands before everything that changes from task to task, so that a prefix cache keeps it.
    """
    told = f"{_TOLD}{re.sub(r'<(?=/?skill>)', '&lt;', text)}{_END}"
    first, rest = (messages[0], messages[1:]) if messages and messages[0].role == "system" else (None, messages)
    content = f"{first.content}\n\n{told}" if first else told
    return (Message(role="system", content=content), *rest)


def told_in(messages: Sequence[Message]) -> str | None:
    """Return the text that `informed` put into a conversation; None where there is none."""
    content = messages[0].content if messages else ""
    _, begun, rest = content.rpartition(_TOLD)
    return re.sub(r"&lt;(?=/?skill>)", "<", rest.removesuffix(_END)) if begun and rest.endswith(_END) else None


def _general(skill: Skill, program: Program, effects: Sequence[Effect]) -> str:
    lines = [skill.description or program.doc, f"It is called {program.signature()}."]
    lines += [f"- {_effect(effect)}" for effect in _telling(effects)]
    return "\n".join(lines)


def _telling(effects: Sequence[Effect]) -> list[Effect]:
    """Return the effects that came about most reliably."""
    changed = [effect for effect in effects if effect.n and effect.changed]
    return sorted(changed, key=lambda effect: (-effect.changed / effect.n, effect.fact))[:EFFECTS]


def _effect(effect: Effect) -> str:
    given = f" with {_given(effect.arguments)}" if effect.arguments else ""
    how = (
        f"rises by {effect.rise:g} or more"
        if effect.rise > 0
        else f"becomes {effect.value!r}"
        if effect.value is not None
        else "changes"
    )
    return f"{effect.fact} {how}{given} (in {effect.changed} of {effect.n} runs)"


def _procedure(program: Program, skill: Skill, tests: Sequence[KeptTest]) -> str:
    steps = _steps(program)
    lines = [f"{i}. {step}" for i, step in enumerate(steps, 1)] if steps else ["```python", program.source.strip(), "```"]
    if skill.calls:
        lines.append(f"It calls the skills {', '.join(callee.name for callee in skill.calls)}.")
    shown = [test for test in tests if test.expected and test.arguments][:CASES]
    lines += [f"- {skill.name}({_given(test.arguments)}) brought about: {test.check}" for test in shown]
    return "\n".join(lines)


def _steps(program: Program) -> list[str]:
    """Return the calls of a program that makes one after the other and nothing else; nothing for any other."""
    body = program.function.body[1:]
    calls = [node.value for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    return [ast.unparse(call) for call in calls] if body and len(calls) == len(body) else []


def _pitfalls(contract: Contract, effects: Sequence[Effect], tests: Sequence[KeptTest]) -> str:
    lines = [f"Before it, this must hold: {check}" for check in contract.requires]
    lines += [
        f"{effect.fact} changes in {effect.changed} of {effect.n} runs only."
        for effect in _telling(effects)
        if effect.changed < effect.n
    ]
    lines += [f"It uses up {effect.uses:g} of {effect.fact}." for effect in effects if effect.uses > 0][:CASES]
    lines += [f"It does not bring about: {test.check}" for test in tests if not test.expected][:CASES]
    return "\n".join(f"- {line}" for line in dict.fromkeys(lines))


def _given(arguments: dict[str, bool | int | float | str]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
