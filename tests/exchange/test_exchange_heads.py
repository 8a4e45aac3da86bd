"""A skill that comes again: what is no part of it stays as it was, and what differs is told, with what can be done."""

from __future__ import annotations

from pathlib import Path

import pytest
from outside import FolderMaker, Fresh, coded

from skilllib.errors import InvalidRecord, UnknownSkill
from skilllib.exchange import Imported, export, take_in
from skilllib.exchange.folders import CHANGED
from skilllib.library import SkillLibrary
from skilllib.records.ledger import Change, Decision
from skilllib.records.skill import KeptTest, Provenance

OLD = "name: tie-knots\ndescription: How to tie knots.\nlicense: MIT\nmetadata:\n  tags: rope\n"
NEW = "name: tie-knots\ndescription: Knots for sailors.\nlicense: GPL-3.0\ncompatibility: ropes\n"
DIFFERENCES = {
    "compatibility": (None, "ropes"),
    "description": ("How to tie knots.", "Knots for sailors."),
    "license": ("MIT", "GPL-3.0"),
    "metadata.tags": ("rope", None),
}


def taken(library: SkillLibrary, path: Path, *, heads: bool = False) -> Imported:
    result = take_in(library, path, heads=heads)
    (one,) = result.imported
    assert not result.refused and not library.problems()
    return one


def test_another_head_is_told_field_by_field_and_changes_nothing(library: SkillLibrary, folder: FolderMaker) -> None:
    first = taken(library, folder(head=OLD))
    before = library.ledger()
    again = taken(library, folder(head=NEW))
    assert again.differs == DIFFERENCES and not again.new and not again.reheaded
    assert library.skills() == (first.skill,) and library.ledger() == before


def test_the_same_head_is_no_difference(library: SkillLibrary, folder: FolderMaker) -> None:
    taken(library, folder(head=OLD))
    before = library.ledger()
    assert taken(library, folder(head=OLD), heads=True).differs == {} and library.ledger() == before


def test_a_head_that_is_asked_for_is_taken_and_the_ledger_keeps_both(
    library: SkillLibrary, fresh: Fresh, folder: FolderMaker, tmp_path: Path
) -> None:
    first = taken(library, folder(head=OLD)).skill
    again = taken(library, folder(head=NEW), heads=True)
    assert again.reheaded and again.differs == DIFFERENCES
    kept = library.get("tie_knots")
    assert kept.description == "Knots for sailors." and kept.provenance.frontmatter == {
        "license": "GPL-3.0",
        "compatibility": "ropes",
    }
    assert (kept.version_hash, kept.version, kept.status) == (first.version_hash, 1, "trial") and kept == again.skill
    entry = library.history("tie_knots")[-1]
    assert {edit.field: tuple(edit.value) for edit in entry.change.edits} == DIFFERENCES
    assert (entry.change.kind, entry.decision.outcome) == ("edit", "need_more")
    export(library, tmp_path / "out", names=["tie_knots"])
    assert taken(fresh(), tmp_path / "out").skill.description == "Knots for sailors."
    assert taken(library, folder(head=OLD), heads=True).skill == first


@pytest.mark.parametrize("form", ["skills", "jsonl"])
def test_what_was_exported_here_and_comes_back_differs_in_nothing(learned: SkillLibrary, tmp_path: Path, form: str) -> None:
    export(learned, tmp_path / "out", form=form)
    before = learned.ledger()
    result = take_in(learned, tmp_path / "out", heads=True)
    assert not any(one.new or one.differs or one.left_out for one in result.imported) and learned.ledger() == before


def test_what_is_not_on_trial_keeps_its_head(library: SkillLibrary, folder: FolderMaker) -> None:
    skill = taken(library, folder(head=OLD)).skill
    library.commit(Change(kind="retire", targets=(skill.code_hash,), proposer="test"), Decision(outcome="promote"))
    again = taken(library, folder(head=NEW), heads=True)
    assert again.differs == DIFFERENCES and not again.reheaded and library.get("tie_knots").description == skill.description
    with pytest.raises(InvalidRecord, match="is retired"):
        library.rehead(again.skill.model_copy(update={"description": "Another."}), proposer="test")


def test_another_text_is_another_version_with_all_that_came_with_it(library: SkillLibrary, folder: FolderMaker) -> None:
    taken(library, folder(head=OLD, files={"notes.txt": b"old"}))
    again = taken(library, folder(head=NEW, files={"notes.txt": b"new"}))
    assert again.left_out == ("notes.txt",)
    newer = taken(library, folder(head=NEW, body="Tie them well.\n", files={"notes.txt": b"new"}))
    assert (newer.new, newer.skill.version, newer.left_out, newer.differs) == (True, 2, (), {})
    assert newer.skill.description == "Knots for sailors." and library.get("tie_knots@1").description == "How to tie knots."


def test_where_a_skill_comes_from_is_told_and_never_taken(library: SkillLibrary, fresh: Fresh, tmp_path: Path) -> None:
    mine = coded("fetch", provenance=Provenance(writer="search", task="t1", seed=3), description="Mine.")
    theirs = coded("fetch", provenance=Provenance(writer="model", task="t2", seed=4), description="Theirs.")
    other = fresh()
    library.quarantine(mine, proposer="test")
    other.quarantine(theirs, tests=[KeptTest(environment="yard", seed=1, check="after.x > 0")], proposer="test")
    export(other, tmp_path / "all.jsonl", form="jsonl")
    one = taken(library, tmp_path / "all.jsonl", heads=True)
    assert one.differs.keys() == {"description", "origin.writer", "origin.task", "origin.seed"} and one.left_out == (
        "1 of its tests",
    )
    kept = library.get("fetch")
    assert kept.description == "Theirs." and kept.provenance == mine.provenance and not library.tests(kept.code_hash)


def test_a_head_is_given_to_the_very_same_skill_alone(library: SkillLibrary) -> None:
    library.quarantine(coded("fetch"), proposer="test")
    with pytest.raises(UnknownSkill):
        library.rehead(coded("fetch", salt=" again"), proposer="test")


def changed(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Use it to reach", "Never use it for"),
        ("## Procedure", "## How"),
        ("metadata:\n", "license: MIT\nmetadata:\n"),
        ("metadata:\n", "metadata:\n  tags: x\n"),
    ],
)
def test_what_was_changed_in_our_words_after_an_export_is_told(
    learned: SkillLibrary, library: SkillLibrary, tmp_path: Path, old: str, new: str
) -> None:
    export(learned, tmp_path / "out", names=["found_egg"])
    file = tmp_path / "out/found-egg/SKILL.md"
    changed(file, old, new)
    one = taken(library, tmp_path / "out")
    assert one.left_out == (CHANGED,) and one.skill.description == learned.get("found_egg").description


def test_a_changed_head_of_a_skill_in_words_comes_in_without_our_fields(
    library: SkillLibrary, fresh: Fresh, folder: FolderMaker, tmp_path: Path
) -> None:
    first = taken(library, folder(head=OLD)).skill
    export(library, tmp_path / "out", names=["tie_knots"])
    file = tmp_path / "out/tie-knots/SKILL.md"
    changed(file, "How to tie knots.\n", "Knots for sailors.\n")
    assert taken(library, tmp_path / "out").left_out == (CHANGED,)
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("  skilllib-")), encoding="utf-8")
    again = taken(library, tmp_path / "out", heads=True)
    assert again.reheaded and again.skill.version_hash == first.version_hash
    assert again.skill.description == "Knots for sailors." and again.skill.provenance == first.provenance


def test_a_folder_that_was_written_before_such_changes_could_be_seen_is_still_read(
    learned: SkillLibrary, library: SkillLibrary, tmp_path: Path
) -> None:
    export(learned, tmp_path / "out", names=["found_egg"])
    file = tmp_path / "out/found-egg/SKILL.md"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text(
        "".join(line for line in lines if not line.startswith(("  skilllib-shown", "  skilllib-files"))), encoding="utf-8"
    )
    one = taken(library, tmp_path / "out")
    assert not one.left_out and library.tests(one.skill.code_hash) == learned.tests(one.skill.code_hash) != ()
