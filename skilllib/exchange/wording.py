"""The body of a SKILL.md for a skill in code: derived from contract and measurements, never from an author's prose alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skilllib.library import SkillLibrary
from skilllib.library.text import check_words, first_sentence, words
from skilllib.records.base import Scalar
from skilllib.records.skill import Effect, Provision, Skill

SHOWN = 8
"""Effects in the body; all of them are in `references/effects.md`."""


def summary(skill: Skill) -> str:
    """Return what a skill does and what it is good for, in one line of at most 1024 characters."""
    said = skill.description or first_sentence(skill.program.doc if skill.program else skill.text or "") or words(skill.name)
    goals = list(dict.fromkeys(check_words(provision.check) for provision in skill.contract.provides))
    line = " ".join([said, *([f"Use it to reach: {'; '.join(goals)}."] if goals else [])])
    line = " ".join(line.replace("---", "\N{EM DASH}").split())
    return line if len(line) <= 1024 else f"{line[:1023]}\N{HORIZONTAL ELLIPSIS}"


def body(library: SkillLibrary, skill: Skill, *, code: str, folders: Mapping[str, str]) -> str:
    """Return the procedure in words.

    Args:
        library: Where its measurements and callees are.
        skill: A skill in code.
        code: Path of its code within the folder.
        folders: Code hash → folder of the skills that travel with it.
    """
    effects, tests = library.effects(skill.code_hash), library.tests(skill.code_hash)
    figures = library.statistics(skill.code_hash)
    lines = [f"# {words(skill.name).capitalize()}", "", summary(skill), ""]
    lines += _section("Provides", map(provision_line, skill.contract.provides))
    lines += _section("Needs", (f"`{check}`" for check in skill.contract.requires))
    lines += ["## Procedure", "", f"Run [`{skill.signature()}`]({code}) in the environment `{skill.environment}`.", ""]
    lines += _section("It uses these skills", (_callee(library, skill, at, folders) for at in range(len(skill.calls))))
    lines += _section("It may call these primitives", (f"`{name}`" for name in skill.contract.capabilities))
    lines += _section("Measured effects", map(effect_line, _telling(effects)[:SHOWN]))
    if effects:
        lines += ["All of them: [references/effects.md](references/effects.md)", ""]
    if tests:
        lines += ["## Evidence", "", f"{len(tests)} kept tests: [references/tests.jsonl](references/tests.jsonl)"]
        lines += [f"They were shown to succeed in more than {figures.lower_bound:.0%} of fresh worlds."] * bool(figures.lower_bound)
    return "\n".join(lines).rstrip() + "\n"


def effects_page(skill: Skill, effects: tuple[Effect, ...]) -> str:
    """Return all measured effects."""
    return "\n".join([f"# Measured effects of `{skill.name}`", "", *(f"- {effect_line(effect)}" for effect in effects), ""])


def provision_line(provision: Provision) -> str:
    """Return a promise in words and as a check."""
    return f"{check_words(provision.check)}{_with(provision.arguments)}: `{provision.check}`"


def effect_line(effect: Effect) -> str:
    """Return an effect in words."""
    parts = [f"`{effect.fact}`{_with(effect.arguments)} changed in {effect.changed} of {effect.n} runs"]
    parts += [f"rises by {effect.rise:g}"] * bool(effect.rise) + [f"uses up {effect.uses:g}"] * bool(effect.uses)
    return ", ".join(parts)


def _with(arguments: Mapping[str, Scalar]) -> str:
    return f" with {', '.join(f'{name}={value!r}' for name, value in arguments.items())}" if arguments else ""


def _telling(effects: tuple[Effect, ...]) -> list[Effect]:
    return sorted(effects, key=lambda effect: (-effect.changed / effect.n, effect.fact))


def _callee(library: SkillLibrary, skill: Skill, at: int, folders: Mapping[str, str]) -> str:
    callee = library.version(skill.calls[at].code_hash)
    return f"[`{skill.calls[at].name}`](../{folders[callee.code_hash]}/SKILL.md): {summary(callee)}"


def _section(title: str, entries: Iterator[str]) -> list[str]:
    lines = [f"- {entry}" for entry in entries]
    return [f"## {title}", "", *lines, ""] if lines else []
