"""The part of a page that tells what models were asked, what they answered, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from skilllib.records.model import ModelCall
from skilllib.report.conversation import IN_FULL, Conversation, Round
from skilllib.report.costs import Cost, cost, usd_text
from skilllib.report.curve import Curve, svg
from skilllib.report.tables import COSTS, cost_cells, escaped, table

LONGEST = 20_000
"""Characters of one prompt or reply that are shown."""
WRITING = ("write", "act")
"""Purposes that pay for the solution itself."""
_THOUSAND = 1000


def figures(said: Conversation) -> list[tuple[str, str]]:
    """Return the figures of a run's calls, each with its name."""
    if not (spent := cost(said.calls)):
        return []
    shown = [(f"{spent.calls:,}", "model calls"), (f"{spent.tokens:,}", "tokens")]
    if spent.usd:
        shown.append((usd_text(spent.usd), "for models"))
    if solved := [one for one in said.rounds if one.solved]:
        unwritten = sum(not any(call.purpose in WRITING for call in one.calls) for one in solved)
        shown.append((f"{spent.tokens / len(solved):,.0f}", "tokens for each solved task"))
        shown.append((f"{unwritten / len(solved):.0%}", "solved without asking for a program"))
    return shown


def routes(said: Conversation) -> str:
    """Return what each route came to."""
    if not said.calls:
        return ""
    rows = []
    for route in dict.fromkeys(one.route for one in said.rounds if one.route):
        mine = [one for one in said.rounds if one.route == route]
        spent = sum((one.cost for one in mine), Cost())
        solved, steps = sum(one.solved for one in mine), sum(one.steps for one in mine)
        rows.append((escaped(route), f"{len(mine):,}", f"{solved:,}", *cost_cells(spent), f"{steps:,}"))
    return table(("route", "attempts#", "solved#", *COSTS, "world steps#"), rows)


def purposes(said: Conversation) -> str:
    """Return what models were asked for, and what that cost."""
    rows = []
    for purpose, model in dict.fromkeys((call.purpose, call.model) for call in said.calls):
        mine = cost(call for call in said.calls if (call.purpose, call.model) == (purpose, model))
        rows.append((escaped(purpose), escaped(model), *cost_cells(mine), f"{mine.seconds:,.0f}"))
    return table(("purpose", "model", *COSTS, "seconds#"), rows) if rows else ""


def curves(said: Conversation) -> str:
    """Return how tokens and money were spent over the attempts."""
    tokens, money = _spending(said)
    if not tokens:
        return ""
    end = tokens[-1][0]
    unit = _THOUSAND if tokens[-1][1] >= 10 * _THOUSAND else 1
    counted = Curve(name="thousand tokens" if unit > 1 else "tokens", style="one", points=[(x, y / unit) for x, y in tokens])
    drawn = [counted] + ([Curve(name="US dollars", style="two", points=money)] if money[-1][1] else [])
    plots = [f"<div>{_legend(curve)}{svg([curve], across='attempts', top=0, end=end)}</div>" for curve in drawn]
    return f'<div class="plots">{"".join(plots)}</div>'


def _legend(curve: Curve) -> str:
    return f'<p><span class="key"><i class="{curve.style}"></i>{curve.name} spent on models</span></p>'


def _spending(said: Conversation) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return tokens and money after each attempt."""
    spent, x = Cost(), 0.0
    tokens: list[tuple[float, float]] = []
    money: list[tuple[float, float]] = []
    for one in said.rounds if said.calls else ():
        spent, x = spent + one.cost, float(one.number or x)
        tokens.append((x, float(spent.tokens)))
        money.append((x, spent.usd))
    return tokens, money


def calls_until(said: Conversation) -> dict[int, int]:
    """Return number of an attempt → model calls made until then."""
    found, count = {}, 0
    for one in said.rounds:
        count += cost(one.calls).calls
        if one.number is not None:
            found[one.number] = count
    return found


def attempts(said: Conversation) -> str:
    """Return the attempts with their routes and costs; prompts and replies unfold."""
    if not said.calls:
        return ""
    header = ("attempt#", "task", "route", "program", "solved", *COSTS)
    return _words(said) + table(header, [_attempt(one, said) for one in said.rounds])


def _words(said: Conversation) -> str:
    if said.fault:
        return f'<p class="bad">Prompts and replies could not be read. {escaped(said.fault)}</p>'
    words = "Prompts and replies unfold."
    if len(said.calls) > IN_FULL:
        words = (
            f"Prompts and replies of the newest {IN_FULL:,} of {len(said.calls):,} calls unfold; all are on the tape {said.tape}."
        )
    return f'<p class="soft">{escaped(words)}</p>'


def _attempt(one: Round, said: Conversation) -> tuple[str, ...]:
    exchanged = "".join(_exchange(call, said) for call in one.calls)
    unfolded = f'<details><summary class="soft">{len(one.calls)} asked</summary>{exchanged}</details>' if one.calls else ""
    return (
        "" if one.number is None else f"{one.number:,}",
        escaped(one.goal) + unfolded,
        escaped(one.route),
        f"<code>{escaped(one.program)}</code>" if one.program else '<span class="soft">nothing was tried</span>',
        "✓" if one.solved else "",
        *cost_cells(one.cost),
    )


def _exchange(call: ModelCall, said: Conversation) -> str:
    title = f"{call.purpose}, {call.model}: {call.tokens_in:,} + {call.tokens_out:,} tokens, {call.seconds:.1f} s"
    found = said.texts.get(call.request)
    if found is None:
        return f'<p class="soft">{escaped(title)} (request {call.request[:12]})</p>'
    asked, reply = found
    parts: Sequence[tuple[str, str]] = [*((message.role, message.content) for message in asked.messages), ("reply", reply.text)]
    shown = "".join(f'<p class="soft">{escaped(role)}</p><pre class="said">{escaped(_clipped(text))}</pre>' for role, text in parts)
    return f"<details><summary>{escaped(title)}</summary>{shown}</details>"


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n… and {len(text) - LONGEST:,} characters more"
