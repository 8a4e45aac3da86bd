"""The doctor finds what does not agree, and rebuilds only what is derived."""

import pytest

from skilllib.embedders import HashingEmbedder
from skilllib.library import ChromaIndex, SkillLibrary
from skilllib.records.execution import Trace


@pytest.fixture
def stocked(library, make):
    make.active(library, "fetch")
    make.active(library, "make_rope", calls=["fetch"])
    library.begin_run("run", {})
    library.begin_trace("t", run="run", trace=Trace(task=make.task))
    library.append_attempt("t", make.trace(make.program("fetch")).attempts[0])
    assert library.problems() == []
    return library


def execute(library, *statements):
    with library._database.writing() as connection:
        for trigger in ("ledger_no_update", "ledger_no_delete", "attempts_no_update"):
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        for statement in statements:
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
        ("DELETE FROM ledger WHERE number = 1", "ledger"),
        ("DELETE FROM ledger WHERE number = 4", "status"),
        ("UPDATE versions SET status = 'retired' WHERE name = 'fetch'", "status"),
        ("DELETE FROM tests", "tests"),
        ("DELETE FROM versions WHERE name = 'fetch'", "calls"),
        ("DELETE FROM calls", "calls"),
        ("UPDATE vectors SET vector = zeroblob(1024)", "vectors"),
        ("UPDATE vectors SET fingerprint = 'another'", "vectors"),
    ],
)
def test_what_was_tampered_with_is_found(stocked, statement, kind):
    execute(stocked, statement)
    assert kind in {problem.kind for problem in stocked.problems()}


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
