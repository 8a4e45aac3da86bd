"""The doctor finds what does not agree, and rebuilds only what is derived."""

import contextlib
import random
import struct

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from skilllib.embedders import HashingEmbedder
from skilllib.library import ChromaIndex, SkillLibrary
from skilllib.library.tables import metadata
from skilllib.records.execution import Trace

GUARDED = ("ledger", "attempts")


@pytest.fixture
def stocked(library, make):
    make.active(library, "fetch")
    make.active(library, "make_rope", calls=["fetch"])
    library.begin_run("run", {"seed": 7})
    library.note("run", "key", 7)
    library.begin_trace("t", run="run", trace=Trace(task=make.task))
    library.append_attempt("t", make.trace(make.program("fetch")).attempts[0])
    assert library.problems() == []
    return library


def execute(library, *statements):
    with library._database.writing() as connection, unprotected(connection):
        for statement in statements:
            connection.exec_driver_sql(statement)


@contextlib.contextmanager
def unprotected(connection):
    """Let changes through that the triggers would refuse."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB '*_no_*'"
        triggers = dict(connection.exec_driver_sql(query).all())
        before, after = [f"DROP TRIGGER {name}" for name in triggers], triggers.values()
    else:
        before, after = ([f"ALTER TABLE {name} {how} TRIGGER USER" for name in GUARDED] for how in ("DISABLE", "ENABLE"))
    for statement in before:
        connection.exec_driver_sql(statement)
    yield
    for statement in after:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE records SET record = replace(record, 'Fetch', 'Retch')", "record"),
        ("UPDATE versions SET name = 'snatch' WHERE name = 'fetch'", "record"),
        ("UPDATE versions SET code_hash = replace(code_hash, 'a', 'b') WHERE name = 'make_rope'", "record"),
        ("UPDATE tests SET record = replace(record, '>= 1', '>= 0')", "record"),
        ("UPDATE effects SET record = replace(record, 'rope', 'hope')", "record"),
        ("UPDATE traces SET record = replace(record, 'rope', 'hope')", "record"),
        ("UPDATE attempts SET record = replace(record, 'true', 'false')", "record"),
        ("UPDATE ledger SET decision = replace(decision, 'proven', 'proved') WHERE number = 2", "ledger"),
        ("UPDATE ledger SET change = '{'", "ledger"),
        ("UPDATE ledger SET created_at = '1970-01-01'", "record"),
        ("UPDATE statistics SET successes = successes + 1", "record"),
        ("UPDATE notes SET value = replace(value, '7', '8')", "record"),
        ("UPDATE runs SET options = '{}'", "record"),
        ("UPDATE meta SET value = '3' WHERE key = 'findable'", "record"),
        ("UPDATE alembic_version SET version_num = '0001'", "database"),
        ("DELETE FROM ledger WHERE number = 1", "ledger"),
        ("DELETE FROM ledger WHERE number = 4", "status"),
        ("UPDATE versions SET status = 'retired' WHERE name = 'fetch'", "status"),
        ("DELETE FROM tests", "tests"),
        ("DELETE FROM versions WHERE name = 'fetch'", "calls"),
        ("DELETE FROM calls", "calls"),
        ("UPDATE vectors SET digest = replace(digest, 'a', 'b')", "vectors"),
        ("UPDATE vectors SET fingerprint = 'another'", "vectors"),
    ],
)
def test_what_was_tampered_with_is_found(stocked, statement, kind):
    execute(stocked, statement)
    assert kind in {problem.kind for problem in stocked.problems()}


class Undone(Exception):
    """Takes a mutation back."""


def mutate(stocked, chance):
    """Flip one bit of one stored value, examine the library, and take it back; return what was flipped and what was found."""
    found = ["the database refuses it"]
    with contextlib.suppress(Undone, IntegrityError), stocked._database.writing() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        table = chance.choice([table for table in metadata.sorted_tables if connection.execute(sa.select(table)).first()])
        row = chance.choice(connection.execute(sa.select(table)).mappings().all())
        column = chance.choice([column for column in table.columns if row[column.name] != ""])
        key = [own == row[own.name] for own in table.primary_key.columns]
        flipped = flip(row[column.name], chance)
        with unprotected(connection):
            connection.execute(sa.update(table).where(*key).values({column.name: flipped}))
        found = stocked.problems()
        raise Undone
    return (table.name, column.name, row[column.name], flipped), found


DERIVED = {
    "uses": {"code_hash": "a" * 64, "trace": "t"},
    "rejections": {"content": "b" * 64, "number": 1},
    "aliases": {"name": "cord", "skill": "make_rope"},
    "resources": {"version_hash": "c" * 64, "path": "more.md", "data": b"more", "digest": "d" * 64},
    "outbox": {"number": 1, "kind": "compile", "payload": "{}", "state": "open", "created_at": "2026"},
}


def flip(value, chance):
    if isinstance(value, int):
        return value ^ (1 << chance.randrange(16))
    if isinstance(value, float):
        return struct.unpack("d", flip(struct.pack("d", value), chance))[0] or 1.0
    if isinstance(value, bytes):
        at = chance.randrange(len(value))
        return value[:at] + bytes([value[at] ^ (1 << chance.randrange(8))]) + value[at + 1 :]
    at = chance.randrange(len(value))  # what is a character stays one, so that the database takes it
    return value[:at] + chr(ord(value[at]) ^ (1 << chance.randrange(5))) + value[at + 1 :]


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_every_flipped_bit_of_every_value_in_every_table_is_found(stocked, count):
    stocked.search("rope")
    stocked.record_use("rope", stocked.search("rope"), called=["make_rope"], solved=True)
    with stocked._database.writing() as connection:
        for name, row in DERIVED.items():
            connection.execute(sa.insert(metadata.tables[name]), row)
        empty = [table.name for table in metadata.sorted_tables if not connection.execute(sa.select(table)).first()]
        assert empty == []
    assert stocked.problems() == []
    chance = random.Random(count)
    for _ in range(count):
        what, found = mutate(stocked, chance)
        assert found, what
    assert stocked.problems() == []


def test_a_flipped_byte_in_the_file_is_found_wherever_a_record_is(stocked, folder):
    stocked.close()
    file = folder / "library.db"
    whole = file.read_bytes()
    for needle in (b"as recorded", b"inventory.rope", b'"seed":1', b"walk("):
        changed = bytearray(whole)
        changed[whole.index(needle) + 3] ^= 1
        file.write_bytes(changed)
        with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library:
            assert library.problems(), needle
    file.write_bytes(whole)


def test_an_active_skill_on_a_revoked_one_is_found(stocked, make):
    stocked.commit(make.change("revoke", stocked.get("fetch")), make.promote)
    assert stocked.problems() == []
    execute(stocked, "UPDATE versions SET status = 'active' WHERE name = 'make_rope'")
    assert {problem.kind for problem in stocked.problems()} >= {"status", "calls"}


def test_repair_rebuilds_vectors_and_index_and_leaves_the_rest(folder, make):
    with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="chroma") as library:
        make.active(library, "fetch")
        make.active(library, "make_rope")
        hits = library.search("rope")
        with library._database.writing() as connection:
            connection.exec_driver_sql("UPDATE vectors SET vector = zeroblob(1024)")
        library._findable.close()
        index = ChromaIndex(folder / "index")
        index.drop([library.get("fetch").code_hash])
        index.close()
        found = library.problems()
        assert {problem.kind for problem in found} == {"vectors", "index"} and all(problem.repairable for problem in found)
        assert library.repair() == []
        assert library.search("rope") == hits
        assert library.problems() == []


@pytest.mark.parametrize("key", ["calibration", "lexicon", "findable"])
@pytest.mark.parametrize("value", ["", "nothing", "-7 x", "{}", '{"fits": "high"}', "9" * 30])
def test_a_damaged_value_about_what_is_derived_keeps_nobody_from_searching(library, make, key, value):
    for name in ("rope", "raft"):
        make.active(library, f"make_{name}")
    assert library.search("make rope")
    with library._database.writing() as connection:
        meta = metadata.tables["meta"]
        connection.execute(sa.update(meta).where(meta.c.key == key).values(value=value))
    library._bounds = library._pools = None
    assert {hit.skill.name for hit in library.search("make rope")} <= {"make_rope", "make_raft"}
    found = [problem.message for problem in library.problems()]
    assert any("meta findable" in message for message in found) if key == "findable" else found == [], "what can be is made anew"
