"""Other names of skills travel in JSON lines, and never change what a name stands for where they come to."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from outside import Fresh, coded

from skilllib.errors import ImportRefused, UnknownSkill
from skilllib.exchange import export, take_in
from skilllib.library import SkillLibrary
from skilllib.records.skill import Skill


def kept(library: SkillLibrary, name: str, **fields: str) -> Skill:
    return library.quarantine(coded(name, **fields), proposer="test")


def sent(library: SkillLibrary, to: Path, *names: str) -> Path:
    export(library, to / "all.jsonl", names=names, form="jsonl")
    return to / "all.jsonl"


def sealed_anew(file: Path, names: object) -> None:
    """Put other names into a file, as somebody would who knows how."""
    head, *lines = file.read_text(encoding="utf-8").splitlines()
    rest = "".join(f"{line}\n" for line in [*lines[:-1], json.dumps(names)])
    digest = hashlib.sha256(rest.encode()).hexdigest()
    file.write_text(f"{json.dumps({**json.loads(head), 'sha256': digest})}\n{rest}", encoding="utf-8")


@pytest.fixture
def file(library: SkillLibrary, tmp_path: Path) -> Path:
    kept(library, "get_wood")
    kept(library, "make_item")
    library.alias("timber", "get_wood")
    return sent(library, tmp_path)


def test_a_skill_is_found_elsewhere_by_the_other_name_it_has_here(file: Path, fresh: Fresh, tmp_path: Path) -> None:
    other = fresh()
    taken = take_in(other, file)
    assert [(one.other, one.name, one.left_out) for one in taken.aliases] == [("timber", "get_wood", "")]
    assert other.get("timber").name == "get_wood" and other.aliases() == {"timber": "get_wood"} and not other.problems()
    entry = other.ledger()[-1]
    assert (entry.change.kind, entry.change.proposer) == ("alias", "import")
    assert sent(other, tmp_path / "again").read_bytes() == file.read_bytes()


def test_an_other_name_makes_nothing_callable_that_was_not_proved_here(file: Path, fresh: Fresh) -> None:
    other = fresh()
    take_in(other, file)
    assert other.get("timber").status == "trial" and other.resolve(["timber"]) == {}


def test_the_same_file_again_writes_nothing(file: Path, fresh: Fresh) -> None:
    other = fresh()
    take_in(other, file)
    before = other.ledger()
    (one,) = take_in(other, file).aliases
    assert not one.left_out and other.ledger() == before


def test_a_name_that_means_something_here_is_told_and_left_out(file: Path, fresh: Fresh) -> None:
    bearer, holder = fresh(), fresh()
    kept(bearer, "timber")
    kept(holder, "saw_planks")
    holder.alias("timber", "saw_planks")
    (one,) = take_in(bearer, file).aliases
    assert "a skill's own name" in one.left_out and bearer.get("timber").name == "timber" and not bearer.aliases()
    (one,) = take_in(holder, file).aliases
    assert "skilllib alias timber get_wood --move" in one.left_out and holder.get("timber").name == "saw_planks"
    assert [entry.change.kind for entry in holder.ledger()].count("alias") == 1 and len(holder.skills()) == 3


def test_a_file_gives_no_name_to_a_skill_of_ones_own_that_is_called_like_one_in_it(file: Path, fresh: Fresh) -> None:
    other = fresh()
    kept(other, "get_wood", salt=" by myself")
    (one,) = take_in(other, file).aliases
    assert one.left_out.endswith("skilllib alias timber get_wood") and not other.aliases()
    with pytest.raises(UnknownSkill):
        other.get("timber")
    other.alias("timber", "get_wood")
    assert not take_in(other, file).aliases[0].left_out


def test_only_the_names_of_skills_that_travel_go_with_them(file: Path, library: SkillLibrary, tmp_path: Path) -> None:
    without = sent(library, tmp_path / "other", "make_item").read_text(encoding="utf-8")
    assert "timber" not in without and json.loads(without.splitlines()[0])["version"] == 1, "as it was written before"
    assert "timber" in sent(library, tmp_path / "this", "timber").read_text(encoding="utf-8")
    kept(library, "timber")
    assert "aliases" not in sent(library, tmp_path / "hidden").read_text(encoding="utf-8")


def test_a_file_of_the_first_format_is_still_read(library: SkillLibrary, fresh: Fresh, tmp_path: Path) -> None:
    kept(library, "get_wood")
    other, file = fresh(), sent(library, tmp_path)
    assert '"version":1}' in file.read_text(encoding="utf-8").splitlines()[0]
    assert take_in(other, file).aliases == () and len(other.skills()) == 1


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({"aliases": {"timber": "nothing"}}, "not in the file"),
        ({"aliases": {"tim\u202eber": "get_wood"}}, "U\\+202E"),
        ({"aliases": {"timber": 1}}, "aliases"),
        ({"timber": "get_wood"}, "aliases"),
    ],
)
def test_names_that_are_not_as_they_are_written_are_refused_with_the_whole_file(
    file: Path, fresh: Fresh, names: object, reason: str
) -> None:
    sealed_anew(file, names)
    other = fresh()
    with pytest.raises(ImportRefused, match=f"line 4: .*{reason}"):
        take_in(other, file)
    assert not other.skills() and not other.ledger()


@pytest.mark.parametrize("name", ["not a name", "class", "_hidden", "walk", "make_item"])
def test_a_name_that_nobody_could_give_is_left_out_and_the_skills_are_not(file: Path, fresh: Fresh, name: str) -> None:
    sealed_anew(file, {"aliases": {name: "get_wood", "timber": "get_wood"}})
    other = fresh()
    kept(other, "go", contract={"capabilities": ["walk"]})
    taken = take_in(other, file)
    assert [one.other for one in taken.aliases if one.left_out] == [name] and other.aliases() == {"timber": "get_wood"}
    assert len(taken.imported) == 2 and not other.problems()


@pytest.mark.parametrize("version", [1, 2])
def test_a_head_that_says_another_format_or_number_is_refused(file: Path, fresh: Fresh, version: int) -> None:
    head, *lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    wrong = {**json.loads(head), "version": version, "skills": 2 if version == 1 else 3}
    file.write_text(json.dumps(wrong) + "\n" + "".join(lines), encoding="utf-8")
    with pytest.raises(ImportRefused):
        take_in(fresh(), file)
