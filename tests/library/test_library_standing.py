"""A look-up gives the version that counts, of the status that was asked for, and never one skill for another."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from shelf import YARD, calling, names, put, same, skill

from skilllib.embedders import HashingEmbedder
from skilllib.errors import LibraryDamaged
from skilllib.library import SkillLibrary, lexical
from skilllib.records.query import Query


def versions(hits):
    return [(hit.skill.name, hit.skill.version, hit.skill.status) for hit in hits]


def test_of_versions_that_differ_in_their_text_the_one_that_counts_is_found(library, make):
    make.active(library, "make_rope")
    new = library.reword("make_rope", "Twist it slowly.")
    assert versions(library.search("make rope")) == [("make_rope", 1, "active")]
    assert versions(library.search("make rope", status="trial")) == [("make_rope", 2, "trial")]
    assert versions(library.search("make rope", status="any")) == [("make_rope", 1, "active")]
    make.activate(library, new)
    for status, found in {"active": 2, "any": 2, "retired": 1}.items():
        (hit,) = library.search("make rope", status=status)
        assert hit.skill == library.get(f"make_rope@{found}") and hit.skill.text == (None, "Twist it slowly.")[found - 1]
        assert hit.why.words == ("mak", "rop")
    assert library.search("make rope", status="trial") == []
    library.rollback("make_rope", 1, replay=make.replay)
    assert versions(library.search("make rope")) == [("make_rope", 1, "active")]
    assert versions(library.search("make rope", status="retired")) == [("make_rope", 2, "retired")]


def test_records_are_read_by_the_numbers_that_the_words_are_kept_under(library, make):
    put(library, *YARD)
    make.active(library, "make_raft")
    make.activate(library, library.reword("make_raft", "Tie logs."))
    pool = library._pool_of(Query(text=""))
    numbers = pool.versions(pool.keys)
    with library._database.reading() as connection:
        stored = dict(
            map(tuple, connection.execute(sa.text("SELECT sequence, version_hash FROM versions WHERE status = 'active'")))
        )
    assert {stored[number] for number in numbers} == {one.version_hash for one in library.skills("active")}
    assert pool.versions([*pool.keys, "unknown"]) is None, "where one has no number, all go by their code hashes"


@pytest.mark.parametrize("query", ["rope", "", "fetch water climb sing"])
def test_every_status_can_be_asked_for(library, make, query):
    for name in ("make_rope", "fetch_water", "climb_tree", "sing_song"):
        make.active(library, name)
    make.trial(library, make.program("swim_ashore"))
    make.active(library, "make_rope", salt="2")
    library.commit(make.change("retire", library.get("climb_tree")), make.promote)
    library.revoke("sing_song", "too loud")
    standing = {
        "active": {("make_rope", 2), ("fetch_water", 1)},
        "trial": {("swim_ashore", 1)},
        "retired": {("make_rope", 1), ("climb_tree", 1)},
        "revoked": {("sing_song", 1)},
    }
    for status, expected in {**standing, "any": set.union(*standing.values())}.items():
        found = library.retrieve(Query(text=query, status=status), k=20)
        assert {(hit.skill.name, hit.skill.version) for hit in found} == expected
        assert {hit.skill.status for hit in found} == ({status} if status != "any" else set(standing))
        different = library.search(query, k=20, status=status)
        assert {name for hit in different for name in (hit.skill.name, *hit.why.also)} == {name for name, _ in expected}
    assert library.search(query, status="trial", environment="moon") == []


def test_what_became_active_without_its_words_is_found_while_another_process_writes(place, make, monkeypatch):
    with (
        SkillLibrary.open(create=True, embedder=HashingEmbedder(), **place) as writer,
        SkillLibrary.open(embedder=HashingEmbedder(), **place) as reader,
    ):
        put(writer, *YARD)
        make.active(writer, "make_raft")
        assert reader._pool_of(Query(text="")).numbers is not None
        with monkeypatch.context() as patch:
            patch.setattr(lexical, "follow", lambda *_, **__: None)
            put(writer, skill("swim_ashore", "Swim ashore.", capabilities=["walk"], tags="wet", environment="pond"))
            make.activate(writer, writer.reword("make_raft", "Tie logs."))
            writer.commit(make.change("retire", writer.get("sing_song")), make.promote)
        with writer.writing("something that takes long"):
            (hit,) = reader.search("swim ashore", k=1)
            assert hit.skill.name == "swim_ashore" and hit.why.words == () and hit.why.lexical == 0
            assert versions(reader.search("make raft", k=1)) == [("make_raft", 2, "active")]
            assert "sing_song" not in names(reader.search("sing a song", k=20))
            assert reader._pool_of(Query(text="")).numbers is None
            for about in ({"environment": "pond"}, {"tag": "wet"}, {"capability": "walk"}):
                assert names(reader.search("swim ashore", k=20, **about))[0] == "swim_ashore"
        (hit,) = reader.search("swim ashore", k=1)
        assert hit.why.words == ("swim", "ashor"), "nobody writes any more, so the words are taken in"
        assert names(reader.search("swim ashore", tag="wet")) == ["swim_ashore"]
        assert reader._pool_of(Query(text="")).numbers is not None
        assert same(reader.retrieve("make raft", k=9), writer.retrieve("make raft", k=9))


def test_a_record_that_lies_under_the_number_of_another_is_refused_and_never_shown(library):
    put(library, skill("make_rope", "Twist."), skill("fetch_water", "Carry."))
    assert names(library.search("make rope", k=1)) == ["make_rope"]
    with library._database.writing() as connection:
        for swap in ("-sequence", "3 + sequence"):
            connection.exec_driver_sql(f"UPDATE records SET sequence = {swap}")
    for status in ("active", "any"):
        for ask in (library.search, library.retrieve):
            with pytest.raises(LibraryDamaged):
                ask(Query(text="make rope", status=status), k=1)
    assert library.problems()


def test_a_number_that_leads_to_a_version_of_another_code_shows_nothing_else(library):
    put(library, skill("make_rope", "Twist."), skill("fetch_water", "Carry."))
    with library._database.writing() as connection:
        for swap in ("-number", "3 + number"):
            connection.exec_driver_sql(f"UPDATE lexicon SET number = {swap}")
    for question, name in (("make rope", "make_rope"), ("fetch water", "fetch_water")):
        found = library.retrieve(question, k=2)
        assert all(hit.skill.code_hash == library.get(hit.skill.name).code_hash for hit in found)
        (meant,) = [hit for hit in found if hit.skill.name == name]
        assert meant.why.cosine == max(hit.why.cosine for hit in found)


def test_what_is_asked_of_many_states_is_not_all_remembered(library, make):
    put(library, *YARD)
    for number in range(25):
        make.trial(library, make.program(f"try_{number}"))
        assert len(library.retrieve(Query(text="try", status="trial"), k=50)) == number + 1
        library.search("try", tag=f"tag{number}")
    assert len(library._pools._kept) < 20


def test_a_caller_that_follows_its_callee_is_found_as_its_new_version(library, make):
    (water,) = put(library, YARD[1])
    put(library, calling("boil_soup", water))
    new = library.quarantine(skill("fetch_water", "Carry two buckets."), proposer="test")
    make.activate(library, new)
    assert versions(library.search("boil soup", k=1)) == [("boil_soup", 2, "active")]
    assert versions(library.search("fetch water", k=1)) == [("fetch_water", 2, "active")]
    closure = library.closure([library.search("boil soup", k=1)[0].skill.code_hash])
    assert [(one.name, one.version) for one in closure] == [("fetch_water", 2), ("boil_soup", 2)]
