"""The page about a run: complete, self-contained, and safe against what skills may contain."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from skilllib.errors import RunError
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Effect, KeptTest, Skill, Statistics
from skilllib.records.world import Parameter
from skilllib.report.account import Account, SkillPage, gather, tasks_of, unreached
from skilllib.report.drawing import chosen, dot, mermaid, png, svg
from skilllib.report.figures import by_status, composed_share, parameterised
from skilllib.report.layout import layout
from skilllib.report.page import page
from skilllib.runs import RunFolder

EVIL = "<script>alert('x')</script>"
VOID = {"meta", "img", "br", "link", "input"}


def skill(name: str, *callees: Skill, status: str = "active", description: str = "") -> Skill:
    body = "".join(f"    {callee.name}()\n" for callee in callees) or "    walk()\n"
    program = Program.parse(f'def {name}():\n    """{name}."""\n{body}')
    calls = tuple(Callee(name=callee.name, code_hash=callee.code_hash) for callee in callees)
    return Skill.model_validate({"name": name, "program": program, "calls": calls, "status": status, "description": description})


def account(*skills: Skill, **changed: Any) -> Account:
    attempt = {
        "event": "attempt",
        "number": 1,
        "task": EVIL,
        "solved": False,
        "reason": EVIL,
        "milestones": [EVIL],
        "steps": 3,
        "skill": None,
    }
    summary = {
        "environment": EVIL,
        "seed": 0,
        "milestones_reached": [{"milestone": EVIL, "attempt": 1, "step": 3}],
        "milestones_total": 2,
    }
    effect = Effect(fact=EVIL, n=2, changed=2, value=EVIL)
    given: dict[str, Any] = {
        "folder": Path("runs/one"),
        "options": {"environment": EVIL},
        "summary": summary,
        "events": [{"event": "task", "task": EVIL, "goal": EVIL}, attempt],
        "skills": [SkillPage(skill=one, statistics=Statistics(), effects=(effect,), mine=False) for one in skills],
        "library": Path("skill-library"),
        "fault": EVIL,
    }
    return Account(**{**given, **changed})


class Balanced(HTMLParser):
    """Fails on tags that are not closed in order; notes every tag and address."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_hostile_text_of_skills_and_runs_is_escaped() -> None:
    evil = skill("dig", description=EVIL).model_copy(update={"text": EVIL})
    text = page(account(evil))
    parser = Balanced()
    parser.feed(text)
    assert parser.open == [] and "script" not in parser.tags
    assert EVIL not in text and text.count("&lt;script&gt;") >= 6


def test_the_page_needs_nothing_else() -> None:
    parser = Balanced()
    text = page(account(skill("dig")))
    parser.feed(text)
    assert all(address.startswith("data:") for address in parser.addresses)
    assert not re.search(r"url\(|@import|https?://", text)
    assert "prefers-color-scheme: dark" in text and 'lang="en"' in text


def test_a_run_that_did_nothing_has_a_page(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {"environment": "bakery"})
    with pytest.raises(RunError, match="summary"):
        gather(tmp_path / "run", tmp_path / "nowhere")
    run.write_summary({"environment": "bakery", "milestones_reached": [], "milestones_total": 3})
    found = gather(tmp_path / "run", tmp_path / "nowhere")
    assert "LibraryNotFound" in found.fault
    assert "0 of 3" in page(found)


def test_tasks_gather_their_rounds_and_reasons() -> None:
    failed = {"event": "attempt", "task": "a", "solved": False, "reason": "too dark"}
    found = tasks_of(
        [{"event": "task", "task": "a", "goal": "A"}, failed, failed, {"event": "attempt", "task": "a", "solved": True}]
    )
    assert (found[0].goal, found[0].rounds, found[0].attempts, found[0].solved) == ("A", 1, 3, 1)
    assert found[0].reasons == {"too dark": 2}


def test_what_was_not_reached_is_explained() -> None:
    events = [
        {"event": "attempt", "task": "milestone:b", "reason": "no wood (missing: wood)"},
        {"event": "task", "task": "milestone:d", "goal": "d"},
    ]
    found = unreached(["a", "b", "c", "d"], {"milestones_reached": [{"milestone": "a"}]}, events)
    assert found == {
        "b": "1 attempt; the last one: no wood",
        "c": "never tried: other tasks came first",
        "d": "set as a task, but there was no program to try",
    }


def test_a_graph_has_callers_above_callees_and_joints_for_long_edges() -> None:
    found = layout({"a": ["b", "c"], "b": ["c"], "c": [], "d": ["gone"]})
    row = {key: i for i, keys in enumerate(found.rows) for key in keys}
    assert row["a"] < row["b"] < row["c"]
    assert all(row[upper] + 1 == row[lower] for way in found.ways.values() for upper, lower in itertools.pairwise(way))
    assert layout({}).rows == []
    with pytest.raises(ValueError, match="circle"):
        layout({"a": ["b"], "b": ["a"]})


def test_drawings_hold_every_skill_and_call() -> None:
    wood = skill("wood", status="retired")
    table = skill("table", wood)
    skills = [wood, table, skill("lost", status="trial")]
    assert [one.name for one in chosen(skills, everything=False)] == ["wood", "table"]
    assert len(chosen(skills, everything=True)) == 3
    assert svg(skills).count("<rect") == 3 and svg(skills).count('class="edge"') == 1
    assert mermaid(skills).count("-->") == 1 and dot(skills).count("->") == 1
    assert png(skills).startswith(b"\x89PNG") and png([]).startswith(b"\x89PNG")


def test_shares_count_active_skills() -> None:
    wood = skill("wood")
    assert composed_share([wood, skill("table", wood), skill("old", wood, status="retired")]) == 0.5
    assert composed_share([]) == 0.0
    assert by_status([wood]) == {"trial": 0, "active": 1, "retired": 0, "revoked": 0}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("rope", {"rope": (0, 1)}), ("wood", {"wood": (0, 1)})], True),
        ([("rope", {"rope": (0, 1)}), ("wood", {"rope": (0, 1)})], False),
        ([("rope", {"rope": (0, 1)}), ("wood", {"rope": (0, 1)}), ("wood", {"rope": (0, 2)})], False),
        ([("rope", {"rope": (0, 1)}), ("rope", {"rope": (0, 2)})], False),
        ([("rope", {"rope": (0, 1), "step": (0, 5)}), ("wood", {"rope": (0, 1), "step": (0, 9)})], False),
    ],
)
def test_an_argument_matters_only_if_checked_effects_differ(changes: list[Any], expected: bool) -> None:
    program = Program.parse('def get(item: Literal["rope", "wood"]):\n    "Get."\n    walk()\n')
    one = Skill.model_validate({"name": "get", "program": program, "contract": {"parameters": [Parameter(name="item")]}})
    tests = [
        KeptTest(
            environment="yard", seed=1, arguments={"item": item}, check="after.rope > before.rope or after.wood > 0", changes=change
        )
        for item, change in changes
    ]
    assert parameterised(one, tests) is expected
