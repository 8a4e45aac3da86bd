"""Acting step by step: one primitive call a draft, chosen from what came of the calls before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from modelled import SEEN, SPEC, TASK, Notes, failed

from skilllib.models.scripted import ScriptedModel
from skilllib.prompts import load
from skilllib.protocols import Draft
from skilllib.records.execution import Attempt, Execution, ProgramError, Step, Trace
from skilllib.records.world import Failure, Missing, Outcome
from skilllib.writer.model import WriterOptions, seed_of
from skilllib.writer.react import HISTORY, ReActWriter

WALK = 'def walk_once() -> None:\n    """Call walk once."""\n    walk(to=\'field\')\n'


def acted(
    lines: Iterable[Any], *, attempts: Sequence[Attempt] = (), notes: Notes | None = None, **options: Any
) -> tuple[Draft | None, ScriptedModel]:
    model = ScriptedModel(list(lines))
    writer = ReActWriter(SPEC, model=model, options=WriterOptions(**options), observe=lambda: SEEN, recorder=notes)
    return writer.write(TASK, skills=(), trace=Trace(task=TASK, attempts=tuple(attempts))), model


def step(i: int = 0, *, fails: str = "") -> Attempt:
    failure = Failure(message=fails) if fails else None
    done = Step(
        primitive="gather", arguments={"crop": "wheat"}, outcome=Outcome(failure=failure), changes={"stock.wheat": (i, i + 1)}
    )
    error = ProgramError(kind="primitive", message=fails, line=3) if fails else None
    return failed(WALK, execution=Execution(before=SEEN, after=SEEN, trajectory=(done,), error=error))


def test_an_action_becomes_a_program_of_one_call() -> None:
    draft, model = acted(["Thought: Wheat grows there.\nAction: walk(to='field')"])
    assert draft is not None and draft.program.source == WALK and draft.rationale == "Wheat grows there."
    (request,) = model.requests
    assert (request.purpose, request.prompt, request.seed) == ("act", load("act").hash, seed_of("t", 0, 0, 0))


@pytest.mark.parametrize(
    "action",
    ["walk('field')", "`walk(to='field')`", '**walk(to="field")**', " walk( to = 'field' ) "],
)
def test_ways_of_writing_the_same_call_are_the_same_call(action: str) -> None:
    draft, _ = acted([f"Thought: go\nAction: {action}"])
    assert draft is not None and draft.program.source == WALK


@pytest.mark.parametrize("word", ["done", "Done.", "done()"])
def test_a_model_that_is_done_ends_the_task(word: str) -> None:
    draft, model = acted([f"Thought: There is wheat.\nAction: {word}"])
    assert draft is None and len(model.requests) == 1


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("I walk to the field.", "there are 0 lines that begin with `Action:`"),
        ("", "there are 0 lines"),
        ("Action: bake()\nAction: rest()", "there are 2 lines that begin with `Action:`"),
        ("Action: walk to the field", "is not a call such as"),
        ("Action: walk(facts()['at'])", "is not a call such as"),
        ("Action: bake(); rest()", "is not a call such as"),
        ("Action: walk(**{'to': 'field'})", "is not a call such as"),
        ("Action: walk(['field'])", "to must be one of 'home'"),
        ("Action: os.remove('x')", "is not a call such as"),
        ("Action: wlak('field')", "'wlak' is no primitive; did you mean 'walk'?"),
        ("Action: walk('moon')", "to must be one of 'home'"),
        ("Action: walk()", "needs the argument 'to'"),
        ("Action: __import__('os')", "'__import__' is no primitive"),
    ],
)
def test_what_is_wrong_with_an_action_is_told_in_the_next_request(reply: str, words: str) -> None:
    notes = Notes()
    draft, model = acted([reply, "Action: bake()"], notes=notes)
    assert draft is not None and "bake()" in draft.program.source
    assert words in str(notes.events[0][1]["problem"]) and notes.events[0][1]["purpose"] == "act"
    assert str(notes.events[0][1]["problem"]) in model.requests[1].messages[-1].content


def test_it_gives_up_after_two_useless_replies() -> None:
    draft, model = acted(["?"] * 9)
    assert draft is None and [request.temperature for request in model.requests] == [0.0, 0.4]


def test_what_came_of_the_calls_before_is_shown_within_bounds() -> None:
    attempts = [step(i) for i in range(HISTORY)] + [step(fails="the nests are empty")]
    _, model = acted(["Action: bake()"], attempts=attempts)
    text = model.requests[0].messages[-1].content
    assert "gather(crop='wheat') failed: the nests are empty" in text
    assert "stock.wheat 0 -> 1" not in text and "stock.wheat 1 -> 2" in text
    _, model = acted(["Action: bake()"], attempts=attempts, prompt_tokens=900)
    assert model.requests[0].tokens <= 900


def test_the_temperature_rises_while_the_same_call_fails_again_and_again() -> None:
    temperatures = []
    for n in range(5):
        _, model = acted(["Action: bake()"], attempts=[step(), *(step(fails="no") for _ in range(n))])
        temperatures.append(model.requests[0].temperature)
    assert temperatures == [0.0, 0.0, 0.4, 0.8, 1.0]


def test_a_call_that_failed_before_it_began_is_shown_too() -> None:
    _, model = acted(["Action: bake()"], attempts=[failed(WALK, reason="walk is not granted")])
    assert "Call walk once. walk is not granted" in model.requests[0].messages[-1].content


def test_of_the_facts_those_of_the_check_are_shown_and_those_that_were_lacking() -> None:
    lacking = Failure(message="no egg", missing=(Missing(fact="stock.egg", at_least=3),))
    error = ProgramError(kind="primitive", message="no egg", failure=lacking)
    for attempts, facts in (
        ((), ["wheat"]),
        ([failed(WALK, execution=Execution(before=SEEN, after=SEEN, error=error))], ["wheat", "egg"]),
    ):
        _, model = acted(["Action: bake()"], attempts=attempts)
        there = model.requests[0].messages[-1].content.partition("<observation>")[2].partition("</observation>")[0]
        assert [fact for fact in ("at", "wheat", "egg") if f'"{fact}"]' in there] == facts
