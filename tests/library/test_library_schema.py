"""The schema is what the migrations make, or the doctor says so; no flipped byte of the file changes in silence what is read."""

import contextlib
import random
import sqlite3

import pytest

from skilllib.embedders import HashingEmbedder
from skilllib.errors import SkillLibError
from skilllib.library import SkillLibrary
from skilllib.library.tables import metadata
from skilllib.records.execution import Trace

PAGE = 4096


@pytest.fixture
def stocked(library, make):
    for name in ("fetch", "swing"):
        make.active(library, name)
    make.active(library, "make_rope", calls=["fetch"])
    make.active(library, "fetch", salt="2")
    library.begin_run("run", {"seed": 7})
    library.note("run", "key", 7)
    library.begin_trace("t", run="run", trace=Trace(task=make.task))
    library.append_attempt("t", make.trace(make.program("fetch")).attempts[0])
    library.record_use("rope", library.search("rope"), called=["make_rope"], solved=True)
    assert library.problems() == []
    return library


def triggers(connection):
    """Return name → table of the triggers that are there."""
    if connection.dialect.name == "sqlite":
        return dict(connection.exec_driver_sql("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'").all())
    query = "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE NOT tgisinternal"
    return dict(connection.exec_driver_sql(query).all())


class Undone(Exception):
    """Takes a change back."""


def after(library, *statements):
    """Return what the doctor would say after some statements."""
    found = []
    with contextlib.suppress(Undone), library._database.writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        found = [problem.message for problem in library.problems() if problem.kind == "database" and not problem.repairable]
        raise Undone
    assert library.problems() == []
    return found


def test_every_trigger_that_is_gone_is_named_with_what_to_do(stocked):
    with stocked._database.reading() as connection:
        there, server = triggers(connection), connection.dialect.name != "sqlite"
    assert there.keys() >= {"ledger_no_update", "ledger_no_delete", "attempts_no_update", "attempts_no_delete"}
    for name, table in there.items():
        found = after(stocked, f"DROP TRIGGER {name}{f' ON {table}' if server else ''}")
        assert found == [f"the schema lacks the trigger '{name}' of '{table}'; restore a copy"]


def test_a_trigger_that_does_not_refuse_is_named(stocked):
    with stocked._database.reading() as connection:
        server = connection.dialect.name != "sqlite"
    if server:
        idle = "CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
        assert ["disabled" in one for one in after(stocked, "ALTER TABLE ledger DISABLE TRIGGER ledger_no_update")] == [True]
        assert ["replicas" in one for one in after(stocked, "ALTER TABLE ledger ENABLE REPLICA TRIGGER ledger_no_update")] == [True]
        assert ["RETURN NEW" in one for one in after(stocked, idle)] == [True] * 4
    else:
        idle = "CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT 1; END"
        (found,) = after(stocked, "DROP TRIGGER ledger_no_update", idle)
        assert "'ledger_no_update' of 'ledger' is" in found and "SELECT 1" in found and "restore a copy" in found


def test_what_no_migration_made_is_named(stocked, folder):
    (found,) = after(stocked, "CREATE TRIGGER eats BEFORE INSERT ON ledger BEGIN SELECT RAISE(IGNORE); END")
    assert "'eats' of 'ledger', which is not ours" in found


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("ledger_no_update", "BEFORE UPDATE", "BEFORE UPDATE OF hash"),
        ("ledger_no_delete", "BEFORE DELETE", "BEFORE INSERT"),
        ("attempts_no_update", "attempts is append-only", "attempts is append-onlx"),
        ("one_active_version", "'active'", "'activf'"),
        ("ledger", "change TEXT NOT NULL", "change TEXT"),
        ("attempts", "REFERENCES runs", "REFERENCES runt"),
    ],
)
def test_an_altered_statement_of_the_schema_is_found(stocked, folder, name, old, new):
    stocked.close()
    with sqlite3.connect(folder / "library.db") as connection:
        connection.execute("PRAGMA writable_schema = ON")
        change = "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = ?"
        assert connection.execute(change, (old, new, name)).rowcount == 1
    connection.close()
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library:
        assert any(repr(name) in problem.message and "restore a copy" in problem.message for problem in library.problems())


def test_analysing_the_file_is_no_damage(stocked, folder):
    stocked.close()
    with sqlite3.connect(folder / "library.db") as connection:
        connection.execute("ANALYZE")
    connection.close()
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library:
        assert library.problems() == []


@pytest.mark.parametrize("column", ["records.record", "records.digest", "versions.name", "versions.status", "ledger.change"])
@pytest.mark.parametrize("value", ["x'80'", "CAST(x'80' AS TEXT)", "0.5"])
def test_a_value_that_is_no_text_is_a_problem_and_no_crash(stocked, folder, column, value):
    table, name = column.split(".")
    with stocked._database.writing() as connection:
        for trigger in triggers(connection):
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        connection.exec_driver_sql(f"UPDATE {table} SET {name} = {value} WHERE rowid = 1")
    assert any("trigger" not in problem.message for problem in stocked.problems())


# ---- flipped bytes

UNREAD = {*range(18, 20), *range(24, 28), *range(40, 48), *range(56, 60), *range(92, 100)}
"""Bytes of the file's head that only writers look at, or that no two values of are told apart: versions of the format, counters of
changes and of the schema, encoding, the version that wrote last."""


def reading(folder):
    """Return all that can be read of a library, or what its doctor finds."""
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library:
        if problems := library.problems():
            return problems
        hits = [library.search(text, k=5) for text in ("fetch", "make rope", "swing", "carry it")]
        skills = library.skills()
        told = [hits, skills, library.ledger(), library.fingerprint(), library.notes("run")]
        told += [(library.tests(skill.code_hash), library.statistics(skill.code_hash)) for skill in skills]
        with library._database.reading() as connection:
            told += [sorted(map(repr, connection.execute(table.select()))) for table in metadata.sorted_tables]
        return repr(told)


def pages(whole, root):
    """Return the pages of the tree that has this root."""
    start = (root - 1) * PAGE
    head, found = start or 100, {root}
    if whole[head] in (2, 5):  # its cells begin with the number of the page below; the last one is in the head
        count = int.from_bytes(whole[head + 3 : head + 5], "big")
        cells = [int.from_bytes(whole[head + 12 + 2 * n : head + 14 + 2 * n], "big") for n in range(count)]
        for at in (*(start + cell for cell in cells), head + 8):
            found |= pages(whole, int.from_bytes(whole[at : at + 4], "big"))
    return found


def unused(whole, at):
    """Return whether a byte of a page lies between the pointers to its cells and the cells, or in a hole between cells."""
    start = at // PAGE * PAGE
    head = start or 100
    count, cells = (int.from_bytes(whole[head + n : head + n + 2], "big") for n in (3, 5))
    hole, holes = int.from_bytes(whole[head + 1 : head + 3], "big"), set()
    while hole:
        size = int.from_bytes(whole[start + hole + 2 : start + hole + 4], "big")
        holes |= set(range(start + hole, start + hole + size))
        hole = int.from_bytes(whole[start + hole : start + hole + 2], "big")
    return head + (12 if whole[head] in (2, 5) else 8) + 2 * count <= at < start + cells or at in holes


def numbers(whole):
    """Return where the numbers stand under which the rows of the schema lie; no index refers to them."""
    found = set()
    for start in ((page - 1) * PAGE for page in pages(whole, 1)):
        head = start or 100
        if whole[head] == 13:
            for n in range(int.from_bytes(whole[head + 3 : head + 5], "big")):
                at = start + int.from_bytes(whole[head + 8 + 2 * n : head + 10 + 2 * n], "big")
                while whole[at] & 0x80:  # the length of the row, whose last byte has not this bit
                    at += 1
                found.add(at + 1)
    return found


def may_go_unseen(whole, at, words, changed):
    """Return whether a flipped byte changes nothing that is read, and why."""
    spaces = b" \n\t\r\x0b\x0c\"'`"
    return (
        (at in UNREAD and "the file's head")
        or (at >= 100 and unused(whole, at) and "unused")
        or (at in numbers(whole) and "the number of a row of the schema")
        or (at // PAGE + 1 in words and "superseded entries of the index of words")
        or (whole[at] in spaces and changed in spaces and "spaces and quotes of a table's statement")
    )


@pytest.mark.parametrize("count", [40, pytest.param(300, marks=pytest.mark.slow), pytest.param(1000, marks=pytest.mark.slow)])
def test_no_flipped_byte_changes_in_silence_what_is_read(stocked, folder, tmp_path, count):
    stocked.search("fetch")
    stocked.close()
    whole = (folder / "library.db").read_bytes()
    with sqlite3.connect(folder / "library.db") as connection:
        roots = connection.execute("SELECT rootpage FROM sqlite_master WHERE name IN ('words_data', 'words_idx', 'words_config')")
        words = set().union(*(pages(whole, root) for (root,) in roots))
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,), "no page lies idle"
    connection.close()
    sound = reading(folder)
    assert isinstance(sound, str)
    chance, places = random.Random(count), [at for at, byte in enumerate(whole) if byte]
    copy = tmp_path / "copy"
    copy.mkdir()
    unseen = []
    for _ in range(count):
        at, changed = chance.choice(places), bytearray(whole)
        changed[at] ^= chance.choice([chance.randrange(1, 256), 1 << chance.randrange(8)])
        for leftover in copy.iterdir():
            leftover.unlink()
        (copy / "library.db").write_bytes(changed)
        try:
            found = reading(copy)
        except SkillLibError:
            continue
        if isinstance(found, str):
            assert found == sound, f"byte {at} became {changed[at]} and something else is read"
            unseen.append(may_go_unseen(whole, at, words, changed[at]))
            assert unseen[-1], f"byte {at} became {changed[at]} and nobody says so: {bytes(whole[at - 20 : at + 20])!r}"
    assert len(unseen) <= count / 20, unseen
