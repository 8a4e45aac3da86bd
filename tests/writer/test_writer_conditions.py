"""A program is to do its task again in a world where it was done before, and to do something where its tests are false."""

from __future__ import annotations

from pathlib import Path

import pytest
from modelled import skill
from test_writer_mending import WHEAT, called, mending, program, solved

from skilllib.protocols import Draft
from skilllib.records.program import Program
from skilllib.records.task import Task
from skilllib.writer.conditions import rebased, unconditional

FACT = "facts()['tally']['harvested_wheat']"


def changed(*lines: str, task: Task = WHEAT) -> list[str]:
    draft = rebased(Draft(program=Program.parse(program("pick", *lines))), task)
    return [line.removeprefix("    ") for line in draft.program.source.splitlines()[2:]]


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        (f"while {FACT} < 1:", f"while {FACT} < at_first + 1:"),
        (f"while 2 > {FACT}:", f"while at_first + 2 > {FACT}:"),
        (f"if not {FACT} >= 1 and facts()['vigor'] > 3:", f"if not {FACT} >= at_first + 1 and facts()['vigor'] > 3:"),
    ],
)
def test_what_a_task_shall_raise_is_compared_with_what_it_was_at_first(line: str, becomes: str) -> None:
    assert changed(line, "    gather('wheat')") == [f"at_first = {FACT}", becomes, "    gather('wheat')"]


@pytest.mark.parametrize(
    "line", ["if facts()['stock']['wheat'] < 1:", f"if 0 < {FACT} < 3:", f"if {FACT} == True:", "if facts()['vigor'] < 1:"]
)
def test_other_tests_stay_as_they_are(line: str) -> None:
    assert changed(line, "    gather('wheat')") == [line, "    gather('wheat')"]


def test_an_amount_to_be_had_is_no_increase() -> None:
    amount = WHEAT.model_copy(update={"check": "after.stock.wheat >= 3"})
    assert changed("while facts()['stock']['wheat'] < 3:", "    gather('wheat')", task=amount)[0].startswith("while")


def test_a_skill_that_is_run_as_it_is_stays_what_it_is() -> None:
    known = skill(program("pick", f"while {FACT} < 1:", "    gather('wheat')"))
    assert known.program is not None
    draft = Draft(program=known.program, reuses=known)
    assert rebased(draft, WHEAT) is draft


def test_alternatives_are_rebased_too() -> None:
    one = Draft(program=Program.parse(program("pick", f"while {FACT} < 1:", "    gather('wheat')")))
    draft = rebased(Draft(program=one.program, alternatives=(one,)), WHEAT)
    assert "at_first" in draft.alternatives[0].program.source


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["while facts()['vigor'] < 1:", "    walk('home')", "    rest()"], ["walk('home')", "rest()"]),
        (["if facts()['vigor'] < 1:", "    if True:", "        rest()", "    return", "else:", "    walk('mill')"], ["rest()"]),
        (["while facts()['vigor'] < 1:", "    rest()", "    break"], ["rest()"]),
    ],
)
def test_what_stands_under_tests_is_done_once(lines: list[str], left: list[str]) -> None:
    found = unconditional(Program.parse(program("rest_now", *lines)))
    assert found is not None and [line.strip() for line in found.source.splitlines()[2:]] == left


def test_a_program_without_tests_has_nothing_to_be_freed_of() -> None:
    assert unconditional(Program.parse(program("rest_now", "rest()"))) is None


def test_a_skill_that_was_learned_with_a_test_of_its_own_deed_does_it_again(tmp_path: Path) -> None:
    source = program("pick", f"while {FACT} < 1:", "    walk('field')", "    gather('wheat')")
    with mending(tmp_path, source) as (agent, written):
        assert solved(agent, WHEAT).solved
        again = solved(agent, WHEAT.model_copy(update={"id": "again"}))
        assert again.solved and again.attempts[0].route == "run" and len(written.tasks) == 1
        assert called(again) == ["walk", "gather"]


def test_a_program_whose_tests_are_all_false_is_tried_without_them(tmp_path: Path) -> None:
    source = program("pick", "while facts()['vigor'] < 0:", "    walk('field')", "    gather('wheat')")
    with mending(tmp_path, source, routed=False) as (agent, written):
        trace = solved(agent, WHEAT)
        assert trace.solved and [attempt.route for attempt in trace.attempts] == ["write", "adapt"] and len(written.tasks) == 1
