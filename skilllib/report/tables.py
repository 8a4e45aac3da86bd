"""The tables of a report."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from skilllib.records.base import Json
from skilllib.records.skill import Effect
from skilllib.report.account import Account, SkillPage
from skilllib.report.conversation import task_costs
from skilllib.report.costs import Cost, usd_text

REASONS = 5
"""Reasons of failure that are listed for a task."""
EFFECTS = 6
"""Effects that are listed for a skill."""
COSTS = ("model calls#", "tokens#", "money#")
"""Headers of what models cost."""


def cost_cells(cost: Cost) -> tuple[str, str, str]:
    """Return the cells of what models cost; empty where nothing was asked."""
    return (f"{cost.calls:,}", f"{cost.tokens:,}", usd_text(cost.usd)) if cost else ("", "", "")


def escaped(value: object) -> str:
    """Return any value as text that is safe in HTML."""
    return html.escape(str(value), quote=True)


def milestones(account: Account) -> str:
    """Return the milestones in the order in which they were reached."""
    rows = [
        (escaped(str(m["milestone"]).replace("_", " ")), f"{m['attempt']:,}", f"{m['step']:,}")
        for m in account.summary.get("milestones_reached", ())
    ]
    return table(("milestone", "attempt#", "world step#"), rows) if rows else '<p class="soft">None was reached.</p>'


def skills(account: Account) -> str:
    """Return the skills, active ones first, each with its source to unfold."""
    order = {"active": 0, "trial": 1, "retired": 2, "revoked": 3}
    pages = sorted(account.skills, key=lambda page: order[page.skill.status])
    if not pages:
        return '<p class="soft">There are none.</p>'
    header = ("skill", "status", "solved in proof#", "success above#", "called#", "world steps#", "calls")
    if not account.conversation.calls:
        return table(header, [_skill(page) for page in pages])
    return table((*header, *COSTS), [(*_skill(page), *cost_cells(page.cost)) for page in pages])


def _skill(page: SkillPage) -> tuple[str, ...]:
    skill, counted = page.skill, page.statistics
    source = skill.program.source if skill.program else skill.text or ""
    origin = "" if page.mine else f" Learned in run {escaped(skill.provenance.run)}."
    effects = f"<p>{_effects(page.effects)}</p>" if page.effects else ""
    unfolded = (
        f"<details><summary><code>{escaped(skill.signature())}</code></summary>"
        f'<p class="soft">{escaped(skill.description)}{origin} Version {skill.version}, <code>{skill.code_hash[:12]}</code>.</p>'
        f"{effects}<pre><code>{escaped(source)}</code></pre></details>"
    )
    return (
        unfolded,
        f'<span class="status {escaped(skill.status)}">{escaped(skill.status)}</span>',
        f"{counted.successes} of {counted.trials}",
        f"{counted.lower_bound:.0%}",
        f"{counted.called:,}",
        f"{counted.world_steps:.0f}",
        escaped(", ".join(callee.name for callee in skill.calls)),
    )


def _effects(effects: Sequence[Effect]) -> str:
    often = sorted(effects, key=lambda effect: (-effect.changed / effect.n, effect.fact))
    words = [_effect(effect) for effect in often[:EFFECTS] if effect.changed]
    more = f", and {len(effects) - EFFECTS} more" if len(effects) > EFFECTS else ""
    return f"Measured effects: {escaped('; '.join(words) + more)}."


def _effect(effect: Effect) -> str:
    how = f"+{effect.rise:g} or more" if effect.rise else f"becomes {effect.value!r}" if effect.value is not None else "changes"
    given = ", ".join(f"{name}={value!r}" for name, value in effect.arguments.items())
    return f"{effect.fact} {how} in {effect.changed} of {effect.n}{f' ({given})' if given else ''}"


def tasks(account: Account) -> str:
    """Return the tasks with how they went, and why attempts failed."""
    costs = task_costs(account.conversation)
    rows = [
        (
            escaped(page.goal) + _reasons(page.reasons),
            f"{page.rounds}",
            f"{page.attempts}",
            f"{page.solved}" if page.solved else '<span class="bad">0</span>',
            *(cost_cells(costs.get(page.task, Cost())) if costs else ()),
        )
        for page in account.tasks()
    ]
    header = ("task", "rounds#", "attempts#", "solved#", *(COSTS if costs else ()))
    return table(header, rows) if rows else ""


def _reasons(reasons: dict[str, int]) -> str:
    if not reasons:
        return ""
    often = sorted(reasons.items(), key=lambda item: -item[1])
    items = "".join(f"<li>{count} times: {escaped(reason)}</li>" for reason, count in often[:REASONS])
    left = f"<li>and {len(often) - REASONS} other reasons</li>" if len(often) > REASONS else ""
    failures = sum(reasons.values())
    named = f"{failures} failed attempt{'s' if failures > 1 else ''}"
    return f'<details><summary class="soft">{named}</summary><ul class="reasons">{items}{left}</ul></details>'


def options(account: Account) -> str:
    """Return the options the run was begun with."""
    rows = [(f"<code>{escaped(key)}</code>", f"<code>{escaped(_short(value))}</code>") for key, value in account.options.items()]
    return f"<details><summary>Show {len(rows)} options</summary>{table(('option', 'value'), rows)}</details>"


def _short(value: Json) -> str:
    return "none" if value is None else str(value)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a column whose header ends with # holds numbers, and cells are HTML already."""
    classes = [' class="n"' if name.endswith("#") else "" for name in header]
    head = "".join(f'<th scope="col"{kind}>{escaped(name.rstrip("#"))}</th>' for name, kind in zip(header, classes, strict=True))
    body = "".join(f"<tr>{''.join(f'<td{kind}>{cell}</td>' for cell, kind in zip(row, classes, strict=True))}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
