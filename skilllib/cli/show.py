"""`skilllib show`: everything that is known of one skill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, LibraryPath

if TYPE_CHECKING:
    from rich.console import Console

    from skilllib.library import SkillLibrary
    from skilllib.records.skill import Effect, KeptTest, Skill, Statistics

SHOWN = 8
"""Kept tests and effects of each kind that are printed; --json gives all."""


def show(
    name: Annotated[str, typer.Argument(help="A name, `name@3`, `name@<hash prefix>`, or digits of a hash.")],
    library: LibraryPath = DEFAULT_LIBRARY,
    as_json: AsJson = False,
) -> None:
    """Show a skill: source, contract, calls, measured effects, kept tests, statistics, where it comes from, its history."""
    from skilllib.cli.history import entries_table
    from skilllib.cli.opening import reading
    from skilllib.cli.output import emit, stdout

    with reading(library) as opened:
        skill = opened.get(name)
        if as_json:
            emit(_record(opened, skill))
            return
        console = stdout()
        _head(console, opened, skill)
        _print_effects(console, opened.effects(skill.code_hash))
        _print_tests(console, opened.tests(skill.code_hash))
        _print_statistics(console, opened.statistics(skill.code_hash))
        console.print(entries_table(opened, opened.history(skill.name), title="\nledger"))


def _record(library: SkillLibrary, skill: Skill) -> dict[str, Any]:
    from skilllib.report.costs import recorded, skill_costs

    return {
        **skill.model_dump(mode="json"),
        "source": skill.program.source if skill.program else None,
        "signature": skill.signature(),
        "policy": library.policy,
        "aliases": _other_names(library, skill),
        "code_hash": skill.code_hash,
        "version_hash": skill.version_hash,
        "callers": [{"name": caller.name, "code_hash": caller.code_hash} for caller in library.callers(skill.code_hash)],
        "effects": [effect.model_dump(mode="json") for effect in library.effects(skill.code_hash)],
        "tests": [test.model_dump(mode="json") for test in library.tests(skill.code_hash)],
        "statistics": library.statistics(skill.code_hash).model_dump(mode="json"),
        "cost": recorded(skill_costs(library, skill.provenance.run).get(skill.version_hash)),
        "ledger": [entry.model_dump(mode="json") for entry in library.history(skill.name)],
    }


def _head(console: Console, library: SkillLibrary, skill: Skill) -> None:
    from rich.syntax import Syntax
    from rich.text import Text

    from skilllib.cli.output import policy_note, status_text

    title = (
        Text(skill.name, style="bold").append(f"  version {skill.version}  ", style="dim").append_text(status_text(skill.status))
    )
    console.print(title)
    console.print(skill.description)
    if skill.program:
        console.print(Syntax(skill.program.source.rstrip(), "python", theme="ansi_dark", word_wrap=True))
    elif skill.text:
        console.print(skill.text)
    by = {callee.code_hash: callee.name for callee in skill.calls}
    callees = ", ".join(f"{by[callee.code_hash]} ({callee.status})" for callee in map(library.version, by))
    callers = ", ".join(f"{caller.name} v{caller.version} ({caller.status})" for caller in library.callers(skill.code_hash))
    origin = skill.provenance
    merged = ", ".join(library.version(code_hash).name for code_hash in origin.merged_from)
    _facts(
        console,
        {
            "other names": ", ".join(_other_names(library, skill)),
            "calls": callees or "no other skill",
            "called by": callers or "no other skill",
            "provides": "; ".join(provision.check for provision in skill.contract.provides),
            "requires": "; ".join(skill.contract.requires),
            "capabilities": ", ".join(skill.contract.capabilities),
            "learned": f"{origin.task} in {origin.environment}, run {origin.run} (seed {origin.seed})" if origin.run else "",
            "written": f"by {origin.writer.replace('_', ' ')}" if origin.writer else "",
            "cost": _cost(library, skill),
            "generalises": merged,
            "further files": ", ".join(f"{one.path} ({len(one.data):,} bytes)" for one in library.resources(skill.version_hash)),
            "policy": policy_note(library.policy).strip(" ()").removeprefix("policy "),
            "code hash": skill.code_hash,
        },
    )


def _other_names(library: SkillLibrary, skill: Skill) -> list[str]:
    return [other for other, name in library.aliases().items() if name == skill.name]


def _cost(library: SkillLibrary, skill: Skill) -> str:
    from skilllib.report.costs import skill_costs

    cost = skill_costs(library, skill.provenance.run).get(skill.version_hash)
    return f"{cost}, from the first attempt at its task until it was admitted" if cost else ""


def _facts(console: Console, facts: dict[str, str]) -> None:
    from rich.table import Table
    from rich.text import Text

    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for name, value in facts.items():
        if value:
            rows.add_row(Text(name, style="bold"), value)
    console.print(rows)


def _print_effects(console: Console, effects: tuple[Effect, ...]) -> None:
    from skilllib.cli.output import arguments_text, table

    if not effects:
        return
    rows = table(
        "fact",
        "with",
        "changed",
        "rises by",
        "uses up",
        "becomes",
        title="\nmeasured effects",
        right=("changed", "rises by", "uses up"),
    )
    often = sorted(effects, key=lambda effect: (-effect.changed / effect.n, effect.fact))
    for effect in often[: 2 * SHOWN]:
        value = "" if effect.value is None else repr(effect.value)
        rise, uses = (f"{amount:g}" if amount else "" for amount in (effect.rise, effect.uses))
        rows.add_row(effect.fact, arguments_text(effect.arguments), f"{effect.changed} of {effect.n}", rise, uses, value)
    console.print(rows)
    _left_out(console, len(effects) - 2 * SHOWN)


def _print_tests(console: Console, tests: tuple[KeptTest, ...]) -> None:
    from skilllib.cli.output import arguments_text, change_text, table

    rows = table("seed", "with", "check", "changed in the recorded run", "steps", title="\nkept tests", right=("seed", "steps"))
    for test in tests[:SHOWN]:
        seed = "none" if test.seed is None else str(test.seed)
        rows.add_row(seed, arguments_text(test.arguments), test.check, change_text(test.changes, 3), str(test.world_steps))
    console.print(rows if tests else "\nno kept tests")
    _left_out(console, len(tests) - SHOWN)


def _left_out(console: Console, count: int) -> None:
    if count > 0:
        console.print(f"and {count} more; --json shows all", style="dim")


def _print_statistics(console: Console, statistics: Statistics) -> None:
    console.print("\nstatistics", style="italic")
    alpha, beta = statistics.posterior
    _facts(
        console,
        {
            "proof": f"{statistics.successes} of {statistics.trials} fresh worlds solved; "
            f"with 95 % confidence more than {statistics.lower_bound:.0%}",
            "steps": f"{statistics.world_steps:.1f} world steps in a solved trial, on average",
            "use": f"found {statistics.retrieved} times, called {statistics.called} times, "
            f"of these {statistics.solved} solved a task and {statistics.failed} failed",
            "does its work": f"in {alpha / (alpha + beta):.0%} of trials and calls, "
            f"with credibility 95 % more than {statistics.lower():.0%}",
            "models": f"{statistics.tokens:,} tokens, {statistics.usd:.4f} USD" if statistics.tokens or statistics.usd else "",
        },
    )
