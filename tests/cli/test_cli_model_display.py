"""What a person sees of models while a run goes on."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from skilllib.cli.display import Full, Plain, panel
from skilllib.cli.logbook import Logbook, State
from skilllib.cli.transcript import Transcript
from skilllib.models.tape import TapeFile
from skilllib.records.model import Message, Reply, Request
from skilllib.runs import RunFolder

CALL = {
    "purpose": "write",
    "model": "openai/m",
    "tokens_in": 1200,
    "tokens_out": 300,
    "tries": 1,
    "usd": 0.02,
    "seconds": 3.0,
    "request": "abc",
}
ATTEMPT: dict[str, Any] = {
    "number": 1,
    "program": "bake",
    "route": "write",
    "reuses": None,
    "solved": False,
    "reason": "no flour",
    "milestones": [],
    "skill": None,
    "lower_bound": None,
    "steps": 4,
}


def told(*events: tuple[str, dict[str, Any]], transcript: Transcript | None = None) -> tuple[str, State]:
    out, state = io.StringIO(), State(environment="bakery")
    console = Console(file=out, width=140, markup=False, highlight=False)
    logbook = Logbook(state, Plain(console, transcript))
    for event, fields in events:
        logbook(event, **fields)
    return out.getvalue(), state


def shown(state: State) -> str:
    out = io.StringIO()
    Console(file=out, width=140, markup=False).print(panel(state))
    return out.getvalue()


def test_each_call_and_attempt_is_a_line_with_its_cost_and_route() -> None:
    out, state = told(("model_call", CALL), ("model_call", CALL), ("attempt", ATTEMPT), ("attempt", {**ATTEMPT, "route": "run"}))
    lines = out.splitlines()
    assert lines[0].strip() == "write: 1,200 + 300 tokens, $0.020, 3.0 s, openai/m"
    assert "[write, 2 calls, 3,000 tokens, $0.040]" in lines[2] and "[run, 0 calls, 0 tokens]" in lines[3]
    assert (state.spent.calls, state.spent.tokens, state.spent.seconds) == (2, 3000, 6.0)


def test_a_skill_that_is_run_is_no_new_program_whatever_it_cost_to_come_to_it() -> None:
    solved = {**ATTEMPT, "solved": True, "reason": "holds"}
    out, _ = told(
        *(("attempt", {**solved, "route": route, "reuses": "abc"}) for route in ("run", "adapt", "write")), ("attempt", solved)
    )
    assert ["with a skill it has" in line for line in out.splitlines()] == [True, True, True, False]


def test_without_a_model_nothing_is_said_of_models() -> None:
    out, state = told(("attempt", ATTEMPT))
    assert "calls" not in out and "write" not in out and "model" not in shown(state)


def test_a_call_in_flight_is_shown_until_it_is_answered_and_is_not_kept(tmp_path: Path) -> None:
    run, state = RunFolder.create(tmp_path / "run", {}), State(environment="bakery")
    logbook = Logbook(state, lambda event, fields, state: None)
    logbook._run = run
    logbook("asking", purpose="propose", model="openai/m")
    assert "asking: propose, openai/m" in shown(state)
    logbook("model_call", **CALL)
    assert "asking" not in shown(state) and "1 call, 1,500 tokens, $0.020" in shown(state)
    assert [event["event"] for event in run.events()] == ["model_call"]


def test_a_refused_reply_says_what_was_wrong() -> None:
    out, _ = told(("refused_reply", {"purpose": "write", "problem": "two functions\nwhere one was expected"}))
    assert out.strip() == "refused (write): two functions where one was expected"


def test_prompts_and_replies_are_shown_from_a_tape_that_grows(tmp_path: Path) -> None:
    transcript = Transcript(tmp_path / "tape")
    with TapeFile(tmp_path / "tape", write=True) as tape:
        for i in (1, 2):
            asked = Request(purpose="write", model="m", messages=(Message(role="user", content=f"how {i}?"),))
            tape.add(asked, Reply(text=f"like {i}\x1b[2J"))
            out, _ = told(("model_call", {**CALL, "request": asked.hash}), transcript=transcript)
            assert f"how {i}?" in out and f"like {i}" in out and "\x1b" not in out


def test_a_prompt_that_cannot_be_shown_stops_nothing(tmp_path: Path) -> None:
    out, _ = told(("model_call", CALL), transcript=Transcript(tmp_path / "nowhere"))
    assert "not shown: there is no tape" in out
    TapeFile(tmp_path / "tape", write=True).close()
    out, _ = told(("model_call", CALL), transcript=Transcript(tmp_path / "tape"))
    assert "has no request abc" in out


def test_a_terminal_shows_prompts_above_the_panel(tmp_path: Path) -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True, markup=False)
    with Full(console, Transcript(tmp_path / "nowhere")) as display:
        Logbook(State(environment="bakery"), display)("model_call", **CALL)
    assert "not shown" in out.getvalue() and "1,500 tokens" in out.getvalue()
