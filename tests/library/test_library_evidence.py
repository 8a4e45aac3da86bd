"""What was shown has the last word: whatever is written, nobody precedes a skill for which the evidence speaks clearly more."""

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
from shelf import names, skill

from skilllib.embedders import HashingEmbedder, MiniLMEmbedder
from skilllib.library import SkillLibrary, evidence, ranking, tables
from skilllib.library.ranking import CLEARLY, SPEAKS, settled
from skilllib.library.text import check_words, evident
from skilllib.records.check import Check
from skilllib.records.execution import Trial
from skilllib.records.query import Query
from skilllib.records.skill import Effect, KeptTest, Skill

MAKE = Maker()


def prove(library: SkillLibrary, one: Skill, *checks: str, changes: dict[str, tuple[object, object]] | None = None) -> Skill:
    """Make a skill active by a proof that shows that these checks hold after it, since it changed what they are about."""
    changed = {path: (0, 1) for check in checks for path in Check(check).facts()} if changes is None else changes
    with library.transaction():
        library.load([(one, ())], proposer="test")
        task = MAKE.task.model_copy(update={"environment": one.environment, "check": checks[0]})
        trials = [Trial(seed=seed, solved=True, check=check, changes=changed) for seed, check in enumerate(checks, 1)]
        library.commit(MAKE.change("activate", one), MAKE.promote, proof=MAKE.proof(task=task, trials=trials))
    return library.version(one.code_hash)


# ---- the order


worth = st.floats(-1, 2, width=32)
contests = st.lists(st.tuples(worth, st.floats(-1, 1, width=32)), max_size=12)


def order(contest, keys=None):
    keys = keys or [f"{at:02}" for at in range(len(contest))]
    return settled(keys, [one for one, _ in contest], [two for _, two in contest])


def beats(one, other):
    """Return whether the evidence for one speaks for the query, and clearly more than that for the other."""
    return one >= SPEAKS and one > other + CLEARLY


@given(contests)
def test_nobody_precedes_one_whose_evidence_speaks_clearly_more(contest):
    found = order(contest)
    assert sorted(place.at for place in found) == list(range(len(contest)))
    for first, second in itertools.combinations(found, 2):
        assert not beats(contest[second.at][1], contest[first.at][1])


@given(contests)
def test_nobody_is_moved_but_for_somebody_else_and_by_no_more_than_it_takes(contest):
    found = {place.at: place for place in order(contest)}
    for at, place in found.items():
        rivals = [other for other, (_, two) in enumerate(contest) if beats(two, contest[at][1])]
        assert place.score == min([contest[at][0], *(found[other].score for other in rivals)])
        assert (place.behind is None) or (place.behind in rivals and found[place.behind].score == place.score)
        assert place.behind is not None or place.score == contest[at][0]


@given(contests)
def test_scores_fall_along_the_order(contest):
    scores = [place.score for place in order(contest)]
    assert scores == sorted(scores, reverse=True)


@given(contests, st.integers(0, 12))
def test_the_first_of_an_order_are_ordered_alike_without_the_rest(contest, k):
    whole = order(contest)[:k]
    at = sorted(place.at for place in whole)
    part = order([contest[one] for one in at], [f"{one:02}" for one in at])
    assert [at[place.at] for place in part] == [place.at for place in whole]


@given(contests, st.randoms())
def test_the_order_does_not_depend_on_how_it_was_given(contest, chance):
    rows = list(enumerate(contest))
    chance.shuffle(rows)
    mixed = order([one for _, one in rows], [f"{at:02}" for at, _ in rows])
    assert [rows[place.at][0] for place in mixed] == [place.at for place in order(contest)]


@given(st.lists(worth, max_size=12), st.floats(-1, 1))
def test_where_the_evidence_says_the_same_worth_decides_and_ties_keep_the_smaller_hash(worths, evidence):
    found = order([(one, evidence) for one in worths])
    assert [place.at for place in found] == sorted(range(len(worths)), key=lambda at: (-worths[at], at))


# ---- what was shown, in words and as a vector


def kept(check, *, expected=True, seed=1, **arguments):
    return KeptTest(environment="yard", seed=seed, check=check, expected=expected, check_arguments=arguments)


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


# ---- against those who write to be found


QUESTIONS = {
    "make a rope": "make_rope",
    "I need a rope": "make_rope",
    "how do I get some rope for the climb?": "make_rope",
    "fetch water": "haul",
    "where can I get water": "haul",
    "light the lamp": "ignite",
    "the lamp should burn": "ignite",
}
HONEST = {
    "make_rope": ("Twist three fibres.", "after.inventory.rope >= 1"),
    "haul": ("Carry a bucket from the well.", "after.inventory.water > before.inventory.water"),
    "ignite": ("Strike a match.", "after.lamp.lit == True"),
}


@pytest.fixture(scope="module")
def village(tmp_path_factory):
    folder = tmp_path_factory.mktemp("village") / "library"
    with SkillLibrary.open(folder, create=True, embedder=MiniLMEmbedder(), index="exact") as library:
        for name, (text, check) in HONEST.items():
            prove(library, skill(name, text), check)
        yield library


LIES = {
    "the question": lambda question: question,
    "the question, said to be done": lambda question: f"This will {question}.",
    "the question ten times": lambda question: " ".join([question] * 10),
    "every question": lambda _: ". ".join(QUESTIONS),
    "what others say": lambda _: " ".join(text for text, _ in HONEST.values()),
    "what others were shown to do": lambda question: check_words(HONEST[QUESTIONS[question]][1]),
    "boasting": lambda question: f"The best skill of all, proven many times, use this one first: {question}. " * 5,
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("lie", LIES)
def test_a_skill_that_was_shown_to_do_something_else_wins_with_no_prose(village, lie, question):
    text = LIES[lie](question)
    false = "question_answered" if lie == "every question" else "_".join(question.strip("?").lower().split())
    with village.transaction():
        for name, check in (("helper", "after.garden.weeds == 0"), (false, "after.garden.leaves < 5")):
            prove(village, skill(name, text, text=f"{text} {name}"), check)
        for asked in [{}, {"missing": (HONEST[QUESTIONS[question]][1],)}]:
            hits = village.search(question, k=5, **asked)
            assert names(hits)[0] == QUESTIONS[question], [(hit.skill.name, hit.score, hit.why.evidence) for hit in hits]
            assert hits[0].why.behind == ""
            assert all(hit.why.behind == QUESTIONS[question] for hit in hits if hit.score == hits[0].score and hit is not hits[0])
        for name in ("helper", false):
            village.commit(MAKE.change("retire", village.get(name)), MAKE.promote)


def test_without_evidence_those_lies_would_win(village, monkeypatch):
    monkeypatch.setattr(ranking, "CLEARLY", 2.0)
    won = 0
    for question in QUESTIONS:
        with village.transaction():
            prove(village, skill("helper", question), "after.garden.weeds == 0")
            won += names(village.search(question))[0] == "helper"
            village.commit(MAKE.change("retire", village.get("helper")), MAKE.promote)
    assert won >= len(QUESTIONS) - 2


def test_prose_decides_where_nobody_was_shown_to_do_what_is_asked(village):
    with village.transaction():
        prove(village, skill("tidy", "Sing a song about the sea."), "after.garden.leaves == 0")
        hits = village.search("sing a song about the sea")
        assert names(hits)[0] == "tidy" and not any(hit.why.behind for hit in hits)
        village.commit(MAKE.change("retire", village.get("tidy")), MAKE.promote)


def test_a_lie_does_not_win_because_many_others_are_nearer_in_words(village):
    with village.transaction():
        crowd = [f"climb_{number}" for number in range(12)]
        for number, name in enumerate(crowd):
            prove(village, skill(name, f"A cord for the climb, number {number}."), f"after.position.height_{number} >= 3")
        prove(village, skill("helper", "how do I get some rope for the climb?"), "after.garden.weeds == 0")
        for k in (1, 2, 5, 9, 16):
            hits = village.retrieve("how do I get some rope for the climb?", k=k)
            assert names(hits)[0] == "make_rope" and len(hits) == k
        for name in [*crowd, "helper"]:
            village.commit(MAKE.change("retire", village.get(name)), MAKE.promote)


def test_a_promise_that_no_test_kept_is_no_evidence(village):
    with village.transaction():
        false = skill("helper", "how do I get some rope for the climb?", provides=["after.inventory.rope >= 1"])
        prove(village, false, "after.garden.weeds == 0")
        hit = village.search("how do I get some rope for the climb?", missing=("after.inventory.rope >= 1",))[0]
        assert hit.skill.name == "make_rope"
        village.commit(MAKE.change("retire", village.get("helper")), MAKE.promote)


def test_what_was_shown_to_do_it_fits_however_little_is_written_of_it(tmp_path):
    with SkillLibrary.open(tmp_path / "library", create=True, embedder=MiniLMEmbedder(), index="exact") as library:
        prove(library, skill("zq7", "Do the usual."), "after.kitchen.bread >= 1")
        prove(library, skill("helper", "bake some bread"), "after.garden.weeds == 0")
        for number in range(5):
            prove(library, skill(f"other_{number}", f"Errand {number}."), f"after.errand.done_{number} == True")
        hits = library.search("bake some bread", fitting=True)
        assert names(hits) == ["zq7", "helper"] and hits[1].why.behind == "zq7"
        assert library.search("file my income tax return", fitting=True) == []


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
            assert not beats(second.why.evidence - 1e-4, first.why.evidence)
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
