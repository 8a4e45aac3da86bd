"""`skilllib learn --model`, from the command to the library, the run folder and the report."""

from __future__ import annotations

import functools
import html
import itertools
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from baker import answer, baker
from command_door import Door
from openai_server import Answer, serving

from skilllib.build import learner
from skilllib.cli import learning
from skilllib.errors import ModelRefused, ModelUnavailable
from skilllib.library import SkillLibrary
from skilllib.models import assembly
from skilllib.models.scripted import ScriptedModel
from skilllib.models.tape import TapeFile
from skilllib.protocols import LanguageModel
from skilllib.records.model import Reply, Request
from skilllib.runs import RunFolder

SUMMARY = Path(__file__).parents[2] / "docs" / "reference" / "summary.md"
VOLATILE = {"at", "seconds"}
Maker = Callable[[str], LanguageModel]


@pytest.fixture
def speak(monkeypatch: pytest.MonkeyPatch) -> Callable[[Maker], None]:
    """Put another model behind every name."""

    def put(make: Maker) -> None:
        monkeypatch.setattr(learning, "learner", functools.partial(learner, model=make))

    put(baker)
    return put


def learn(door: Door, *arguments: object) -> tuple[int, str, str]:
    return door.learn("--model", "openai/m", *arguments)


def learned_hashes(library: str = "skill-library") -> list[str]:
    with SkillLibrary.open(library) as opened:
        return [f"{skill.version_hash} {skill.status}" for skill in opened.skills()]


def summary(folder: str) -> dict[str, Any]:
    return RunFolder.open(folder).summary()


def attempts(folder: str) -> list[dict[str, Any]]:
    kept = [event for event in RunFolder.open(folder).events() if event["event"] == "attempt"]
    return [{key: value for key, value in event.items() if key not in VOLATILE} for event in kept]


def first_words(tape: str) -> str:
    """The first line of the first prompt for a program."""
    with TapeFile(tape) as opened:
        return next(asked.messages[0].content.splitlines()[0] for asked, _ in opened if asked.purpose == "write")


class Failing:
    """The baker, until it was asked so often."""

    name = "openai/m"

    def __init__(self, after: int, error: BaseException) -> None:
        self._left, self._error = after, error

    def complete(self, request: Request) -> Reply:
        self._left -= 1
        if self._left < 0:
            raise self._error
        return Reply(text=answer(request), tokens_in=100, tokens_out=10, usd=0.001)


def test_what_a_model_cost_is_in_the_summary_the_log_the_list_and_the_report(door: Door, speak: Callable[[Maker], None]) -> None:
    speak(lambda name: Failing(10**6, AssertionError()))
    code, out, err = learn(door, "--max-attempts", 6, "--run", "runs/one")
    assert code == 0, err
    found = summary("runs/one")
    calls = [event for event in RunFolder.open("runs/one").events() if event["event"] == "model_call"]
    assert found["model_calls"] == len(calls) > 0 and found["tokens"] == 110 * len(calls)
    assert "model: " in out and "write" in out and "tokens for each solved task" in out
    skills = door.json("list")
    assert skills and all(skill["cost"]["tokens"] > 0 for skill in skills if skill["status"] == "active")
    name = next(skill["name"] for skill in skills if skill["status"] == "active")
    assert "tokens" in door("list")[1] and "from the first attempt at its task" in " ".join(door("show", name)[1].split())
    assert door.json("show", name)["cost"]["calls"] > 0
    assert "learning it cost" in door("run", name)[1] and door.json("run", name)["cost"]["calls"] > 0
    assert door("report", "runs/one")[0] == 0
    page = Path("runs/one/report.html").read_text(encoding="utf-8")
    assert html.escape(first_words("runs/one/tape.jsonl")) in page and "Walk to the field" in page and "Routes" in page
    assert f"<b>{found['model_calls']}</b><span>model calls" in page


def test_everything_in_the_log_of_a_run_with_a_model_is_documented(door: Door, speak: Callable[[Maker], None]) -> None:
    learn(door, "--max-attempts", 6, "--quiet")
    text = SUMMARY.read_text(encoding="utf-8")
    run = RunFolder.open("runs/bakery-s0-1")
    missing = {
        f"{event['event']}.{field}" for event in run.events() for field in event if f"`{field}`" not in text and field != "at"
    }
    assert not missing
    assert not {event["event"] for event in run.events() if f"`{event['event']}`" not in text}
    assert not [field for field in run.summary() if f"`{field}`" not in text]


def test_an_empty_budget_ends_a_run_at_once_and_it_can_be_given_more(door: Door, speak: Callable[[Maker], None]) -> None:
    code, out, err = learn(door, "--max-calls", 0, "--run", "runs/one")
    assert code == 0, err
    said = " ".join(out.split())
    assert "the budget is spent" in said and "0 of 0 calls" in said and "larger `--max-calls`" in said
    assert (summary("runs/one")["ended"], summary("runs/one")["model_calls"]) == ("budget", 0)
    assert door("learn", "--resume", "--run", "runs/one", "--max-calls", 100, "--max-attempts", 3, "--quiet")[0] == 0
    assert summary("runs/one")["ended"] == "max_attempts"


@pytest.mark.parametrize("first", [1, 3, 4, 7])
def test_a_run_in_two_budgets_is_the_run_in_one(door: Door, speak: Callable[[Maker], None], first: int) -> None:
    learn(door, "--max-calls", 12, "--max-attempts", 8, "--library", "whole", "--run", "w/one")
    learn(door, "--max-calls", first, "--max-attempts", 8, "--library", "parts", "--run", "p/one")
    assert summary("p/one")["ended"] == "budget"
    door("learn", "--resume", "--run", "p/one", "--max-calls", 12)
    assert attempts("p/one") == attempts("w/one") and learned_hashes("parts") == learned_hashes("whole")
    assert summary("p/one")["model_calls"] == summary("w/one")["model_calls"]


def test_a_proven_program_is_kept_although_the_budget_does_not_reach_for_its_description(
    door: Door, speak: Callable[[Maker], None]
) -> None:
    for calls in range(2, 9):
        learn(door, "--max-calls", calls, "--library", f"poor/{calls}", "--run", f"p/{calls}")
        assert summary(f"p/{calls}")["ended"] == "budget"
        if summary(f"p/{calls}")["skills"]["active"]:
            break
    tape = Path(f"p/{calls}/tape.jsonl").read_text(encoding="utf-8")
    assert summary(f"p/{calls}")["skills"]["active"] == 1 and '"purpose":"describe"' not in tape.replace(" ", "")


@pytest.mark.parametrize("error", [ModelRefused("no key"), ModelUnavailable("nobody answers")])
def test_a_model_that_fails_ends_the_run_and_it_goes_on_once_that_is_mended(
    door: Door, speak: Callable[[Maker], None], error: Exception
) -> None:
    learn(door, "--max-attempts", 5, "--library", "whole", "--run", "w/one")
    speak(lambda name: Failing(3, error))
    code, out, err = learn(door, "--max-attempts", 5, "--run", "runs/one")
    assert code == 2 and str(error) in err and type(error).__name__ in err and "Traceback" not in err
    assert "skilllib learn --resume --run runs/one" in " ".join(out.split())
    assert (summary("runs/one")["ended"], summary("runs/one")["why"]) == ("model", str(error))
    assert door("doctor", "--embedder", "hashing")[0] == 0
    speak(baker)
    code, _, err = door("learn", "--resume", "--run", "runs/one")
    assert code == 0, err
    assert attempts("runs/one") == attempts("w/one") and learned_hashes() == learned_hashes("whole")


def test_ctrl_c_while_a_model_is_asked_loses_nothing(door: Door, speak: Callable[[Maker], None]) -> None:
    speak(lambda name: Failing(2, KeyboardInterrupt()))
    assert learn(door, "--max-attempts", 3, "--run", "runs/one")[0] == 130
    assert summary("runs/one")["ended"] == "interrupted"
    speak(baker)
    assert door("learn", "--resume", "--run", "runs/one", "--quiet")[0] == 0
    assert summary("runs/one")["attempts"] == 3


def test_a_replayed_run_makes_the_same_library_without_a_model(door: Door, speak: Callable[[Maker], None]) -> None:
    learn(door, "--max-attempts", 6, "--library", "first", "--run", "a/one")
    tape = Path("a/one/tape.jsonl").read_bytes()
    speak(lambda name: pytest.fail("a model was made"))
    code, _, err = learn(
        door, "--max-attempts", 6, "--library", "second", "--run", "b/one", "--tape", "a/one/tape.jsonl", "--replay"
    )
    assert code == 0, err
    assert learned_hashes("second") == learned_hashes("first") and attempts("b/one") == attempts("a/one")
    assert Path("a/one/tape.jsonl").read_bytes() == tape and not Path("b/one/tape.jsonl").exists()
    assert door("report", "b/one")[0] == 0
    assert html.escape(first_words("a/one/tape.jsonl")) in Path("b/one/report.html").read_text(encoding="utf-8")


def test_a_replay_with_a_changed_prompt_says_so(door: Door, speak: Callable[[Maker], None]) -> None:
    learn(door, "--max-attempts", 3, "--run", "a/one")
    Path("mine").mkdir()
    packaged = files("skilllib.prompts").joinpath("write.md").read_text(encoding="utf-8")
    Path("mine/write.md").write_text(packaged + "\nBe kind.\n", encoding="utf-8")
    code, _, err = learn(
        door,
        "--max-attempts",
        3,
        "--library",
        "other",
        "--run",
        "b/one",
        "--tape",
        "a/one/tape.jsonl",
        "--replay",
        "--prompts",
        "mine",
    )
    assert code == 2 and "NotOnTape" in err and "the prompt 'write' changed" in " ".join(err.split())
    assert learned_hashes("other") == [] and summary("b/one")["ended"] == "model"


@pytest.mark.parametrize("content", ['{"format":9,"kind":"skilllib tape"}\n', "my diary\n"])
def test_a_tape_of_something_else_is_refused_and_left_alone(door: Door, speak: Callable[[Maker], None], content: str) -> None:
    Path("t.jsonl").write_text(content, encoding="utf-8")
    code, _, err = learn(door, "--tape", "t.jsonl", "--run", "runs/one")
    assert code == 2 and "TapeError" in err
    assert Path("t.jsonl").read_text(encoding="utf-8") == content and not Path("runs/one").exists()


def test_prompts_are_shown_as_they_happen(door: Door, speak: Callable[[Maker], None]) -> None:
    _, out, _ = learn(door, "--max-attempts", 1, "--show-prompts")
    assert first_words("runs/bakery-s0-1/tape.jsonl")[:60] in out and "Walk to the field" in out and "reply of openai/m" in out


def test_a_model_that_talks_nonsense_leaves_the_library_empty_and_an_account(door: Door, speak: Callable[[Maker], None]) -> None:
    speak(lambda name: ScriptedModel(lambda request: "As a language model I like turtles.", name=name))
    code, _, err = learn(door, "--max-calls", 40, "--max-attempts", 10, "--run", "runs/one")
    assert code == 2 and "ModelUseless" in err and "Traceback" not in err and summary("runs/one")["ended"] == "model"
    assert learned_hashes() == [] and summary("runs/one")["skills"]["active"] == 0
    problems = [event for event in RunFolder.open("runs/one").events() if event["event"] in ("refused_reply", "proposed")]
    assert problems
    assert door("doctor", "--embedder", "hashing")[0] == 0


def test_a_moved_run_goes_on_with_its_tape_and_prompts(door: Door, speak: Callable[[Maker], None]) -> None:
    shutil.copytree(str(files("skilllib.prompts")), "a/prompts", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    arguments = ("--library", "a/library", "--run", "a/runs/one", "--tape", "a/tape.jsonl", "--prompts", "a/prompts")
    learn(door, "--max-attempts", 2, *arguments)
    Path("a").rename("b")
    code, _, err = door("learn", "--resume", "--run", "b/runs/one", "--max-attempts", 4, "--quiet")
    assert code == 0, err
    assert not Path("a").exists() and not Path("b/runs/one/tape.jsonl").exists()
    words = Path("b/prompts/write.md").read_text(encoding="utf-8")
    Path("b/prompts/write.md").write_text(f"{words}\nOther words.\n", encoding="utf-8")
    assert "other options" in door.refuses("learn", "--resume", "--run", "b/runs/one", "--max-attempts", 5, "--quiet")


def test_over_a_socket_with_the_real_client(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Answer(text="hold wheat | after.stock.wheat > before.stock.wheat"), Answer(text="gibberish")) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        code, _, err = learn(door, "--max-calls", 4, "--run", "runs/one")
    assert code == 0, err
    assert len(server.requests) == 4 and summary("runs/one")["tokens"] == 4 * 18
    assert summary("runs/one")["ended"] == "budget"
    with serving(Answer(status=401, error={"message": "bad key", "code": "invalid_api_key"})) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        code, _, err = door("learn", "--resume", "--run", "runs/one", "--max-calls", 9)
    assert code == 2 and "ModelRefused" in err and len(server.requests) == 1
    assert summary("runs/one")["model_calls"] == 5 and door("doctor", "--embedder", "hashing")[0] == 0


PASSING = (
    Answer(status=429, error={"message": "slow down", "code": "rate_limit_exceeded"}),
    Answer(status=500, error={"message": "oops"}),
    Answer(raw=b'{"choices": [{"mess'),
    Answer(drop=True),
)
SLOW = Answer(text="too late", wait_s=4)
USELESS = (Answer(text="```python\ndef get_wheat() -> None:\n", finish="length"), Answer(text=""), Answer(text="<think>I wonder"))


def really(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let litellm ask, as it does by default, without waiting before it asks again."""
    monkeypatch.setattr(learning, "learner", learner)
    monkeypatch.setattr(assembly, "time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setenv("OPENAI_API_KEY", "k")


@pytest.mark.xdist_group("litellm")
def test_no_fault_of_a_server_keeps_a_run_from_its_end(
    door: Door, speak: Callable[[Maker], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert learn(door, "--max-attempts", 5, "--library", "whole", "--run", "w/one")[0] == 0
    with TapeFile("w/one/tape.jsonl") as tape:
        said = [(asked.purpose == "write" and asked.temperature == 0, reply.text) for asked, reply in tape]
    passing, useless = itertools.cycle(PASSING), itertools.cycle(USELESS)
    answers = [
        answer
        for first_of_task, text in said
        for answer in (next(useless if first_of_task else passing), Answer(text=f"<think>Hm.</think>{text}"))
    ]
    assert sum(first for first, _ in said) >= len(USELESS) and len(said) >= len(USELESS) + len(PASSING)
    really(monkeypatch)
    with serving(SLOW, *answers, Answer(text="that was all")) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        code, _, err = learn(door, "--max-attempts", 5, "--timeout", 3, "--library", "parts", "--run", "p/one")
    assert code == 0, err
    assert learned_hashes("parts") == learned_hashes("whole") != []
    kept = [(one["program"], one["solved"], one["reason"]) for one in attempts("p/one")]
    assert kept == [(one["program"], one["solved"], one["reason"]) for one in attempts("w/one")]
    assert len(server.requests) == len(answers) + 1 == summary("p/one")["model_calls"], "what failed counts too"
    assert (
        learn(door, "--max-attempts", 5, "--library", "again", "--run", "a/one", "--tape", "p/one/tape.jsonl", "--replay")[0] == 0
    )
    assert learned_hashes("again") == learned_hashes("parts") and attempts("a/one") == attempts("p/one")
    assert summary("a/one")["model_calls"] == summary("p/one")["model_calls"] and len(server.requests) == len(answers) + 1


@pytest.mark.xdist_group("litellm")
def test_what_is_asked_in_vain_counts_when_the_run_is_resumed(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    really(monkeypatch)
    with serving(Answer(status=503, error={"message": "down"})) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        assert learn(door, "--max-calls", 4, "--run", "runs/one")[0] == 0
        assert len(server.requests) == 4 == summary("runs/one")["model_calls"] and summary("runs/one")["ended"] == "budget"
        assert door("learn", "--resume", "--run", "runs/one")[0] == 0
        assert len(server.requests) == 4
        code, _, err = door("learn", "--resume", "--run", "runs/one", "--max-calls", 20)
    assert code == 2 and "asked 5 times in vain" in err and len(server.requests) == 9 == summary("runs/one")["model_calls"]
    with serving(Answer(text="gibberish")) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        assert door("learn", "--resume", "--run", "runs/one", "--max-calls", 12)[0] == 0
    assert len(server.requests) == 3 and summary("runs/one")["model_calls"] == 12 and learned_hashes() == []


@pytest.mark.xdist_group("litellm")
def test_a_name_without_a_provider_leaves_no_run_behind(door: Door) -> None:
    code, _, err = learn(door, "--critic-model", "gtp-large", "--run", "runs/one")
    assert code == 2 and "no provider for the model 'gtp-large'" in " ".join(err.split()) and not Path("runs/one").exists()
