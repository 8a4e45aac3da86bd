"""Further files of a folder are kept to the letter, handed on, and never trusted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outside import FolderMaker, Fresh

from skilllib.errors import ImportRefused, LibraryDamaged
from skilllib.exchange import export, packing, take_in
from skilllib.library import SkillLibrary, tables
from skilllib.records.skill import Resource

FILES = {"references/more.md": b"More.\r\n", "scripts/go.py": b"print(1)\n", "assets/a.png": b"\x89PNG\0\xff", "empty": b""}


def held(library: SkillLibrary) -> dict[str, bytes]:
    (skill,) = library.skills()
    return {one.path: one.data for one in library.resources(skill.version_hash)}


def beside_the_head(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "SKILL.md")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("form", ["skills", "jsonl"])
def test_a_strangers_files_go_through_a_library_and_another_one_unchanged(
    library: SkillLibrary, fresh: Fresh, folder: FolderMaker, tmp_path: Path, form: str
) -> None:
    (one,) = take_in(library, folder(files=FILES)).imported
    assert not one.left_out and held(library) == FILES and not library.problems()
    export(library, tmp_path / "out", names=["tie_knots"], form=form)
    other = fresh()
    (back,) = take_in(other, tmp_path / "out").imported
    assert back.skill == one.skill and held(other) == FILES
    export(other, tmp_path / "again", names=["tie_knots"])
    assert beside_the_head(tmp_path / "again/tie-knots") == FILES


@pytest.mark.parametrize("path", ["scripts/tie_knots.py", "references/tests.jsonl", "references/effects.md"])
def test_a_strangers_file_that_is_called_as_ours_would_be_is_a_file_like_any_other(
    library: SkillLibrary, fresh: Fresh, folder: FolderMaker, tmp_path: Path, path: str
) -> None:
    (one,) = take_in(library, folder(files={path: b"print(1)\n"})).imported
    export(library, tmp_path / "out", names=["tie_knots"])
    other = fresh()
    taken = take_in(other, tmp_path / "out")
    assert not taken.refused and taken.imported[0].left_out == () and taken.imported[0].skill == one.skill
    assert held(other) == {path: b"print(1)\n"} and other.tests(one.skill.code_hash) == ()


def test_what_was_put_beside_an_exported_skill_of_ours_is_kept_too(
    learned: SkillLibrary, library: SkillLibrary, tmp_path: Path
) -> None:
    export(learned, tmp_path / "out", names=["found_egg"])
    (tmp_path / "out/found-egg/assets").mkdir()
    (tmp_path / "out/found-egg/assets/egg.svg").write_bytes(b"<svg/>")
    take_in(library, tmp_path / "out")
    skill = library.get(next(one.version_hash for one in library.skills() if one.name == "found_egg"))
    assert library.resources(skill.version_hash) == (Resource(path="assets/egg.svg", data=b"<svg/>"),)
    assert skill.code_hash == learned.get("found_egg").code_hash


paths = st.lists(st.text("abc-_.", min_size=1, max_size=6).filter(lambda part: part.strip(".")), min_size=1, max_size=3).map(
    "/".join
)


contents = st.binary(max_size=200).map(lambda data: data + b"\0") | st.text("abc\n", max_size=20).map(str.encode)


@given(st.dictionaries(paths, contents, max_size=4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_files_there_are_come_back_or_are_refused_with_the_reason(
    fresh: Fresh, folder: FolderMaker, tmp_path: Path, files: dict[str, bytes]
) -> None:
    shutil.rmtree(tmp_path / "outside", ignore_errors=True)
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    names = set(files)
    if any(other.startswith(f"{name}/") for name in names for other in names) or {"SKILL.md", "skill.md"} & names:
        return  # no disk could hold them
    library = fresh()
    taken = take_in(library, folder(files=files))
    if taken.refused:
        assert len({name.casefold() for name in names}) < len(names)
        return
    export(library, tmp_path / "out", names=["tie_knots"])
    assert beside_the_head(tmp_path / "out/tie-knots") == files


def test_a_text_that_hides_something_is_refused_and_a_picture_is_not(library: SkillLibrary, folder: FolderMaker) -> None:
    (refused,) = take_in(library, folder(files={"references/a.md": "Do\u200bit.".encode()})).refused
    assert "references/a.md" in refused.reason and "U+200B" in refused.reason
    assert not library.skills()


def test_more_than_a_skill_may_have_is_refused(library: SkillLibrary, folder: FolderMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_RESOURCES", 10)
    (refused,) = take_in(library, folder(files={"a": b"123456", "b": b"123456"})).refused
    assert "12 bytes" in refused.reason and not library.skills()


@pytest.mark.parametrize("path", ["../evil", "/etc/passwd", "a/../../b", "a\\b", "C:/x", "a//b"])
def test_a_path_of_json_lines_that_leads_out_is_refused(
    library: SkillLibrary, folder: FolderMaker, tmp_path: Path, path: str
) -> None:
    (one,) = take_in(library, folder(files={"a": b"1"})).imported
    with pytest.raises(ImportRefused, match="leads out"):
        packing.verified(packing.Packed(skill=one.skill, resources=(Resource(path=path, data=b""),)), {})


def test_a_file_that_bears_the_name_of_ours_never_takes_its_place(
    learned: SkillLibrary, library: SkillLibrary, fresh: Fresh, tmp_path: Path
) -> None:
    (packed,) = packing.packed(learned, [learned.get("found_egg")])
    resources = tuple(Resource(path=path, data=b"evil") for path in ("SKILL.md", "scripts/found_egg.py", "references/tests.jsonl"))
    library.quarantine(packing.from_outside(packed.skill), tests=packed.tests, resources=resources, proposer="test")
    export(library, tmp_path / "out", names=[packed.skill.version_hash])
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.read_bytes() == b"evil"]
    assert not take_in(fresh(), tmp_path / "out").refused


def test_who_is_here_already_keeps_the_files_it_came_with_and_the_others_are_named(
    library: SkillLibrary, folder: FolderMaker, tmp_path: Path
) -> None:
    take_in(library, folder(files={"a": b"1", "b": b"2"}))
    shutil.rmtree(tmp_path / "outside", ignore_errors=True)
    (again,) = take_in(library, folder(files={"a": b"1", "b": b"other", "c": b"3"})).imported
    assert not again.new and again.left_out == ("b", "c") and held(library) == {"a": b"1", "b": b"2"}


def test_a_flipped_byte_in_a_file_is_found_and_it_is_not_handed_on(library: SkillLibrary, folder: FolderMaker) -> None:
    (one,) = take_in(library, folder(files=FILES)).imported
    with library._database.writing() as connection:
        connection.execute(sa.update(tables.resources).where(tables.resources.c.path == "scripts/go.py").values(data=b"print(2)\n"))
    assert any("resources" in problem.message for problem in library.problems())
    with pytest.raises(LibraryDamaged, match=r"scripts/go\.py"):
        library.resources(one.skill.version_hash)
