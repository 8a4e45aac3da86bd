"""`skilllib learn --model`: what is refused before anything is made, and what may change when a run is resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_door import Door

from skilllib.cli import starting
from skilllib.config import LearnOptions, options
from skilllib.errors import InvalidRecord, RunError, TapeError
from skilllib.models.tape import TapeFile


def begun(folder: Path | None = None, config: Path | None = None, **given: Any) -> starting.Start:
    return starting.begun({"environment": "bakery", **given}, folder, config)


def resumed(folder: Path, **given: Any) -> LearnOptions:
    return starting.resumed(given, folder, None).options


@pytest.mark.parametrize(
    "flags",
    [
        ("--preset", "voyager"),
        ("--critic-model", "m"),
        ("--curriculum-model", "m"),
        ("--describe-model", "m"),
        ("--candidates", 2),
        ("--honing", 0.1),
        ("--context", "never"),
        ("--temperature", 1),
        ("--prompt-tokens", 900),
        ("--reply-tokens", 100),
        ("--timeout", 5),
        ("--max-calls", 3),
        ("--max-usd", 1.5),
        ("--tape", "tape.jsonl"),
        ("--replay",),
        ("--prompts", "."),
    ],
    ids=lambda flags: str(flags[0]),
)
def test_an_option_of_models_without_a_model_is_refused(door: Door, flags: tuple[object, ...]) -> None:
    said = door.refuses("learn", "bakery", *flags)
    assert "--model" in said and "without effect" in said
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--preset", "voyger"), "preset"),
        (("--context", "sometimes"), "context"),
        (("--candidates", 17), "candidates"),
        (("--honing", 1), "honing"),
        (("--temperature", -1), "temperature"),
        (("--prompt-tokens", 10), "prompt_tokens"),
        (("--timeout", 0), "timeout_s"),
        (("--replay",), "--tape"),
        (("--replay", "--tape", "lost.jsonl"), "lost.jsonl"),
        (("--prompts", "lost"), "lost"),
    ],
    ids=lambda value: str(value),
)
def test_options_that_cannot_be_are_refused_before_anything_is_made(door: Door, flags: tuple[object, ...], said: str) -> None:
    assert said in door.refuses("learn", "bakery", "--model", "openai/m", *flags)
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("preset", "flags"),
    [
        (None, ("--curriculum", "random")),
        ("voyager", ("--candidates", 3)),
        ("voyager", ("--honing", 0.5)),
        ("voyager", ("--context", "never")),
        ("voyager", ("--no-re-execution",)),
        ("react", ("--candidates", 3)),
        ("react", ("--threshold", 0.5)),
        ("no-library", ("--describe-model", "m")),
        ("no-library", ("--no-library",)),
    ],
)
def test_an_option_that_a_preset_has_no_use_for_is_refused(door: Door, preset: str | None, flags: tuple[object, ...]) -> None:
    chosen = ("--preset", preset) if preset else ()
    said = door.refuses("learn", "bakery", "--model", "openai/m", *chosen, *flags)
    assert "without effect with " + ("--preset " + preset if preset else "--model") in said
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"preset": "react"}, "preset: without effect, since no model is named; add --model"),
        (
            {"model": "m", "preset": "voyager", "candidates": 3, "context": "never"},
            "candidates, context: without effect",
        ),
        ({"model": "m", "curriculum": "random"}, "curriculum: without effect with --model"),
    ],
)
def test_python_is_told_the_same(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRecord, match=said):
        options(environment="bakery", **given)
    with pytest.raises(ValueError, match=said):
        LearnOptions(environment="bakery", **given)


def test_a_default_that_is_spelled_out_is_no_wish() -> None:
    whole = options(environment="bakery").model_dump(mode="json")
    assert options(**whole) == options(environment="bakery")


def test_prompts_that_could_not_be_filled_are_refused_before_a_model_is_asked(door: Door) -> None:
    Path("mine").mkdir()
    Path("mine/describe.md").write_text("# user\n{{code}}\n", encoding="utf-8")
    said = door.refuses("learn", "bakery", "--embedder", "hashing", "--model", "openai/m", "--prompts", "mine", "--run", "one")
    assert "PromptError" in said and "'describe'" in said and not Path("one").exists()


def test_a_file_of_options_is_held_to_the_same(door: Door) -> None:
    Path("o.toml").write_text('environment = "bakery"\n[budget]\ncalls = 3\n', encoding="utf-8")
    assert "budget: without effect" in door.refuses("learn", "--config", "o.toml")


def test_flags_change_single_bounds_of_a_budget_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("o.toml").write_text('environment = "bakery"\nmodel = "m"\n[budget]\ncalls = 3\nusd = 1\n', encoding="utf-8")
    budget = begun(config=Path("o.toml"), budget={"calls": 9}).options.budget
    assert (budget.calls, budget.usd) == (9, 1)


def test_a_resumed_run_may_get_more_and_wait_longer_but_not_become_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    begun(Path("r/one"), model="m", budget={"calls": 3, "usd": 1}).opened()
    found = resumed(Path("r/one"), budget={"calls": 9}, timeout_s=7, tape="other.jsonl", jobs=1)
    assert (found.budget.calls, found.budget.usd, found.timeout_s, found.tape) == (9, 1, 7, "other.jsonl")
    for key, value in {
        "model": "n",
        "critic_model": "n",
        "temperature": 1,
        "candidates": 2,
        "preset": "react",
        "honing": 0,
    }.items():
        with pytest.raises(RunError, match=key):
            resumed(Path("r/one"), **{key: value})


def test_tape_and_prompts_move_with_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a/p").mkdir(parents=True)
    start = begun(Path("a/runs/one"), model="m", tape="a/t.jsonl", prompts="a/p", library="a/library")
    start.opened()
    assert starting.recorded_on(start.folder) == Path("a/t.jsonl")
    Path("a").rename("b")
    found = resumed(Path("b/runs/one"))
    assert (found.tape, found.prompts, found.library) == ("b/t.jsonl", "b/p", "b/library")
    assert resumed(Path("b/runs/one"), prompts="b/p").prompts == "b/p"


def test_a_run_has_a_tape_of_its_own_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    start = begun(Path("runs/one"), model="m")
    assert start.taped.tape == str(Path("runs/one/tape.jsonl")) and start.options.tape is None
    assert begun(Path("runs/two")).taped.tape is None
    with pytest.raises(InvalidRecord, match="--tape"):
        begun(Path("runs/two"), model="m", replay=True)
    start.opened()
    with pytest.raises(TapeError, match="no tape"):
        resumed(Path("runs/one"), replay=True)
    TapeFile("runs/one/tape.jsonl", write=True).close()
    assert resumed(Path("runs/one"), replay=True).replay


def test_a_run_that_could_not_begin_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    start = begun(Path("runs/one"), model="m")
    start.opened()
    TapeFile(start.taped.tape or "", write=True).close()
    start.discard()
    assert not Path("runs/one").exists()


def test_the_options_of_models_are_stored_with_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    begun(Path("runs/one"), model="m", critic_model="n", preset="no-library", candidates=3, budget={"calls": 0}).opened()
    stored = json.loads(Path("runs/one/run.json").read_text(encoding="utf-8"))
    assert (stored["model"], stored["critic_model"], stored["preset"], stored["candidates"]) == ("m", "n", "no-library", 3)
    assert stored["budget"]["calls"] == 0 and stored["tape"] is None


def test_help_comes_in_groups(door: Door) -> None:
    out = door("learn", "--help")[1]
    groups = [line for line in out.splitlines() if line.startswith("╭")]
    assert [
        name in group
        for name, group in zip(("Argum", "Opt", "Run", "Language", "Budget", "Tape", "Ablations"), groups, strict=True)
    ]
    assert "default: 300" in " ".join(out.replace("│", " ").split())


@pytest.mark.parametrize("command", [("learn", "bakery", "--library", "new"), ("solve", "bakery", "get wheat", "--library", "new")])
def test_an_exporter_of_spans_that_is_not_installed_is_refused_before_anything_is_made(
    door: Door, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "carrier-pigeon")
    assert "'carrier-pigeon', which is not installed" in door.refuses(*command)
    assert not Path("runs").exists() and not Path("new").exists()
