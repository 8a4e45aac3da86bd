"""A folder is a library of ours, or becomes one when asked, or is left alone."""

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from skilllib.embedders import HashingEmbedder
from skilllib.errors import (
    ForeignLibrary,
    InvalidRecord,
    LibraryDamaged,
    LibraryError,
    LibraryNotFound,
    NewerLibrary,
    StorageFailed,
)
from skilllib.library import SkillLibrary, database, migrations
from skilllib.library.place import located
from skilllib.library.tables import metadata


def test_a_missing_or_empty_folder_becomes_a_library_only_when_asked(folder):
    for _ in range(2):
        with pytest.raises(LibraryNotFound, match=f"skilllib learn ENV --library {folder}"):
            SkillLibrary.open(folder)
        assert not (folder / "library.db").exists()
        folder.mkdir(exist_ok=True)
    SkillLibrary.open(folder, create=True).close()
    SkillLibrary.open(folder).close()
    SkillLibrary.open(folder, create=True).close()


def test_what_was_written_is_there_after_opening_again(library, folder, make):
    skill = make.active(library, "fetch")
    library.close()
    library.close()
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as again:
        assert again.skills() == (skill,)
        assert [hit.skill.name for hit in again.search("fetch")] == ["fetch"]
    with pytest.raises(LibraryError, match="closed"):
        library.count(skill.code_hash, called=1)


def test_a_folder_or_file_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    for path in (tmp_path, tmp_path / "notes.txt"):
        for create in (False, True):
            with pytest.raises(ForeignLibrary):
                SkillLibrary.open(path, create=create)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["notes.txt", "sub"]


@pytest.mark.parametrize("schema", ["CREATE TABLE songs (name)", "CREATE TABLE meta (key, value)", "CREATE TABLE meta (songs)"])
def test_a_database_of_another_program_is_left_alone(folder, schema):
    folder.mkdir()
    with sqlite3.connect(folder / "library.db") as connection:
        connection.execute(schema)
    connection.close()
    for create in (False, True):
        with pytest.raises(ForeignLibrary):
            SkillLibrary.open(folder, create=create)


def test_a_file_that_is_no_database_is_left_alone(folder):
    folder.mkdir()
    (folder / "library.db").write_bytes(b"This is not a database, it is a letter. " * 50)
    with pytest.raises(ForeignLibrary):
        SkillLibrary.open(folder, create=True)


def test_a_library_of_a_newer_format_is_not_touched(library, folder):
    library.close()
    with sqlite3.connect(folder / "library.db") as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    connection.close()
    with pytest.raises(NewerLibrary, match="99"):
        SkillLibrary.open(folder, create=True)


def test_an_interrupted_making_leaves_nothing_half(folder, monkeypatch):
    def fail(connection):
        connection.exec_driver_sql("CREATE TABLE half (a)")
        raise KeyboardInterrupt

    monkeypatch.setattr(database, "upgrade", fail)
    with pytest.raises(KeyboardInterrupt):
        SkillLibrary.open(folder, create=True)
    monkeypatch.undo()
    with pytest.raises(LibraryNotFound, match="interrupted"):
        SkillLibrary.open(folder)
    with SkillLibrary.open(folder, create=True) as library, library._database.reading() as connection:
        assert "half" not in sa.inspect(connection).get_table_names()


def test_the_migrations_make_the_tables_we_use(library):
    with library._database.reading() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    own = re.compile(r"alembic_version|word_places|words(_\w+)?|lexicon_words")  # of alembic and of the full text search
    assert [one for one in found if not own.fullmatch(one[1].name if isinstance(one, tuple) else "")] == []
    assert len(list((Path(migrations.__file__).parent / "versions").glob("v*.py"))) == migrations.FORMAT


def test_a_damaged_file_is_named_as_such(library, folder, make):
    make.active(library, "fetch")
    library.close()
    content = bytearray((folder / "library.db").read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    (folder / "library.db").write_bytes(content)
    with pytest.raises((LibraryDamaged, StorageFailed)):
        SkillLibrary.open(folder).skills()


def test_a_path_with_odd_characters_is_a_path(tmp_path):
    path = tmp_path / "a b?c#d%20é&mode=memory"
    SkillLibrary.open(path, create=True).close()
    assert (path / "library.db").is_file()


@pytest.mark.parametrize("path", ["C:/a", "C:a", "a:b", "skills:new/a", "./mysql://x", "mysql:", "mysql:/x", "//host/a"])
def test_a_colon_makes_no_address_of_a_path(path):
    assert located(path) == Path(path)


@pytest.mark.parametrize(
    "address",
    ["mysql://me:secret@x/y", "MySQL+pymysql://x", "sqlite:///a.db", "file:///a", "http://x:8000", "s3://b/k", "redis://"],
)
def test_an_address_of_another_kind_is_no_path_and_its_password_is_not_told(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for create in (False, True):
        with pytest.raises(StorageFailed, match=r"path of a folder, or postgresql://USER@HOST/NAME") as caught:
            SkillLibrary.open(address, create=create)
        assert "secret" not in str(caught.value)
    with pytest.raises(StorageFailed, match="postgresql://USER@HOST/NAME"):
        SkillLibrary.open(sa.make_url("mysql://me:secret@x/y"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", ["zzz", "", "EXACT", None, 3, [], object()])
def test_what_is_no_index_is_refused_before_anything_is_made(folder, wrong):
    with pytest.raises(InvalidRecord, match=r"is no index; choose 'auto', 'exact', 'hnsw', 'chroma'"):
        SkillLibrary.open(folder, create=True, index=wrong)
    assert not folder.exists()


def test_what_is_no_policy_is_refused_before_anything_is_made(folder):
    with pytest.raises(InvalidRecord, match="'zzz' is no policy; choose 'evidence' or 'opinion'"):
        SkillLibrary.open(folder, create=True, policy="zzz")
    assert not folder.exists()


def test_nothing_can_be_asked_of_a_closed_library(library, folder, make):
    skill = make.active(library, "fetch")
    assert library.search("fetch")
    library.close()
    questions = [
        lambda: library.get("fetch"),
        lambda: library.search("fetch"),
        lambda: library.retrieve("fetch", k=1),
        lambda: library.call("fetch"),
        library.skills,
        library.ledger,
        library.problems,
        library.repair,
        lambda: library.statistics(skill.code_hash),
        lambda: library.revoke("fetch", "it is closed"),
        lambda: make.active(library, "carry"),
    ]
    for question in questions:
        with pytest.raises(LibraryError, match=re.escape(f"the library {folder} was closed; open it again")):
            question()
    with SkillLibrary.open(folder) as again:
        assert again.skills() == (skill,)


def test_importing_and_opening_a_library_loads_nothing_heavy(folder):
    code = (
        "import sys; from skilllib.library import SkillLibrary; import skilllib.embedders\n"
        "heavy = {'torch', 'chromadb', 'networkx', 'scipy', 'sentence_transformers', 'transformers', 'alembic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        f"SkillLibrary.open({str(folder)!r}, create=True).close()\n"
        "heavy -= {'alembic'}\n"
        "library = SkillLibrary.open({0!r}); library.skills(); library.ledger(); library.close()\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    ).replace("{0!r}", repr(str(folder)))
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_state_of_a_database_is_another_one_after_every_commit_and_only_then(library, folder, make):
    database = library._database
    before = database.state()
    assert before is not None and database.state() == before, "reading changes nothing"
    make.active(library, "fetch")
    own = database.state()
    assert own != before, "a commit of our own"
    with SkillLibrary.open(folder) as other:
        make.active(other, "carry")
    assert database.state() != own, "a commit of somebody else's"
    with database.writing():
        assert database.state() is None, "what is not committed yet nobody else can know"


def test_a_search_from_the_shell_imports_nothing_that_it_does_not_need(library, folder, make):
    make.active(library, "fetch")
    library.close()
    code = (
        "import sys; from skilllib.cli.opening import chosen, reading\n"
        "with reading({0!r}, 'hashing', finds=True) as found: assert found.search('fetch')\n"
        "heavy = {'torch', 'chromadb', 'scipy', 'httpx', 'huggingface_hub', 'skilllib.agent', 'skilllib.build.assembly'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    ).replace("{0!r}", repr(str(folder)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
