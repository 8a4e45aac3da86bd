"""What a model that writes is shown: parts of a prompt with their worth, so that the least useful go first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Literal

from skilllib.prompts import Part, Prompt
from skilllib.prompts.fitting import cut, fit
from skilllib.prompts.shown import steps_text
from skilllib.records.base import Json
from skilllib.records.check import Check, Condition
from skilllib.records.execution import Attempt
from skilllib.records.facts import lookup
from skilllib.records.model import Message
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Observation
from skilllib.sandbox.binding import call_text, shown
from skilllib.writer.fit import why

Code = Literal["never", "budget", "always"]
"""When the code of skills is shown: never, where nothing else needs the room, before most other things."""


def filled(prompt: Prompt, parts: Sequence[Part], *, tokens: int, again: bool = False) -> tuple[Message, ...]:
    """Return the messages of a prompt whose last section speaks of a reply that could not be used.

    Args:
        prompt: Its last section is left out unless `again`, else it is joined to the one before.
        parts: What fills the slots; the least useful are left out.
        tokens: What the messages may have, by `estimated_tokens`.
        again: Whether there was a reply that could not be used.

    Raises:
        PromptError: What cannot be left out is too long already.
    """
    return fit(lambda texts: _messages(prompt, texts, again), cut(parts, tokens), tokens=tokens, name=prompt.name)


def _messages(prompt: Prompt, texts: Mapping[str, list[str]], again: bool) -> tuple[Message, ...]:
    messages = prompt.messages(**{slot: "\n".join(texts.get(slot, ())) for slot in prompt.slots})
    *others, question, complaint = messages
    if not again:
        return (*others, question)
    return (*others, Message(role=question.role, content=f"{question.content}\n\n{complaint.content}"))


def world_parts(spec: EnvironmentSpec) -> Iterator[Part]:
    """Yield the world and its primitives."""
    yield Part("world", spec.description, 4)
    for primitive in spec.primitives:
        yield Part("primitives", primitive.signature(), inf)
        yield Part("primitives", f"    {primitive.doc}", 7)
        yield Part("primitives", f"    Returns {primitive.returns}.", 6)
        if primitive.fails:
            yield Part("primitives", f"    Fails: {primitive.fails}", 6.5)


def fact_parts(schema: Mapping[str, Json], path: str = "facts()") -> Iterator[Part]:
    """Yield the keys of the facts, group by group."""
    members = schema.get("properties", {})
    if leaves := [f'"{key}"{_values(child)}' for key, child in members.items() if "properties" not in child]:
        yield Part("facts", f"{path} has the keys {', '.join(leaves)}", 7.2)
    for key, child in members.items():
        yield from fact_parts(child, f'{path}["{key}"]') if "properties" in child else ()


def _values(schema: Mapping[str, Json]) -> str:
    """Return what a fact may be, in brackets; nothing for a number."""
    if "enum" in schema:
        return f" ({', '.join(map(repr, schema['enum'][:8]))})"
    return {"boolean": " (True or False)", "string": " (text)", "array": " (list)"}.get(str(schema.get("type")), "")


def skill_parts(skills: Sequence[Skill], *, code: Code) -> Iterator[Part]:
    """Yield the skills that may be called, the best first; those that are shown with their code may be left out all the same."""
    for rank, skill in enumerate(skills):
        less = rank / 100
        yield Part("skills", f"{skill.signature()}\n    {skill.description}", 8 - less)
        for provision in skill.contract.provides:
            given = f" when called with {call_text(skill.name, provision.arguments)}" if provision.arguments else ""
            yield Part("skills", f"    Brings about: {provision.check}{given}", 5.5 - less)
        if skill.program is not None and code != "never":
            yield Part("skills", f"    Its code:\n{skill.program.source.strip()}", (7.5 if code == "always" else 1) - less)


def task_parts(task: Task, signature: str = "", mended: Skill | None = None) -> Iterator[Part]:
    """Yield the task, the skill that is to be mended for it, and the line with which a function for it may begin."""
    yield Part("goal", task.goal, inf)
    yield Part("task", f"Goal: {task.goal}", inf)
    if (check := task.parsed_check()) is not None:
        yield Part("task", f"Solved when: {_in_words(check)}", inf)
        if task.parameters:
            yield Part("task", f"Facts in it: {', '.join(map(_read, check.facts()))}", 8.9)
    for name, values in task.parameters.items():
        yield Part("task", f"The parameter {name} will be: {', '.join(shown(value) for value in values[:8])}", inf)
    if task.context:
        yield Part("task", f"Known about it: {task.context}", 6.8)
    if mended is not None and mended.program is not None:
        yield Part("task", f"Mend this skill:\n{mended.program.source.strip()}", inf)
    if signature:
        yield Part("task", f"Begin the function with: def {signature} -> None:", inf)


def _in_words(check: Check) -> str:
    """Return what a check asks for in words: where it can be said so, nobody takes it for code that a program may copy."""
    conditions = check.conditions()
    said = [_asked(condition) for condition in conditions if condition.kind != "decrease"]
    return " and ".join(said) if len(said) == len(conditions) == check.conjuncts else check.source


def _asked(condition: Condition) -> str:
    value = condition.value[1:] if isinstance(condition.value, str) and condition.value.startswith("$") else repr(condition.value)
    kinds = {"increase": "has gone up by at least", "at_least": "is at least", "at_most": "is at most", "equals": "is"}
    return f"{condition.fact} {kinds[condition.kind]} {value}"


def _read(fact: str) -> str:
    """Return how a program reads a fact."""
    return "facts()" + "".join(f'["{key}"]' for key in fact.split("."))


def observation_parts(observation: Observation | None, facts: Iterable[str] = ()) -> Iterator[Part]:
    """Yield what is there: in words, and of the facts those that matter, since a long list of them distracts."""
    if observation is not None:
        yield Part("observation", observation.text, 8.5)
        values = {fact: lookup(observation.facts, fact) for fact in facts}
        if told := [f"{_read(fact)} is {value!r}" for fact, value in values.items() if value is not None]:
            yield Part("observation", "\n".join(told), 7.1)


def call_parts(lines: Sequence[str]) -> Iterator[Part]:
    """Yield calls that may be of use, the best first."""
    for rank, line in enumerate(lines):
        yield Part("calls", line, 8.4 - rank / 100)


def attempt_parts(attempts: Sequence[Attempt]) -> Iterator[Part]:
    """Yield what was tried: of the last attempt everything, of those before what is not to be repeated."""
    for i, attempt in enumerate(attempts[:-1]):
        yield Part("earlier", f"{attempt.program.source.strip()}\nFailed: {why(attempt)}", 3 + i / 100)
    for attempt in attempts[-1:]:
        yield Part("last", attempt.program.source.strip(), 9)
        if done := steps_text(attempt.execution.trajectory):
            yield Part("last", f"What it did:\n{done}", 5)
        yield Part("last", f"Why it failed: {why(attempt)}", 9.5)
        if attempt.advice:
            yield Part("last", f"Advice: {attempt.advice}", 8.8)


def refused_parts(reply: str, problem: str) -> Iterator[Part]:
    """Yield a reply that could not be used, and why."""
    yield Part("reply", reply, 9.8)
    yield Part("problem", problem, inf)
