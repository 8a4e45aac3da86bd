"""What leaves as SKILL.md folders comes back as it was, is legal for others, and is believed by nobody."""

from __future__ import annotations

import keyword
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outside import FolderMaker, Fresh, coded, opened
from skills_ref import read_properties, validate

from skilllib.errors import InvalidRecord
from skilllib.exchange import export, exporting, take_in
from skilllib.exchange.names import folder_names, identifier
from skilllib.library import SkillLibrary
from skilllib.records.ledger import Change, Decision
from skilllib.records.program import Program
from skilllib.records.skill import Contract, KeptTest, Provenance, Provision, Skill

PROMOTE = Decision(outcome="promote", codes=("for the test",))


def identity(skill: Skill) -> tuple[object, ...]:
    return skill.name, skill.code_hash, skill.text_hash, skill.version_hash


def put(library: SkillLibrary, *skills: Skill) -> list[Skill]:
    return [library.quarantine(skill, proposer="test") for skill in skills]


def test_every_exported_folder_is_valid_by_the_reference_validator(learned: SkillLibrary, tmp_path: Path) -> None:
    found = export(learned, tmp_path / "out")
    folders = sorted((tmp_path / "out").iterdir())
    assert len(folders) == len(found) > 5
    assert not [problem for folder in folders for problem in validate(folder)]
    for folder in folders:
        properties = read_properties(folder)
        assert properties.metadata["skilllib-name"] == identifier(folder.name)
        assert len(properties.description) <= 1024 and "Use it to reach" in properties.description


def test_what_comes_back_has_the_same_hashes_contracts_calls_and_tests(
    learned: SkillLibrary, library: SkillLibrary, tmp_path: Path
) -> None:
    found = export(learned, tmp_path / "out")
    taken = take_in(library, tmp_path / "out")
    assert not taken.refused and {identity(skill) for skill in found} == {identity(one.skill) for one in taken.imported}
    for skill in found:
        back = library.version(skill.code_hash)
        assert (back.program, back.contract, back.calls, back.description) == (
            skill.program,
            skill.contract,
            skill.calls,
            skill.description,
        )
        assert library.tests(skill.code_hash) == learned.tests(skill.code_hash)
    assert not library.problems()


def test_what_comes_in_is_on_trial_and_can_be_neither_found_nor_activated_without_a_proof(
    learned: SkillLibrary, library: SkillLibrary, tmp_path: Path
) -> None:
    export(learned, tmp_path / "out")
    imported = [one.skill for one in take_in(library, tmp_path / "out").imported]
    assert {skill.status for skill in library.skills()} == {"trial"}
    assert not library.search("bake bread") and not library.resolve(skill.name for skill in imported)
    assert {(entry.change.kind, entry.decision.outcome, entry.decision.codes) for entry in library.ledger()} == {
        ("create", "need_more", ("trial", "imported"))
    }
    activate = Change(kind="activate", targets=(imported[0].code_hash,), proposer="import")
    with pytest.raises(ValueError, match="without a proof"):
        library.commit(activate, PROMOTE)


def test_importing_twice_writes_nothing_the_second_time(learned: SkillLibrary, library: SkillLibrary, tmp_path: Path) -> None:
    export(learned, tmp_path / "out")
    take_in(library, tmp_path / "out")
    before = library.ledger()
    again = take_in(library, tmp_path / "out")
    assert library.ledger() == before and not any(one.new for one in again.imported) and not again.refused


def test_no_code_is_executed_or_even_parsed_as_ours_when_a_stranger_wrote_it(
    library: SkillLibrary, folder: FolderMaker, tmp_path: Path
) -> None:
    mark = tmp_path / "was-run"
    evil = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n".encode()
    taken = take_in(library, folder(files={"scripts/tie_knots.py": evil, "scripts/__init__.py": evil, "conftest.py": evil}))
    (one,) = taken.imported
    assert not mark.exists() and one.skill.program is None
    assert [file.path for file in library.resources(one.skill.version_hash)] == [
        "conftest.py",
        "scripts/__init__.py",
        "scripts/tie_knots.py",
    ]
    export(library, tmp_path / "out", names=["tie_knots"])
    assert not mark.exists() and (tmp_path / "out/tie-knots/scripts/tie_knots.py").read_bytes() == evil


def test_a_folder_of_ours_whose_script_is_no_program_is_refused(
    learned: SkillLibrary, library: SkillLibrary, tmp_path: Path
) -> None:
    export(learned, tmp_path / "out", names=["found_egg"])
    (tmp_path / "out/found-egg/scripts/found_egg.py").write_text("import os\nos.system('true')\n", encoding="utf-8")
    assert "function" in take_in(library, tmp_path / "out").refused[0].reason and not library.skills()


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("scripts/gather_crop.py", "walk", "gather"),
        ("SKILL.md", "after.tally.harvested_wheat > before", "after.tally.harvested_wheat >= before"),
        ("SKILL.md", '"capabilities":["gather","walk"]', '"capabilities":["gather","walk","burn"]'),
        ("SKILL.md", "skilllib-name: gather_crop", "skilllib-name: gather_all"),
        ("SKILL.md", "skilllib-format: '1'", "skilllib-format: '2'"),
        ("SKILL.md", "skilllib-origin:", "skilllib-whence:"),
    ],
)
def test_a_folder_that_was_changed_after_its_export_is_refused_and_so_are_its_callers(
    learned: SkillLibrary, library: SkillLibrary, tmp_path: Path, path: str, old: str, new: str
) -> None:
    export(learned, tmp_path / "out", names=["kneaded_dough"])
    file = tmp_path / "out/gather-crop" / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    taken = take_in(library, tmp_path / "out")
    reasons = {one.place: one.reason for one in taken.refused}
    assert set(reasons) >= {"gather-crop", "kneaded-dough"}
    lacking = [reason for place, reason in reasons.items() if place != "gather-crop" and "'gather_crop'" in reason]
    assert lacking and all("is not here" in reason for reason in lacking)
    assert [one.skill.name for one in taken.imported] == ["found_egg"]


def test_a_checkout_that_changed_the_ends_of_lines_imports_with_the_same_hashes(
    learned: SkillLibrary, library: SkillLibrary, tmp_path: Path
) -> None:
    found = export(learned, tmp_path / "out")
    for file in (tmp_path / "out").rglob("*.*"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert {one.skill.version_hash for one in take_in(library, tmp_path / "out").imported} == {
        skill.version_hash for skill in found
    }


def test_two_versions_of_one_name_travel_together(library: SkillLibrary, fresh: Fresh, tmp_path: Path) -> None:
    old, new = coded("fetch", salt="1"), coded("fetch", salt="2")
    skills = put(library, old, new, coded("first", old), coded("second", new))
    export(library, tmp_path / "out", names=["first", "second"])
    other = fresh()
    assert not take_in(other, tmp_path / "out").refused
    assert {identity(skill) for skill in other.skills()} == {identity(skill) for skill in skills}


def test_run_and_what_was_merged_stay_behind_since_they_are_another_librarys(
    library: SkillLibrary, fresh: Fresh, tmp_path: Path
) -> None:
    victim = coded("victim")
    origin = Provenance(writer="search", run="crafter-s0-1", merged_from=(victim.code_hash,))
    put(library, coded("thief", provenance=origin))
    export(library, tmp_path / "out", names=["thief"])
    other = fresh()
    take_in(other, tmp_path / "out")
    assert other.get("thief").provenance == Provenance(writer="search")


def test_revoked_skills_do_not_travel_and_are_not_taken_in_again(library: SkillLibrary, fresh: Fresh, tmp_path: Path) -> None:
    bad, caller = put(library, coded("bad"), coded("caller", coded("bad")))
    export(library, tmp_path / "out", names=["caller"])
    library.commit(Change(kind="revoke", targets=(bad.code_hash,), proposer="test"), PROMOTE)
    with pytest.raises(InvalidRecord, match="revoked and does not travel"):
        export(library, tmp_path / "other", names=["caller"])
    export(library, tmp_path / "all.jsonl", form="jsonl")
    other = fresh()
    take_in(other, tmp_path / "all.jsonl")
    assert not other.skills() and not (tmp_path / "other").exists()
    taken = take_in(library, tmp_path / "out")
    assert ["revoked" in one.reason for one in taken.refused] == [True] and [one.new for one in taken.imported] == [False]
    assert caller.code_hash == taken.imported[0].skill.code_hash


def test_an_export_is_whole_or_not_there(learned: SkillLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(InvalidRecord, match="not an empty folder"):
        export(learned, tmp_path / "full")
    monkeypatch.setattr(exporting.folders, "files", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        export(learned, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["full"] and len(list((tmp_path / "full").iterdir())) == 1


# --- Skills in words --------------------------------------------------------------------------------------------------


def test_a_strangers_text_is_kept_with_its_licence_and_comes_back_the_same(
    library: SkillLibrary, fresh: Fresh, folder: FolderMaker, tmp_path: Path
) -> None:
    head = (
        "name: tie-knots\ndescription: >\n  How to tie\n  knots.\nlicense: CC-BY-4.0\nallowed-tools: Read Write\n"
        "metadata:\n  author: Ann\n  version: '2'\n"
    )
    path = folder(head=head, body="\n# Knots\n\n---\n\nFirst, a *loop* \u2601\ufe0f.\n\n", files={"references/more.md": b"More."})
    (one,) = take_in(library, path).imported
    assert one.skill.text == "# Knots\n\n---\n\nFirst, a *loop* \u2601\ufe0f.\n"
    assert (one.skill.name, one.skill.description, one.left_out) == ("tie_knots", "How to tie knots.", ())
    assert one.skill.provenance.frontmatter == {
        "license": "CC-BY-4.0",
        "allowed-tools": "Read Write",
        "metadata.author": "Ann",
        "metadata.version": "2",
    }
    export(library, tmp_path / "out", names=["tie_knots"])
    back = read_properties(tmp_path / "out/tie-knots")
    assert not validate(tmp_path / "out/tie-knots")
    assert (back.license, back.allowed_tools, back.metadata["author"]) == ("CC-BY-4.0", "Read Write", "Ann")
    other = fresh()
    assert take_in(other, tmp_path / "out").imported[0].skill == one.skill


def test_skills_in_words_live_beside_each_other(library: SkillLibrary, folder: FolderMaker) -> None:
    for name in ("a", "b", "c"):
        take_in(library, folder(name, body=f"Do {name}.\n"))
    assert [skill.name for skill in library.skills()] == ["a", "b", "c"] and not library.problems()


def test_the_ends_of_a_strangers_lines_are_no_part_of_the_skill(fresh: Fresh, folder: FolderMaker) -> None:
    unix = take_in(fresh(), folder(body="One.\nTwo.\n")).imported[0].skill
    path = folder()
    (path / "SKILL.md").write_bytes(b"---\r\nname: tie-knots\r\ndescription: How to tie knots.\r\n---\r\nOne.\r\nTwo.\r\n")
    assert take_in(fresh(), path).imported[0].skill.version_hash == unix.version_hash


def test_one_import_reports_on_every_folder(library: SkillLibrary, folder: FolderMaker) -> None:
    folder("good")
    folder("bad", head="name: bad\n")
    folder("worse", head="name: other\ndescription: Something.\n", body="Else.\n")
    (folder("good").parent / "README.md").write_text("No skill.", encoding="utf-8")
    taken = take_in(library, folder("good").parent)
    assert [one.place for one in taken.imported] == ["good"]
    assert {one.place: one.reason.partition(";")[0] for one in taken.refused} == {
        "bad": "SKILL.md has no description",
        "worse": "the folder is called 'worse' and the skill in it 'other'",
    }


def test_names_that_become_one_are_refused(library: SkillLibrary, folder: FolderMaker) -> None:
    folder("3d", body="One.\n")
    taken = take_in(library, folder("skill-3d", body="Two.\n").parent)
    assert not taken.imported and len(taken.refused) == 2 and not library.skills()


def test_a_text_under_another_name_is_refused_and_says_so(library: SkillLibrary, folder: FolderMaker) -> None:
    folder("one")
    taken = take_in(library, folder("two").parent)
    assert len(taken.imported) == 1 and "under the name 'one'" in taken.refused[0].reason


# --- Any skill --------------------------------------------------------------------------------------------------------

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z", "M")) | st.sampled_from(" -'\":#{}[]&*!|>%@`\n\t"), max_size=60
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    name=st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,80}|[αéñ中][a-z_]{0,9}", fullmatch=True),
    words=WORDS,
    text=st.none() | WORDS.filter(str.strip),
    code=st.booleans(),
)
def test_any_skill_makes_a_legal_folder_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, words: str, text: str | None, code: bool
) -> None:
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        name += "_"
    place = tmp_path_factory.mktemp("any")
    source = f"def {name}(way: Literal['up'] = 'up'):\n    'Do.'\n    return {words!r}\n"
    skill = Skill(
        name=name,
        description=words,
        program=Program.parse(source) if code or text is None else None,
        text=text,
        environment=words,
        contract=Contract(
            parameters=Program.parse(source).parameters,
            provides=(Provision(check="after.rope == way", parameters=("way",), arguments={"other": words}),),
        ),
        provenance=Provenance(writer=words, task="a --- b ------ c", frontmatter={"metadata.said": words}),
    )
    test = KeptTest(environment=words, seed=None, check="after.rope > 0", changes={words: (words, None)})
    with opened(place / "one") as one, opened(place / "two") as two:
        stored = one.quarantine(skill, tests=[test], proposer="test")
        export(one, place / "out", names=[name])
        (folder,) = (place / "out").iterdir()
        assert not validate(folder)
        taken = take_in(two, place / "out")
        assert not taken.refused and not taken.imported[0].left_out, taken
        assert two.get(name) == stored and identity(stored) == identity(skill) and two.tests(skill.code_hash) == (test,)
    shutil.rmtree(place)


def test_folder_names_are_legal_and_all_different() -> None:
    names = ["fetch", "Fetch", "fetch_", "fetch__it", "fetch_it", "ǅ", "größe", "中文", "f" * 300, "F" * 300, "_x", "a1", "A_1"]
    skills = [Skill(name=name, text=f"{name}.") for name in names]
    found = list(folder_names(skills).values())
    assert len({name.casefold() for name in found}) == len(names) and all(len(name) <= 64 for name in found)
    assert found[0] == "fetch" and "fetch-it" in found
