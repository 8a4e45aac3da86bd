"""A library of every released format opens, is brought up to date, and lost nothing."""

import sqlite3
from pathlib import Path

import pytest

from skilllib.embedders import HashingEmbedder
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


def test_every_format_before_the_present_one_is_held():
    assert [dump.stem for dump in DUMPS] == [f"format{number}" for number in range(1, migrations.FORMAT)]
