"""A library of every released format opens, is brought up to date, and lost nothing."""

import importlib
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from skilllib.embedders import HashingEmbedder
from skilllib.errors import LibraryDamaged
from skilllib.library import SkillLibrary, migrations

DUMPS = sorted(Path(__file__).with_name("formats").glob("format*.sql"))
ACTIVE = "beb476e912544d2b8677b920b5cf45b2aabe505edecb8f95c913231da0c824eb"
"""Fingerprint of the active skills when the dumps were made."""


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.stem)
def test_a_library_of_an_earlier_format_is_brought_up_to_date(dump, folder, make):
    folder.mkdir()
    with sqlite3.connect(folder / "library.db") as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    connection.close()
    for _ in range(2):
        with SkillLibrary.open(folder, embedder=HashingEmbedder(16), index="exact") as library:
            assert library.problems() == []
            assert library.fingerprint() == ACTIVE
            assert library.search("make rope", k=1)[0].skill.name == "make_rope"
            figures = library.statistics(library.get("fetch").code_hash)
            assert (figures.retrieved, figures.called, figures.solved, figures.tokens, figures.usd) == (3, 2, 1, 0, 0)
            assert library.notes("first") == {"state": {"a": [1, None]}} and library.attempt_count() == 1
    with SkillLibrary.open(folder, embedder=HashingEmbedder(16), index="exact") as library:
        make.active(library, "dig", calls=["fetch"])
        assert library.problems() == [] and len(library.ledger()) == 10
        with pytest.raises(Exception, match="append-only"), library._database.writing() as open_connection:
            open_connection.exec_driver_sql("DELETE FROM attempts")


@pytest.mark.postgres
@pytest.mark.xdist_group("servers")
@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.stem)
def test_on_a_server_too(dump, servers):
    place, number = servers(), int(dump.stem.removeprefix("format"))
    engine = sa.create_engine(place["path"].replace(":", "+psycopg:", 1))
    held = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with held.connect() as old:
        old.connection.driver_connection.executescript(dump.read_text(encoding="utf-8"))
        with engine.begin() as connection:
            migrations.upgrade(connection, number)
            schema = sa.MetaData()
            schema.reflect(connection)
            for table in schema.sorted_tables:
                if table.name != "alembic_version":
                    connection.execute(sa.text(f"ALTER TABLE {table.name} DISABLE TRIGGER USER"))
                    connection.execute(sa.delete(table))
                    columns = ", ".join(f'"{column.name}"' for column in table.columns)
                    rows = old.execute(sa.text(f"SELECT {columns} FROM {table.name}")).mappings().all()
                    if rows:
                        connection.execute(sa.insert(table), [dict(row) for row in rows])
                    connection.execute(sa.text(f"ALTER TABLE {table.name} ENABLE TRIGGER USER"))
    engine.dispose()
    for _ in range(2):
        with SkillLibrary.open(place["path"], embedder=HashingEmbedder(16), index="exact") as library:
            assert library.problems() == [] and library.fingerprint() == ACTIVE
            assert library.search("make rope", k=1)[0].skill.name == "make_rope"


def format_3(folder, *changes):
    folder.mkdir()
    with sqlite3.connect(folder / "library.db") as connection:
        connection.executescript(DUMPS[2].read_text(encoding="utf-8"))
        for change in changes:
            assert connection.execute(change).rowcount > 0
    connection.close()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE records SET seal = 'bad' WHERE version_hash LIKE '0a%'", "records 1: a value in"),
        (
            "UPDATE records SET version_hash = 'f' || version_hash WHERE version_hash LIKE '0a%'",
            "records -",
        ),
        (
            "UPDATE versions SET version_hash = 'f' || version_hash WHERE version_hash LIKE '0a%'",
            "versions 1: a value in",
        ),
        ("UPDATE records SET record = record || ' ' WHERE version_hash LIKE '0a%'", "records 1: a value in"),
    ],
)
def test_damage_is_carried_over_as_damage_and_no_record_is_lost(folder, change, found):
    format_3(folder, change)
    with sqlite3.connect(folder / "library.db") as connection:
        before = connection.execute("SELECT trim(record) FROM records ORDER BY record").fetchall()
    connection.close()
    with SkillLibrary.open(folder, embedder=HashingEmbedder(16), index="exact") as library:
        assert any(found in problem.message for problem in library.problems()), library.problems()
    with sqlite3.connect(folder / "library.db") as connection:
        assert connection.execute("SELECT trim(record) FROM records ORDER BY record").fetchall() == before
    connection.close()


def test_numbers_that_contradict_each_other_are_named_and_nothing_is_changed(folder):
    format_3(folder, "UPDATE versions SET sequence = 'first' WHERE sequence = 1")
    for _ in range(2):
        with pytest.raises(LibraryDamaged, match=r"cannot be brought from format 3 to 6.*left as it is"):
            SkillLibrary.open(folder)


def test_many_records_are_numbered(folder, monkeypatch):
    monkeypatch.setattr(importlib.import_module("skilllib.library.migrations.versions.v0004_numbered"), "_CHUNK", 1)
    format_3(folder)
    with SkillLibrary.open(folder, embedder=HashingEmbedder(16), index="exact") as library:
        assert library.problems() == []


def test_a_record_that_lies_under_another_number_is_never_found_as_that_skill(folder):
    format_3(folder)
    with SkillLibrary.open(folder, embedder=HashingEmbedder(16), index="exact") as library:
        assert library.search("make rope", k=1)
    with sqlite3.connect(folder / "library.db") as connection:
        connection.execute("UPDATE records SET sequence = -sequence")
        connection.execute("UPDATE records SET sequence = 1 + (1 - sequence) % 4")
    connection.close()
    with SkillLibrary.open(folder, embedder=HashingEmbedder(16), index="exact") as library:
        with pytest.raises(LibraryDamaged, match="is that of"):
            library.search("make rope", k=1)
        assert library.problems()


def test_every_format_before_the_present_one_is_held():
    assert [dump.stem for dump in DUMPS] == [f"format{number}" for number in range(1, migrations.FORMAT)]
