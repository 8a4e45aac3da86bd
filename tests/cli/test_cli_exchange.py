"""`skilllib export` and `skilllib import`, as a user meets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_door import Door

from skilllib.embedders import HashingEmbedder


def test_skills_travel_to_another_library_and_keep_their_hashes(learned: Door) -> None:
    written = learned.json("export", "out")
    taken = learned.json("import", "out", "--library", "elsewhere")
    assert {one["version_hash"] for one in written["skills"]} == {one["version_hash"] for one in taken["imported"]}
    assert {one["status"] for one in taken["imported"]} == {"trial"} and not taken["refused"]
    assert not learned.json("doctor", "--library", "elsewhere", code=0)["problems"]


def test_imported_tests_can_be_run_again(learned: Door) -> None:
    learned("export", "all.jsonl", "--format", "jsonl")
    learned("import", "all.jsonl", "--library", "elsewhere")
    name = next(one["name"] for one in learned.json("list") if one["status"] == "active")
    assert learned.json("verify", name, "--library", "elsewhere")["passed"]


def test_an_imported_skill_becomes_active_when_it_is_proved_here(learned: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skilllib.build.make_embedder", lambda _: HashingEmbedder())
    learned("export", "out", "found_egg")
    learned("import", "out", "--library", "elsewhere")
    (one,) = learned.json("verify", "found_egg", "--library", "elsewhere", "--activate")["skills"]
    assert (one["status"], one["outcome"]) == ("active", "promote")
    assert "is not on trial" in learned("verify", "found_egg", "--library", "elsewhere", "--activate")[1]


def test_a_name_that_looks_like_an_active_one_is_told_in_the_note(learned: Door) -> None:
    Path("out/found-eggs").mkdir(parents=True)
    words = "---\nname: found-eggs\ndescription: Find eggs.\n---\nLook below the hens.\n"
    Path("out/found-eggs/SKILL.md").write_text(words, encoding="utf-8")
    (one,) = learned.json("import", "out")["imported"]
    assert "looks like 'found_egg' (version " in one["caution"] and "rename it" in one["caution"]
    assert "looks like" in " ".join(learned("import", "out")[1].split())


@pytest.mark.parametrize("form", ["skills", "jsonl", "tools", "stubs"])
def test_every_format_says_what_it_wrote(learned: Door, form: str) -> None:
    code, out, _ = learned("export", "written", "--format", form)
    assert code == 0 and "skills written to written" in out and Path("written").exists()


def test_a_refused_folder_is_an_answer_and_not_a_crash(learned: Door) -> None:
    learned("export", "out")
    next(Path("out").glob("*/scripts/*.py")).write_text("import os\n", encoding="utf-8")
    code, out, err = learned("import", "out", "--library", "elsewhere")
    assert code == 1 and "refused" in out and not err


def test_what_cannot_be_done_says_why_in_one_line(learned: Door) -> None:
    assert "there is no 'nowhere'" in learned.refuses("import", "nowhere", "--library", "elsewhere")
    assert "not an empty folder" in learned.refuses("export", "runs")
    assert "no skill is called 'nothing'" in learned.refuses("export", "out", "nothing")
    assert not Path("out").exists()


def test_names_from_outside_cannot_write_to_the_terminal(learned: Door) -> None:
    folder = Path("mine/evil\x1b[2J")
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: a\ndescription: b\n---\nc\n", encoding="utf-8")
    code, out, err = learned("import", "mine", "--library", "elsewhere")
    assert code == 1 and "\x1b" not in out + err
