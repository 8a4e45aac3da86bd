"""What a report tells of models: complete, escaped, bounded, and absent where there were none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skilllib.errors import LibraryNotFound
from skilllib.library import SkillLibrary
from skilllib.models.tape import TapeFile
from skilllib.records.execution import Attempt, Execution, Trace, Verdict
from skilllib.records.model import Message, ModelCall, Reply, Request
from skilllib.records.program import Program
from skilllib.records.task import Task
from skilllib.records.world import Observation
from skilllib.report import conversation as conversations
from skilllib.report import exchanges
from skilllib.report.account import Account, gather
from skilllib.report.conversation import Conversation, Round, conversation, task_costs
from skilllib.report.costs import Cost, cost, skill_costs, usd_text
from skilllib.report.page import page
from skilllib.runs import RunFolder
from skilllib.testing import HashingEmbedder

EVIL = "</pre></details><script>alert('x')</script>"
PROGRAM = Program.parse('def bake() -> None:\n    """Bake."""\n    knead()\n')


def request(text: str, purpose: Any = "write") -> Request:
    return Request(
        purpose=purpose, model="openai/m", messages=(Message(role="system", content="rules"), Message(role="user", content=text))
    )


def call(text: str, *, tokens: int = 10, usd: float = 0.0, purpose: Any = "write") -> ModelCall:
    asked = request(text, purpose)
    return ModelCall(
        purpose=purpose,
        prompt="p",
        request=asked.hash,
        reply="r",
        model="openai/m",
        tokens_in=tokens,
        tokens_out=1,
        usd=usd,
        seconds=2,
    )


def attempt(number: int, *calls: ModelCall, solved: bool = False, **more: Any) -> Attempt:
    seen = Observation(text="", facts={})
    return Attempt(
        number=number,
        program=PROGRAM,
        execution=Execution(before=seen, after=seen, world_steps=5),
        verdict=Verdict(solved=solved, score=float(solved), reason="so it is"),
        model_calls=calls,
        **more,
    )


def library_with(folder: Path, *traces: Trace, model: str | None = "openai/m") -> Path:
    with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="exact") as library:
        library.begin_run("one", {"model": model})
        for i, trace in enumerate(traces):
            library.begin_trace(f"one/{i}", run="one", trace=trace.model_copy(update={"attempts": ()}))
            for made in trace.attempts:
                library.append_attempt(f"one/{i}", made)
    return folder


def recorded(path: Path, *texts: str, reply: str = "answer") -> Path:
    with TapeFile(path, write=True) as tape:
        for text in texts:
            tape.add(request(text), Reply(text=f"{reply} to {text}"))
    return path


def heard(library: Path, tape: Path) -> Conversation:
    with SkillLibrary.open(library, embedder=HashingEmbedder(), index="exact") as opened:
        return conversation(opened, "one", tape)


BREAD, CAKE = (Task(id=name, environment="bakery", goal=f"have {name}", check="after.bread > 0") for name in ("bread", "cake"))


def test_every_attempt_shows_its_route_its_cost_and_what_was_said(tmp_path: Path) -> None:
    first = attempt(1, call("q1", tokens=99), call("q2", usd=0.5), route="write")
    second = attempt(2, solved=True, route="run", steps_choosing=4)
    library = library_with(
        tmp_path / "library", Trace(task=BREAD, attempts=(first, second)), Trace(task=CAKE, model_calls=(call("q3"),))
    )
    said = heard(library, recorded(tmp_path / "tape", "q1", "q2", "q3"))
    assert [(one.number, one.route, one.cost.calls, one.steps) for one in said.rounds] == [
        (1, "write", 2, 5),
        (2, "run", 0, 9),
        (None, "", 1, 0),
    ]
    assert task_costs(said) == {"bread": Cost(calls=2, tokens=111, usd=0.5, seconds=4), "cake": Cost(calls=1, tokens=11, seconds=2)}
    shown = exchanges.attempts(said)
    assert all(f"answer to q{i}" in shown for i in (1, 2, 3)) and "nothing was tried" in shown
    assert "<td>run</td>" in exchanges.routes(said) and "$0.50" in exchanges.routes(said)
    assert exchanges.calls_until(said) == {1: 2, 2: 2}
    assert ("100%", "solved without asking for a program") in exchanges.figures(said)


def test_hostile_prompts_and_replies_are_escaped(tmp_path: Path) -> None:
    library = library_with(tmp_path / "library", Trace(task=BREAD, attempts=(attempt(1, call(EVIL)),)))
    said = heard(library, recorded(tmp_path / "tape", EVIL, reply=EVIL))
    assert "<script>" not in exchanges.attempts(said) and exchanges.attempts(said).count("&lt;script&gt;") == 3


def test_a_long_run_shows_its_newest_calls_in_full_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "IN_FULL", 3)
    monkeypatch.setattr(exchanges, "IN_FULL", 3)
    monkeypatch.setattr(exchanges, "LONGEST", 10)
    texts = [f"question {i} {'x' * 50_000}" for i in range(8)]
    attempts = tuple(attempt(i + 1, call(text)) for i, text in enumerate(texts))
    said = heard(library_with(tmp_path / "library", Trace(task=BREAD, attempts=attempts)), recorded(tmp_path / "tape", *texts))
    shown = exchanges.attempts(said)
    assert len(said.texts) == 3 and "newest 3 of 8 calls" in shown and len(shown) < 10_000
    assert "question 7" in shown and "question 4" not in shown and "characters more" in shown


@pytest.mark.parametrize("tape", ["missing", "something else"])
def test_a_tape_that_cannot_be_read_leaves_the_figures(tmp_path: Path, tape: str) -> None:
    library = library_with(tmp_path / "library", Trace(task=BREAD, attempts=(attempt(1, call("q")),)))
    if tape != "missing":
        (tmp_path / "tape").write_text(tape, encoding="utf-8")
    said = heard(library, tmp_path / "tape")
    assert "TapeError" in said.fault and "TapeError" in exchanges.attempts(said)
    assert exchanges.figures(said)[0] == ("1", "model calls") and call("q").request[:12] in exchanges.attempts(said)


def test_a_request_that_is_on_another_tape_is_named_by_its_hash(tmp_path: Path) -> None:
    library = library_with(tmp_path / "library", Trace(task=BREAD, attempts=(attempt(1, call("a"), call("b")),)))
    shown = exchanges.attempts(heard(library, recorded(tmp_path / "tape", "b")))
    assert call("a").request[:12] in shown and "answer to b" in shown


def test_a_page_without_models_says_nothing_of_them(tmp_path: Path) -> None:
    library = library_with(tmp_path / "library", Trace(task=BREAD, attempts=(attempt(1, solved=True),)), model=None)
    assert heard(library, tmp_path / "tape") == Conversation()
    run = RunFolder.create(tmp_path / "one", {"environment": "bakery"})
    run("task", task="bread", goal="have bread")
    run("attempt", number=1, task="bread", solved=True, milestones=[], steps=5, skill=None)
    run.write_summary({"milestones_total": 1})
    text = page(gather(tmp_path / "one", library))
    assert not [word for word in ("model", "token", "money", "Routes") if word in text.partition("<body>")[2]]
    assert text.count("<svg") == 2


def test_a_page_has_tokens_and_money_over_the_attempts(tmp_path: Path) -> None:
    attempts = tuple(attempt(i, call(f"q{i}", tokens=9_000, usd=0.004)) for i in (1, 2, 3))
    library = library_with(tmp_path / "library", Trace(task=BREAD, attempts=attempts))
    run = RunFolder.create(tmp_path / "one", {"environment": "bakery"})
    for i in (1, 2, 3):
        run("attempt", number=i, task="bread", solved=False, milestones=[], steps=5 * i, skill=None)
    run.write_summary({"milestones_total": 1})
    account = gather(tmp_path / "one", library, recorded(tmp_path / "tape", "q1"))
    assert isinstance(account, Account)
    text = page(account)
    assert text.count("<svg") == 5 and "thousand tokens: 27.003 at the end" in text and "US dollars: 0.012 at the end" in text
    assert "Over model calls" in text


def test_calls_that_no_attempt_followed_are_told_from_the_log(tmp_path: Path) -> None:
    library = library_with(tmp_path / "library", Trace(task=BREAD, attempts=(attempt(1, call("a")),)))
    logged = [{"event": "model_call", "at": 1.0, **call(text).model_dump(mode="json")} for text in ("a", "b", "c")]
    task = {"event": "task", "task": "cake", "goal": "have cake"}
    events = [
        logged[0],
        {"event": "attempt"},
        task,
        logged[1],
        {"event": "run_resumed"},
        logged[1],
        logged[2],
        {"event": "run_ended"},
    ]
    with SkillLibrary.open(library, embedder=HashingEmbedder(), index="exact") as opened:
        said = conversation(opened, "one", recorded(tmp_path / "tape", "c"), events)
    assert [call.request for call in said.rounds[-1].calls] == [call("b").request, call("c").request]
    assert (said.rounds[-1].goal, len(said.calls)) == ("have cake", 3) and "answer to c" in exchanges.attempts(said)


def test_a_curve_without_money_is_not_drawn() -> None:
    said = Conversation(rounds=[Round(number=1, task="t", goal="g", calls=(call("a"),))])
    assert exchanges.curves(said).count("<svg") == 1 and exchanges.curves(Conversation()) == ""


def test_a_skill_costs_all_that_its_task_had_cost(tmp_path: Path) -> None:
    attempts = (attempt(1, call("a")), attempt(2, call("b"), admitted="h"), attempt(3, call("c")))
    library = library_with(tmp_path / "library", Trace(task=BREAD, attempts=attempts))
    with SkillLibrary.open(library, embedder=HashingEmbedder(), index="exact") as opened:
        assert skill_costs(opened, "one") == {"h": cost([call("a"), call("b")])}
        assert skill_costs(opened, "never begun") == {}


def test_runs_without_a_model_are_not_read_for_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = library_with(tmp_path / "library", Trace(task=BREAD, attempts=(attempt(1),)), model=None)
    with SkillLibrary.open(library, embedder=HashingEmbedder(), index="exact") as opened:
        monkeypatch.setattr(opened, "traces", lambda run: pytest.fail("read"))
        assert skill_costs(opened, "one") == {}


@pytest.mark.parametrize(
    ("usd", "text"), [(0, "$0"), (1234.5, "$1,234.50"), (0.999, "$1.00"), (1e-7, "$0.00000010"), (0.1, "$0.10")]
)
def test_money_has_the_digits_it_needs(usd: float, text: str) -> None:
    assert usd_text(usd) == text


def test_no_library_means_no_costs(tmp_path: Path) -> None:
    with pytest.raises(LibraryNotFound):
        heard(tmp_path / "nowhere", tmp_path / "tape")
