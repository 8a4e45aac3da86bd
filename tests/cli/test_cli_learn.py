"""`skilllib learn`: new runs, resumed runs, interrupted runs, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_door import Door

from skilllib.cli.starting import Start
from skilllib.config import LearnOptions
from skilllib.library import SkillLibrary, lock
from skilllib.runs import RunFolder

VOLATILE = {"at", "seconds"}


def events(folder: str) -> list[dict[str, Any]]:
    # A task whose budget was spent in the middle is done twice: once when the run stops, once when it goes on.
    kept = [event for event in RunFolder.open(folder).events() if event["event"] in ("task", "proving", "attempt")]
    return [{key: value for key, value in event.items() if key not in VOLATILE} for event in kept]


def summary(folder: str) -> dict[str, Any]:
    volatile = ("seconds", "ended", "run")
    return {key: value for key, value in RunFolder.open(folder).summary().items() if key not in volatile}


def test_a_run_leaves_a_library_and_a_run_folder(door: Door) -> None:
    code, out, err = door.learn("--max-attempts", 12)
    assert code == 0, err
    assert "The run ended" in out and "milestones" in out and "skilllib report runs/bakery-s0-1" in out.replace("\\", "/")
    found = RunFolder.open("runs/bakery-s0-1")
    assert found.options["library"] == "../../skill-library"
    assert found.summary()["attempts"] == 12
    assert found.summary()["ended"] == "max_attempts"
    assert {event["event"] for event in found.events()} >= {"run_begun", "task", "attempt", "run_ended"}
    with SkillLibrary.open("skill-library") as library:
        assert library.runs() == ("bakery-s0-1",)
        assert found.summary()["skills"]["active"] == len(library.skills("active"))


def test_json_is_all_that_is_on_stdout(door: Door) -> None:
    code, out, err = door.learn("--max-attempts", 3, "--json")
    assert code == 0
    assert json.loads(out)["attempts"] == 3
    assert "task 1" in err


def test_a_run_folder_keeps_the_address_of_a_library_without_its_password(tmp_path: Path) -> None:
    options = LearnOptions(environment="bakery", library="postgresql://me:secret@host/n")
    found = Start(options=options, folder=tmp_path / "run", new=True).opened()
    assert found.options["library"] == "postgresql://me@host/n", "it is an address that a resumed run can use"


def test_a_quiet_run_shows_only_its_end(door: Door) -> None:
    _, out, _ = door.learn("--max-attempts", 3, "--quiet")
    assert "task 1" not in out and "The run ended" in out


def test_a_second_run_goes_on_with_the_same_library(door: Door) -> None:
    door.learn("--max-attempts", 8)
    code, _, err = door.learn("--max-attempts", 4)
    assert code == 0, err
    with SkillLibrary.open("skill-library") as library:
        assert library.runs() == ("bakery-s0-1", "bakery-s0-2")


def test_a_resumed_run_is_the_run_it_would_have_been(door: Door) -> None:
    door.learn("--max-attempts", 10, "--library", "whole", "--run", "w/one")
    door.learn("--max-attempts", 4, "--library", "parts", "--run", "p/one")
    code, _, err = door("learn", "--resume", "--run", "p/one", "--max-attempts", 10)
    assert code == 0, err
    assert events("p/one") == events("w/one")
    assert summary("p/one") == summary("w/one")


def test_an_attempt_that_a_crash_kept_out_of_the_log_is_written_when_the_run_goes_on(door: Door) -> None:
    door.learn("--max-attempts", 4)
    log = Path("runs/bakery-s0-1/events.jsonl")
    lines = log.read_text(encoding="utf-8").splitlines()
    last = max(i for i, line in enumerate(lines) if '"event": "attempt"' in line)
    log.write_text("\n".join(lines[:last]) + "\n" + lines[last][:20], encoding="utf-8")
    assert door("learn", "bakery", "--resume", "--quiet", "--max-attempts", 6)[0] == 0
    found = [event["number"] for event in RunFolder.open("runs/bakery-s0-1").events() if event["event"] == "attempt"]
    assert found == [1, 2, 3, 4, 5, 6]


def test_run_and_library_can_be_moved_together(door: Door, tmp_path: Path) -> None:
    door.learn("--max-attempts", 2)
    (tmp_path / "moved").mkdir()
    shutil.move(tmp_path / "runs", tmp_path / "moved" / "runs")
    shutil.move(tmp_path / "skill-library", tmp_path / "moved" / "skill-library")
    code, _, err = door("learn", "--resume", "--run", "moved/runs/bakery-s0-1", "--max-attempts", 4, "--quiet")
    assert code == 0, err


def test_ctrl_c_ends_cleanly_and_the_run_can_go_on(door: Door, interrupt: Callable[[int], None]) -> None:
    interrupt(9)
    code, out, _ = door.learn("--max-attempts", 12)
    assert code == 130
    assert "skilllib learn --resume --run runs/bakery-s0-1" in " ".join(out.split())
    stopped = RunFolder.open("runs/bakery-s0-1").summary()
    assert stopped["ended"] == "interrupted" and 0 < stopped["attempts"] < 12
    with SkillLibrary.open("skill-library") as library:
        assert library.attempt_count() == stopped["attempts"]
    assert door("doctor", "--embedder", "hashing")[0] == 0
    assert door("learn", "bakery", "--resume", "--quiet")[0] == 0
    assert RunFolder.open("runs/bakery-s0-1").summary()["attempts"] == 12


def test_options_come_from_a_file_and_flags_win(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text('environment = "bakery"\nembedder = "hashing"\njobs = 1\nmax_attempts = 9\nseed = 4\n', encoding="utf-8")
    assert door("learn", "--config", file, "--max-attempts", 2, "--quiet")[0] == 0
    options = RunFolder.open("runs/bakery-s4-1").options
    assert (options["max_attempts"], options["seed"]) == (2, 4)


def test_ablations_and_environment_options_are_stored(door: Door) -> None:
    code, _, err = door.learn("--max-attempts", 1, "--no-library", "--no-re-execution", "-O", "length=50", "--curriculum", "random")
    assert code == 0, err
    options = RunFolder.open("runs/bakery-s0-1").options
    assert not options["use_library"] and not options["re_execute"]
    assert options["environment_options"] == {"length": 50} and options["curriculum"] == "random"


def test_what_cannot_be_learned_in_is_refused(door: Door) -> None:
    assert "UnknownEnvironment" in door.refuses("learn", "bakry", "--embedder", "hashing")
    assert "which environment?" in door.refuses("learn")
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def test_impossible_options_are_refused(door: Door) -> None:
    assert "threshold" in door.refuses("learn", "bakery", "--threshold", 2)
    assert "curriculum" in door.refuses("learn", "bakery", "--curriculum", "school")
    assert "key=value" in door.refuses("learn", "bakery", "-O", "length")
    assert "no options file" in door.refuses("learn", "bakery", "--config", "nowhere.toml")


def test_a_resume_needs_a_run(door: Door, tmp_path: Path) -> None:
    assert "no run to resume" in door.refuses("learn", "--resume")
    assert "not a run folder" in door.refuses("learn", "--resume", "--run", tmp_path)


def test_a_resume_changes_no_option_that_shapes_the_run(door: Door) -> None:
    door.learn("--max-attempts", 1, "--quiet")
    assert "seed=0" in door.refuses("learn", "--resume", "--seed", 3)
    assert "--config" in door.refuses("learn", "--resume", "--config", "x.toml")


def test_a_run_is_not_begun_twice(door: Door) -> None:
    door.learn("--max-attempts", 1, "--quiet", "--run", "a/one")
    assert "--resume" in door.refuses("learn", "bakery", "--run", "a/one", "--embedder", "hashing")
    assert "already knows a run 'one'" in door.refuses("learn", "bakery", "--run", "b/one", "--embedder", "hashing")
    assert not Path("b").exists()


def test_a_learner_waits_for_a_writer_and_says_for_whom_it_waited_in_vain(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_S", 0.3)
    with SkillLibrary.open("skill-library", create=True) as library, library.writing("learn elsewhere"):
        pass  # the lock is taken by another process below; within one process it is reentrant
    import subprocess
    import sys

    code = (
        "import sys; from skilllib.library import SkillLibrary\n"
        "with SkillLibrary.open('skill-library') as library, library.writing('learn elsewhere'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        message = door.refuses("learn", "bakery", "--embedder", "hashing", "--quiet")
        other.communicate("")
    assert "LibraryLocked" in message and "learn elsewhere" in message
    assert not Path("runs").exists(), "a run that could not begin leaves no folder"


def test_a_folder_that_is_no_library_is_refused(door: Door, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine", encoding="utf-8")
    assert "ForeignLibrary" in door.refuses("learn", "bakery", "--library", "other", "--embedder", "hashing")
