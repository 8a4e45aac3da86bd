"""A program that goes wrong late is tried as far as it goes, and what had done its task already is kept; no model is asked."""

from __future__ import annotations

from typing import Any

import pytest
from modelled import GOOD, MANY, SEEN, TASK, Notes, Shelf, asked, block, failed, skill

from skilllib.memory import Memory
from skilllib.records.execution import Attempt, Execution, ProgramError, Trace
from skilllib.records.program import Program
from skilllib.records.world import Observation
from skilllib.testing import HashingEmbedder, ScriptedWriter, make_bakery
from skilllib.writer.mending import MendingWriter
from skilllib.writer.salvage import cut, enough, inserted, without

HELD = Observation(text="You are at: field.", facts={"at": "field", "stock": {"wheat": 1, "egg": 2}})
LATE = GOOD + "    wlak('mill')\n"
"""A program whose last line is certain to fail."""


def written(*lines: str) -> str:
    return "\n".join(["def go() -> None:", '    """Go."""', *(f"    {line}" for line in lines), ""])


@pytest.mark.parametrize(
    ("lines", "line", "left"),
    [
        (["one()", "two()", "three()"], 4, ["one()"]),
        (["one()", "two()", "three()"], 5, ["one()", "two()"]),
        (["one()", "two(", "    3)", "three()"], 5, ["one()"]),
        (["if facts():", "    one()", "    two()", "three()"], 5, ["if facts():", "    one()"]),
        (["one()", "if facts():", "    two()", "three()"], 5, ["one()"]),
        (["one()", "if two():", "    three()"], 4, ["one()"]),
        (["for i in range(2):", "    one()", "    two()"], 5, ["for i in range(2):", "    one()"]),
        (["one()", "if facts():", "    two()", "else:", "    three()"], 7, ["one()"]),
    ],
)
def test_what_comes_before_a_line_is_left(lines: list[str], line: int, left: list[str]) -> None:
    found = cut(Program.parse(written(*lines)), line)
    assert found is not None and found.source == written(*left)


@pytest.mark.parametrize(
    ("lines", "line"), [(["one()"], 3), (["x = 1", "one()"], 4), (["one()"], 9), (["one()"], 1), (["one()"], 2)]
)
def test_nothing_is_left_where_no_call_comes_before_a_line_of_the_body(lines: list[str], line: int) -> None:
    assert cut(Program.parse(written(*lines)), line) is None


def test_the_program_that_is_cut_stays_as_it_is() -> None:
    program = Program.parse(written("one()", "two()"))
    cut(program, 4)
    assert program.source == written("one()", "two()") and len(program.function.body) == 3


@pytest.mark.parametrize(
    ("lines", "line", "left"),
    [
        (["one()", "two()", "three()"], 4, ["one()", "three()"]),
        (["while facts():", "    one()", "    two()"], 4, ["while facts():", "    two()"]),
        (["while facts():", "    one()", "two()"], 4, ["two()"]),
        (["if one():", "    two()", "three()"], 3, ["three()"]),
        (["if facts():", "    one()", "else:", "    two()"], 6, ["if facts():", "    one()"]),
        (["try:", "    one()", "except RuntimeError:", "    two()"], 6, ["try:", "    one()", "except RuntimeError:", "    pass"]),
        (["one(", "    2)", "two()"], 4, ["two()"]),
    ],
)
def test_a_statement_is_left_out_and_what_is_empty_without_it(lines: list[str], line: int, left: list[str]) -> None:
    found = without(Program.parse(written(*lines)), line)
    assert found is not None and found.source == written(*left)


@pytest.mark.parametrize(
    ("lines", "line"), [(["one()"], 3), (["x = 1", "one()"], 4), (["one()"], 2), (["one()"], 9), (["x = len(facts())", "one()"], 4)]
)
def test_nothing_is_left_without_the_only_call(lines: list[str], line: int) -> None:
    assert without(Program.parse(written(*lines)), line) is None


def test_statements_are_put_before_the_innermost_one_at_a_line() -> None:
    program = Program.parse(written("while facts():", "    one()", "    if facts():", "        two()"))
    found = inserted(program, 6, "if facts():\n    zero()\n")
    assert found is not None
    assert found.source == written(
        "while facts():", "    one()", "    if facts():", "        if facts():", "            zero()", "        two()"
    )
    whole = inserted(program, 3, "zero()\n")
    assert whole is not None and whole.source.index("zero") < whole.source.index("while")
    assert inserted(program, 9, "zero()\n") is None


# ---- before it is run


def test_a_program_that_is_certain_to_fail_late_is_tried_as_far_as_it_goes_once_the_model_has_no_better_one() -> None:
    notes = Notes()
    draft, model = asked([block(LATE), "nothing"], recorder=notes)
    assert draft is not None and "wlak" not in draft.program.source and "gather('wheat')" in draft.program.source
    assert draft.rationale.startswith("cut off before a mistake: line 5: 'wlak' is no primitive")
    assert len(model.requests) == 2 and len(notes.events) == 2, "it was told first, and could have mended it"
    draft, _ = asked([block(LATE), block(GOOD)])
    assert draft is not None and draft.program.source == GOOD and draft.rationale == ""


def test_the_newest_that_fits_is_tried() -> None:
    other = "def get_wheat() -> None:\n    'Get wheat.'\n    walk('mill')\n    wlak('field')\n"
    draft, _ = asked([block(LATE), block(other)])
    assert draft is not None and "walk('mill')" in draft.program.source
    draft, _ = asked([block(LATE), block(other)], attempts=[failed(other.replace("    wlak('field')\n", ""))])
    assert draft is not None and "gather('wheat')" in draft.program.source, "what failed before is not run again"


def test_a_program_that_goes_wrong_at_once_is_no_draft() -> None:
    draft, _ = asked([block("def get_wheat() -> None:\n    'Get wheat.'\n    wlak('field')\n    gather('wheat')\n"), "nothing"])
    assert draft is None


# ---- after it was run


def late(source: str, *, line: int | None, after: Observation = HELD, **fields: Any) -> Attempt:
    error = ProgramError(kind="primitive", message="no", line=line, skill=fields.pop("skill", None))
    execution = Execution(before=SEEN, after=after, error=error, arguments=fields.pop("arguments", {}))
    return failed(source, execution=execution, **fields)


def test_a_program_that_had_done_its_task_when_it_failed_is_kept_without_the_rest() -> None:
    source = GOOD + "    bake()\n"
    draft = enough(TASK, late(source, line=5))
    assert draft is not None and "bake" not in draft.program.source and "gather('wheat')" in draft.program.source
    assert draft.rationale == "get_wheat had done its task when it failed at line 5; the rest is left out"


@pytest.mark.parametrize(
    "attempt",
    [
        late(GOOD + "    bake()\n", line=5, after=SEEN),
        late(GOOD + "    bake()\n", line=None),
        late(GOOD + "    bake()\n", line=5, skill="fetch"),
        late(GOOD + "    bake()\n", line=5, reuses="a skill"),
        late("def bake_it() -> None:\n    'Bake.'\n    bake()\n    gather('wheat')\n", line=3),
        failed(GOOD, execution=Execution(before=SEEN, after=HELD)),
    ],
)
def test_what_had_not_done_its_task_or_did_not_fail_by_itself_is_not(attempt: Attempt) -> None:
    assert enough(TASK, attempt) is None
    assert enough(TASK.model_copy(update={"check": None}), attempt) is None


def test_the_arguments_with_which_it_was_run_count() -> None:
    source = GOOD.replace("()", "(amount: int)", 1) + "    bake()\n"
    assert enough(MANY, late(source, line=5, arguments={"amount": 1})) is not None
    assert enough(MANY, late(source, line=5, arguments={"amount": 3})) is None


def test_it_is_tried_before_a_model_is_asked_again_and_only_once() -> None:
    attempt = late(GOOD + "    bake()\n", line=5)
    then = ScriptedWriter()
    writer = MendingWriter(make_bakery().spec, memory=Memory(), skills=Shelf(), embedder=HashingEmbedder(), then=then)
    draft = writer.write(TASK, skills=(), trace=Trace(task=TASK, attempts=(attempt,)))
    assert draft is not None and draft.route == "write" and "bake" not in draft.program.source
    again = Trace(task=TASK, attempts=(attempt, failed(draft.program.source), attempt))
    assert writer.write(TASK, skills=(), trace=again) is None


def test_a_part_that_is_an_active_skill_runs_that_skill() -> None:
    fetch = skill(GOOD)
    draft, _ = asked([block(LATE.replace("get_wheat", "take")), "nothing"], fetch)
    assert draft is not None and draft.reuses == fetch
