"""Builds the page: one HTML file that needs nothing else, neither a network nor a script."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

from skilllib.report import drawing, exchanges, tables
from skilllib.report.account import Account
from skilllib.report.curve import Curve, svg
from skilllib.report.pictures import Picture


def page(account: Account, pictures: Sequence[Picture] = ()) -> str:
    """Return the report of a run as HTML. Everything that comes from a run or a library is escaped."""
    summary = account.summary
    template = Template(files("skilllib.report").joinpath("page.html").read_text(encoding="utf-8"))
    sections = (
        _section("Learning curve", _curves(account)),
        _section("Tokens and money", exchanges.curves(account.conversation)),
        _section("Routes", exchanges.routes(account.conversation)),
        _section("What models were asked for", exchanges.purposes(account.conversation)),
        _section("Milestones", tables.milestones(account)),
        _section("The world", _pictures(pictures)),
        _section("Skill graph", _graph(account)),
        _section("Skills", tables.skills(account)),
        _section("Tasks", tables.tasks(account)),
        _section("Attempts", exchanges.attempts(account.conversation)),
        _section("Options", tables.options(account)),
    )
    return template.substitute(
        title=html.escape(f"skilllib learned in {summary.get('environment', '?')}"),
        subtitle=_subtitle(account),
        figures=_figures(account),
        sections="\n".join(section for section in sections if section),
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>\n{body}\n</section>" if body else ""


def _subtitle(account: Account) -> str:
    summary = account.summary
    parts = [
        f"run {account.folder.resolve().name}",
        f"seed {summary.get('seed', '?')}",
        f"writer: {summary.get('writer', '?')}",
        f"ended: {str(summary.get('ended', '?')).replace('_', ' ')}",
        f"skilllib {summary.get('version', '')}",
    ]
    fault = f'<br><span class="bad">The library could not be read. {html.escape(account.fault)}</span>' if account.fault else ""
    return html.escape(" · ".join(parts)) + fault


def _figures(account: Account) -> str:
    summary = account.summary
    skills = summary.get("skills", {})
    shown = [
        (f"{len(summary.get('milestones_reached', ()))} of {summary.get('milestones_total', '?')}", "milestones reached"),
        (f"{skills.get('active', 0)}", "active skills"),
        (f"{summary.get('composed_share', 0):.0%}", "of them call another skill"),
        (f"{summary.get('parameterised_share', 0):.0%}", "have an argument that matters"),
        (f"{summary.get('tasks_solved', 0)} of {summary.get('tasks_proposed', 0)}", "tasks solved"),
        (f"{summary.get('attempts', 0):,}", "attempts"),
        (f"{summary.get('environment_steps', 0):,}", "world steps, proofs included"),
        (f"{summary.get('seconds', 0):,.0f} s", "of time"),
        *exchanges.figures(account.conversation),
    ]
    return "".join(f"<li><b>{html.escape(figure)}</b><span>{html.escape(name)}</span></li>" for figure, name in shown)


def _curves(account: Account) -> str:
    attempts: Sequence[Mapping[str, Any]] = account.attempts
    if not attempts:
        return ""
    total = float(account.summary.get("milestones_total", 0))
    axes = {"attempts": "number", "world steps": "steps"}
    if account.conversation.calls:
        asked = exchanges.calls_until(account.conversation)
        attempts = [{**attempt, "calls": asked.get(attempt["number"], 0)} for attempt in attempts]
        axes["model calls"] = "calls"
    plots = []
    for across, key in axes.items():
        milestones, skills = _growth(attempts, key)
        curves = [
            Curve(name="milestones reached", style="one", points=milestones),
            Curve(name="active skills", style="two", points=skills),
        ]
        plots.append(svg(curves, across=across, top=total, end=float(attempts[-1][key])))
    keys = (("one", "milestones reached"), ("two", "active skills"))
    legend = "".join(f'<span class="key"><i class="{style}"></i>{name}</span>' for style, name in keys)
    return f'<p>{legend}</p><div class="plots">{"".join(plots)}</div>'


def _growth(attempts: Iterable[Mapping[str, Any]], key: str) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    milestones: list[tuple[float, float]] = []
    skills: list[tuple[float, float]] = []
    reached = learned = 0
    for attempt in attempts:
        x = float(attempt[key])
        reached += len(attempt.get("milestones") or ())
        learned += bool(attempt.get("skill"))
        counted = attempt.get("skills")
        milestones.append((x, float(reached)))
        skills.append((x, float(counted.get("active", 0)) if isinstance(counted, dict) else float(learned)))
    return milestones, skills


def _pictures(pictures: Sequence[Picture]) -> str:
    if not pictures:
        return ""
    figures = [
        f'<figure><img src="{html.escape(picture.data)}" alt="{html.escape(picture.caption)}" loading="lazy">'
        f"<figcaption>{html.escape(picture.caption)}</figcaption></figure>"
        for picture in pictures
    ]
    words = '<p class="soft">At the end of attempts that reached a milestone, made again from their seeds and calls.</p>'
    return f'{words}<div class="pictures">{"".join(figures)}</div>'


def _graph(account: Account) -> str:
    skills = drawing.chosen([entry.skill for entry in account.skills], everything=False)
    if not skills:
        return ""
    words = '<p class="soft">Callers above what they call: the active skills, and (dashed) retired versions they rest on.</p>'
    return f'{words}<div class="scroll">{drawing.svg(skills)}</div>'
