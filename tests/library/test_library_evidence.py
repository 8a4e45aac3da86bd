"""What skills were shown to do is known from their tests and runs, and kept up to date with the library."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from maker import Maker
from shelf import clearly_more, kept, names, prove, skill

from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary, evidence, tables
from skilllib.library.text import evident
from skilllib.records.execution import Trial
from skilllib.records.query import Query
from skilllib.records.skill import Effect, Skill

MAKE = Maker()


# ---- what was shown, in words and as a vector


def effect(fact, *, n=2, changed=2, raised=2, value=None):
    return Effect(fact=fact, n=n, changed=changed, raised=raised, value=value)


@pytest.mark.parametrize(
    ("check", "effects", "expected"),
    [
        (
            "after.achievements.collect_wood > before.achievements.collect_wood",
            ["achievements.collect_wood"],
            "achievements collect wood",
        ),
        ("after.inventory.wood >= amount", ["inventory.wood", "step"], "inventory wood"),
        ("after.inventory.wood >= 1 and after.inventory.gold >= 0", ["inventory.wood"], "inventory wood"),
        ("after.step > before.step and 'make a rope' != after.facing", ["step"], "step"),
        ("after.step > before.step + make_a_rope * 0", ["step"], "step"),
        ("after.inventory.rope < 1", [effect("inventory.rope", raised=0, value=0)], "no inventory rope"),
        ("after.dark == False", [effect("dark", raised=0, value=False)], "no dark"),
        ("after.facing == 'table'", [effect("facing", raised=0, value="table")], "facing table"),
        ("after.inventory.wood >= 1", [effect("inventory.wood", n=5, changed=2)], ""),
        ("after.inventory.wood >= 1", ["step"], ""),
        ("not a check(", ["step"], ""),
        ("after.undeclared >= amount + other", ["undeclared"], ""),
    ],
)
def test_what_is_evident_is_what_kept_tests_check_and_runs_changed(check, effects, expected):
    measured = [effect(one) if isinstance(one, str) else one for one in effects]
    arguments = {name: 1 for name in ("amount", "make_a_rope") if name in check}
    assert evident([kept(check, **arguments), kept(check, seed=2, **arguments)], measured) == expected


def test_what_was_not_expected_shows_nothing_and_what_is_said_has_an_end():
    assert evident([kept("after.gold >= 1", expected=False)], [effect("gold")]) == "" == evident([], [effect("gold")])
    facts = [f"fact{number}" for number in range(50)]
    assert evident([kept(f"after.{fact} >= 1") for fact in facts], map(effect, facts)).count(";") == 7


vectors = st.integers(1, 400).flatmap(
    lambda d: st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).normal(size=d).astype(np.float32))
)


def cosine(query, *written):
    rows = np.stack([np.frombuffer(one, dtype=np.int8) for one in written])
    return evidence.cosines(query, rows).tolist()


@given(vectors, st.integers(0, 2**32 - 1))
def test_a_byte_a_component_moves_a_cosine_by_less_than_a_hundredth(vector, seed):
    query = np.random.default_rng(seed).normal(size=len(vector)).astype(np.float32)
    query /= np.linalg.norm(query)
    (found,) = cosine(query, evidence.written(vector))
    assert found == pytest.approx(float(query @ vector / np.linalg.norm(vector)), abs=0.01)


def test_in_384_dimensions_it_is_moved_by_less_than_half_of_that():
    draw = np.random.default_rng(1)
    rows, query = draw.normal(size=(2, 500, 384)).astype(np.float32)
    rows, query = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (rows, query))
    found = [cosine(one, evidence.written(row))[0] for row, one in zip(rows, query, strict=True)]
    assert np.abs(np.array(found) - np.einsum("nd,nd->n", rows, query)).max() < 0.005


def test_a_vector_of_nothing_is_like_nothing():
    assert cosine(np.array([1, 0, 0], dtype=np.float32), evidence.written(np.zeros(3, dtype=np.float32)), bytes(3)) == [0.0, 0.0]


# ---- kept with the library


ROPE = "inventory rope"


def test_whose_evidence_says_more_is_said_with_each_hit(library):
    prove(library, skill("twist", "Three fibres."), "after.inventory.rope >= 1")
    prove(library, skill("hum", ROPE), "after.song.sung == True")
    first, second = library.search(ROPE)
    assert (first.skill.name, first.why.evidence, first.why.behind) == ("twist", pytest.approx(1, abs=0.01), "")
    assert (second.skill.name, second.why.behind) == ("hum", "twist") and second.why.evidence < 0.5
    assert second.score == first.score and second.why.cosine > first.why.cosine


def said_of(library, name):
    return next(hit.why.evidence for hit in library.retrieve(ROPE, k=99) if hit.skill.name == name)


def test_what_a_new_proof_shows_counts_from_then_on_in_every_process(place):
    with (
        SkillLibrary.open(create=True, embedder=HashingEmbedder(), **place) as library,
        SkillLibrary.open(embedder=HashingEmbedder(), **place) as other,
    ):
        one = prove(library, skill("twist", "Three fibres."), "after.song.sung == True")
        prove(library, skill("hum", "A song."), "after.lamp.lit == True")
        assert said_of(library, "twist") < 0.5 and said_of(other, "twist") < 0.5
        library.commit(MAKE.change("retire", one), MAKE.promote)
        task = MAKE.task.model_copy(update={"environment": one.environment})
        changes = {"inventory.rope": (0, 1)}
        rope = MAKE.proof(task=task, trials=[Trial(seed=9, solved=True, changes=changes)])
        library.commit(MAKE.change("activate", one), MAKE.promote, proof=rope)
        assert said_of(library, "twist") > 0.5 and said_of(other, "twist") > 0.5
        assert said_of(library, "hum") == said_of(other, "hum") < 0.5


def test_the_evidence_in_memory_is_that_of_the_library_after_any_changes(library):
    chance, facts, active = random.Random(5), ["rope", "water", "lamp", "stone"], {}
    for step in range(30):
        if active and chance.random() < 0.4:
            library.commit(MAKE.change("retire", active.pop(chance.choice(sorted(active)))), MAKE.promote)
        else:
            fact = chance.choice(facts)
            active[f"skill_{step}"] = prove(library, skill(f"skill_{step}", f"Errand {step}."), f"after.inventory.{fact} >= {step}")
        fresh = evidence.Evidence(library._database, library._findable, library._lock)
        pool = library._pool_of(Query(text=""))
        vector = library._findable.embedder.embed([ROPE])[0]
        stamp = library._findable.stamp()
        whole = fresh.of(stamp, pool.keys, pool.numbers)(vector, range(len(pool.keys)))
        assert pool.likeness(vector, pool.keys) == whole and len(whole) == len(active)


def test_what_is_on_trial_was_shown_nothing_whatever_tests_it_came_with(library):
    prove(library, skill("twist", "Three fibres."), "after.inventory.rope >= 1")
    library.load([(skill("hum", ROPE), [kept("after.inventory.rope >= 1")])], proposer="test")
    (trial,) = library.search(ROPE, status="trial")
    assert trial.skill.name == "hum" and trial.why.evidence == 0.0
    first, second = library.search(ROPE, status="any")
    assert (first.skill.name, second.skill.name, second.why.behind) == ("twist", "hum", "twist")


def test_tests_that_nobody_ran_here_show_nothing(library):
    lie = skill("hum", "A song.")
    library.load([(lie, [kept("after.inventory.rope >= 1")])], proposer="test")
    task = MAKE.task.model_copy(update={"environment": lie.environment, "check": "after.song.sung == True"})
    trials = [Trial(seed=1, solved=True, changes={"song.sung": (False, True)})]
    library.commit(MAKE.change("activate", lie), MAKE.promote, proof=MAKE.proof(task=task, trials=trials))
    assert said_of(library, "hum") < 0.5


def test_where_opinions_make_skills_active_nothing_is_compared(place):
    with SkillLibrary.open(create=True, embedder=HashingEmbedder(), policy="opinion", **place) as library:
        prove(library, skill("twist", "Three fibres."), "after.inventory.rope >= 1")
        prove(library, skill("hum", "rope"), "after.song.sung == True")
        hits = library.search("rope")
        assert names(hits)[0] == "hum" and all(hit.why.evidence is None for hit in hits) and rows(library) == {}


def rows(library):
    table = tables.evidence.c
    with library._database.reading() as connection:
        found = connection.execute(sa.select(table.code_hash, table.fingerprint, table.vector))
        return {(key, fingerprint): vector for key, fingerprint, vector in found}


def test_each_embedder_has_evidence_of_its_own_and_leaves_that_of_others(place):
    with SkillLibrary.open(create=True, embedder=HashingEmbedder(64), **place) as library:
        prove(library, skill("twist", "Three fibres."), "after.inventory.rope >= 1")
        with SkillLibrary.open(embedder=HashingEmbedder(32), **place) as other:
            for _ in range(2):
                assert said_of(library, "twist") == pytest.approx(1, abs=0.02) == said_of(other, "twist")
            found = rows(library)
            assert sorted(map(len, found.values())) == [32, 64]
            said_of(library, "twist"), said_of(other, "twist")
            assert rows(library) == found


def test_evidence_that_is_gone_or_damaged_is_made_again(library):
    prove(library, skill("twist", "Three fibres."), "after.inventory.rope >= 1")
    prove(library, skill("hum", "A song."), "after.song.sung == True")
    whole = rows(library)
    assert len(whole) == 2
    for change in (sa.delete(tables.evidence), sa.update(tables.evidence).values(vector=b"\x01\x02")):
        with library._database.writing() as connection:
            connection.execute(change)
        library._pools = None
        assert said_of(library, "twist") == pytest.approx(1, abs=0.01)
        assert rows(library) == whole and library.problems() == []
    with library._database.writing() as connection:
        connection.execute(sa.update(tables.evidence).values(vector=b"\x01\x02"))
    assert [problem.kind for problem in library.problems()] == ["vectors", "vectors"]
    assert library.repair() == [] and rows(library) == whole


@contextlib.contextmanager
def busy(library):
    """Let another thread of this process hold a transaction open."""
    held, done = threading.Event(), threading.Event()

    def hold():
        with library.transaction():
            library.load([(skill("raft", "Logs."), ())], proposer="test")
            held.set()
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(60)
        yield
    finally:
        done.set()
        holder.join()


@pytest.mark.parametrize("lost", ["evidence", "lexicon", "calibration"])
def test_a_look_up_waits_for_no_transaction_of_another_thread(library, lost):
    prove(library, skill("twist", "Three fibres."), "after.inventory.rope >= 1")
    library.search("rope")
    with library._database.writing() as connection:
        if lost == "evidence":
            connection.execute(sa.delete(tables.evidence))
        else:
            connection.execute(sa.update(tables.meta).where(tables.meta.c.key == lost).values(value=""))
    library._pools = library._bounds = None
    with busy(library):
        start = time.monotonic()
        for question in ("rope", "three fibres", "rope"):
            assert names(library.search(question)) == ["twist"]
        assert time.monotonic() - start < 5
    assert names(library.search("rope")) == ["twist"]


def test_fewer_are_the_first_of_more_whatever_was_shown(library):
    chance, facts = random.Random(3), ["rope", "water", "lamp", "stone", "knife", "oil"]
    with library.transaction():
        for number in range(60):
            text = f"{' '.join(chance.choices(facts, k=3))} {number}"
            prove(library, skill(f"skill_{number}", text), f"after.inventory.{chance.choice(facts)} >= {number % 3}")
    moved = 0
    for question in ("rope", "inventory rope at least 1", "water and oil", "stone knife", "inventory stone"):
        found = {k: library.retrieve(question, k=k) for k in range(1, 31)}
        assert all(names(found[k]) == names(found[30])[:k] for k in found)
        for first, second in itertools.combinations(found[30], 2):
            assert not clearly_more(second.why.evidence - 1e-4, first.why.evidence)
        moved += sum(hit.why.behind != "" for hit in found[30])
    assert moved > 20


def test_taking_a_skill_in_again_adds_no_tests_to_what_is_known(library, make):
    one = make.active(library, "fetch")
    tests = library.tests(one.code_hash)
    again = one.model_copy(update={"text": "Fetch it slowly.", "version": 1})
    again = Skill.model_validate({name: getattr(again, name) for name in Skill.model_fields})
    assert again.code_hash == one.code_hash
    library.load([(again, [kept("after.inventory.diamond >= 1")])], proposer="test")
    assert library.tests(one.code_hash) == tests and [one.status for one in library.skills()] == ["active", "trial"]


def test_the_first_look_up_reads_what_it_needs_and_the_second_one_all_that_is_stored(folder):
    with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="exact") as library, library.transaction():
        for number in range(80):
            prove(library, skill(f"skill_{number}", f"Errand {number}."), f"after.inventory.thing_{number} >= 1")
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library:
        library.retrieve("errand", k=2)
        held = library._pools._evidence._held
        assert 0 < held.known.sum() < 80
        library.retrieve("thing", k=2)
        library.retrieve("inventory", k=2)
        assert library._pools._evidence._held is held and held.known.all()
        assert len(library.retrieve("inventory", k=80)) == 80
