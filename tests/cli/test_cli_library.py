"""Commands that look at a library: search, list, show, graph, doctor, environments."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from command_door import Door

from skilllib.library import SkillLibrary
from skilllib.records.skill import Skill


def composed() -> Skill:
    """Return an active skill that calls another."""
    with SkillLibrary.open("skill-library") as library:
        return next(skill for skill in library.skills("active") if skill.calls)


def test_search_finds_by_what_a_skill_does(learned: Door) -> None:
    skill = composed()
    found = learned.json("search", skill.description, "--k", 3)
    assert found[0]["name"] == skill.name
    assert found[0]["score"] > 0 and len(found) <= 3
    assert {"signature", "description", "lower_bound", "code_hash"} <= found[0].keys()
    assert skill.name in learned("search", skill.description)[1]


def test_list_shows_versions_by_status(learned: Door) -> None:
    everything, active = learned.json("list"), learned.json("list", "--status", "active")
    assert {record["status"] for record in active} == {"active"} and len(active) <= len(everything)
    assert active[0]["name"] in learned("list")[1]
    assert learned("list", "--status", "revoked")[1] == "'skill-library' holds no revoked skills yet.\n"


def test_show_tells_everything_about_a_skill(learned: Door) -> None:
    skill = composed()
    code, out, _ = learned("show", skill.name)
    assert code == 0
    for part in (f"def {skill.name}", skill.calls[0].name, "measured effects", "kept tests", "statistics", "ledger", "activate"):
        assert part in out
    record = learned.json("show", f"{skill.name}@{skill.code_hash[:10]}")
    assert record["code_hash"] == skill.code_hash and record["tests"] and record["effects"]
    kinds = [entry["change"]["kind"] for entry in record["ledger"]]
    assert kinds[0] == "create" and "activate" in kinds


@pytest.mark.parametrize("command", ["show", "run", "verify"])
def test_an_unknown_skill_is_refused_with_near_names(learned: Door, command: str) -> None:
    name = composed().name
    message = learned.refuses(command, name[:-1] + "x")
    assert message.startswith("UnknownSkill") and name in message


@pytest.mark.parametrize("command", [["search", "x"], ["list"], ["show", "x"], ["graph"], ["run", "x"], ["verify"], ["doctor"]])
def test_a_missing_a_foreign_and_a_newer_library_are_refused(door: Door, tmp_path: Path, command: list[str]) -> None:
    assert "LibraryNotFound" in door.refuses(*command, "--library", "nowhere")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "library.db").write_text("mine", encoding="utf-8")
    assert "ForeignLibrary" in door.refuses(*command, "--library", "foreign")


def test_a_newer_library_is_refused(learned: Door) -> None:
    with sqlite3.connect("skill-library/library.db") as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    connection.close()
    assert learned.refuses("list").startswith("NewerLibrary")


def test_the_graph_has_every_form(learned: Door, tmp_path: Path) -> None:
    skill = composed()
    assert skill.name in learned("graph")[1]
    assert learned("graph", "--format", "mermaid")[1].startswith("graph TD")
    assert "digraph" in learned("graph", "--format", "dot", "--all")[1]
    assert learned("graph", "--format", "png", "--output", tmp_path / "g.png")[0] == 0
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")
    assert learned("graph", "--output", tmp_path / "g.txt")[0] == 0
    assert skill.name in (tmp_path / "g.txt").read_text(encoding="utf-8")
    record = learned.json("graph")
    assert [skill.code_hash, skill.calls[0].code_hash] in record["edges"]


def test_an_unwritable_file_is_refused(learned: Door, tmp_path: Path) -> None:
    assert "StorageFailed" in learned.refuses("graph", "--format", "dot", "--output", tmp_path / "no" / "graph.dot")


def test_the_doctor_finds_and_repairs(learned: Door) -> None:
    assert learned("doctor")[0] == 0
    with sqlite3.connect("skill-library/library.db") as connection:
        connection.execute("DELETE FROM vectors")
    connection.close()
    report = learned.json("doctor", code=1)
    assert not report["sound"] and all(problem["repairable"] for problem in report["problems"])
    assert {"sandbox", "embedding weights", "environment crafter"} <= {check["name"] for check in report["installation"]}
    assert learned.json("doctor", "--repair")["problems"] == []


def test_the_doctor_needs_no_library(door: Door) -> None:
    code, out, _ = door("doctor", "--embedder", "hashing")
    assert code == 0 and "no library at 'skill-library'" in out


def test_environments_are_listed_and_shown(door: Door) -> None:
    assert "crafter" in door("environments")[1]
    assert {entry["name"] for entry in door.json("environments")} >= {"crafter", "bakery"}
    assert "knead" in door("environments", "bakery")[1]
    assert door.json("environments", "bakery", "-O", "length=7")["max_steps"] == 7
    assert "UnknownEnvironment" in door.refuses("environments", "bakry")


def test_the_command_line_shows_no_traceback_unless_asked(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from skilllib.cli import main; main()", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)

    plain = run("list")
    assert (plain.returncode, plain.stdout) == (2, "")
    assert plain.stderr.startswith("LibraryNotFound: ") and "Traceback" not in plain.stderr
    assert "Traceback" in run("--debug", "list").stderr
    assert run("--version").stdout.startswith("skilllib ")


def test_json_of_a_library_is_json(learned: Door) -> None:
    for command in (["search", "bread"], ["list"], ["graph"], ["environments"]):
        code, out, _ = learned(*command, "--json")
        assert code == 0 and json.loads(out), command
