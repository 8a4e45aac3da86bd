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


def test_another_head_is_told_with_a_command_that_takes_it(door: Door) -> None:
    Path("mine/tie-knots").mkdir(parents=True)

    def said(description: str, *options: str) -> str:
        text = f"---\nname: tie-knots\ndescription: {description}\nlicense: {description} licence\n---\nTie them.\n"
        Path("mine/tie-knots/SKILL.md").write_text(text, encoding="utf-8")
        return " ".join(door("import", "mine", *options)[1].split())

    said("Old")
    told = said("New")
    assert "was here before; with another description ('Old' here, 'New' came), license ('Old licence' here" in told
    assert "to take those that came: skilllib import mine --heads" in told
    assert door.json("show", "tie_knots")["description"] == "Old"
    told = said("New", "--heads")
    assert "description ('Old' before, 'New' now)" in told and "to take those" not in told
    shown = door.json("show", "tie_knots")
    assert (shown["description"], shown["provenance"]["frontmatter"]["license"]) == ("New", "New licence")
    assert "says otherwise of itself: description, license" in " ".join(door("history", "tie_knots")[1].split())
    Path("mine/tie-knots/notes.txt").write_text("new", encoding="utf-8")
    told = said("New")
    assert "not kept: notes.txt" in told and "Change its text or code as well" in told
    (one,) = door.json("import", "mine")["imported"]
    assert (one["differs"], one["reheaded"]) == ({}, False)


def test_other_names_come_along_in_one_file_and_those_that_cannot_are_told(learned: Door) -> None:
    learned("alias", "nest_egg", "found_egg")
    learned("export", "all.jsonl", "--format", "jsonl")
    (one,) = learned.json("import", "all.jsonl", "--library", "elsewhere")["aliases"]
    assert one == {"alias": "nest_egg", "name": "found_egg", "left_out": ""}
    assert learned.json("show", "nest_egg", "--library", "elsewhere")["name"] == "found_egg"
    other = next(one["name"] for one in learned.json("list") if one["status"] == "active" and one["name"] != "found_egg")
    learned("alias", "nest_egg", other, "--move")
    told = " ".join(learned("import", "all.jsonl")[1].split())
    assert f"'nest_egg': not given: 'nest_egg' is another name of '{other}' already" in told and "--move" in told


@pytest.mark.parametrize("form", ["skills", "jsonl", "tools", "stubs"])
def test_every_format_says_what_it_wrote(learned: Door, form: str) -> None:
    code, out, _ = learned("export", "written", "--format", form)
    assert code == 0 and "skills written to written" in out and Path("written").exists()


def test_an_export_says_what_stays_behind(learned: Door) -> None:
    learned("alias", "nest_egg", "found_egg")
    told = learned("export", "out")[1]
    assert "elsewhere a skill is on trial until it is proved" in told and "Other names stay here: nest_egg (found_egg)" in told
    assert "versions stay here that no active skill needs" in told
    told = learned("export", "all.jsonl", "--format", "jsonl")[1]
    assert "on trial until it is proved" in told and "nest_egg" not in told and "revoked" not in told
    learned("revoke", "found_egg", "--reason", "wrong")
    (one,) = [line for line in learned.json("export", "all.jsonl", "--format", "jsonl")["stays"] if "revoked" in line]
    assert "found_egg@" in one
    assert learned.json("export", "tools.json", "--format", "tools")["stays"] == []


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
