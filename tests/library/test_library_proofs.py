"""What was shown has the last word: whatever an author writes, a skill does not precede one whose proof speaks clearly more."""

from __future__ import annotations

import itertools
import random
import sqlite3
import threading

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from maker import Maker
from shelf import names, skill

from skilllib.embedders import HashingEmbedder, MiniLMEmbedder
from skilllib.library import SkillLibrary, proofs, ranking, tables
from skilllib.library.ranking import CLEARLY, SPEAKS, settled
from skilllib.library.text import shown
from skilllib.records.execution import Trial
from skilllib.records.skill import KeptTest, Skill

MAKE = Maker()


def prove(library: SkillLibrary, one: Skill, *checks: str) -> Skill:
    """Make a skill active by a proof that shows that these checks hold after it."""
    with library.transaction():
        library.load([(one, ())], proposer="test")
        task = MAKE.task.model_copy(update={"environment": one.environment, "check": checks[0]})
        trials = [Trial(seed=seed, solved=True, check=check) for seed, check in enumerate(checks, 1)]
        library.commit(MAKE.change("activate", one), MAKE.promote, proof=MAKE.proof(task=task, trials=trials))
    return library.version(one.code_hash)


# ---- the order


proof = st.none() | st.floats(-1, 1, width=32)
worth = st.floats(-1, 2, width=32)
contests = st.lists(st.tuples(worth, proof), max_size=12)


def order(contest):
    return settled([f"{at:02}" for at in range(len(contest))], [one for one, _ in contest], [two for _, two in contest])


@given(contests)
def test_nobody_precedes_one_whose_proof_speaks_clearly_more(contest):
    found = order(contest)
    assert sorted(place.at for place in found) == list(range(len(contest)))
    for first, second in itertools.combinations(found, 2):
        above, below = contest[first.at][1], contest[second.at][1]
        assert above is None or below is None or below < SPEAKS or below <= above + CLEARLY


@given(contests)
def test_nobody_is_moved_but_for_somebody_else_and_by_no_more_than_it_takes(contest):
    found = {place.at: place for place in order(contest)}
    for at, place in found.items():
        rivals = [
            other
            for other, (_, two) in enumerate(contest)
            if None not in (two, contest[at][1]) and two >= SPEAKS and two > contest[at][1] + CLEARLY
        ]
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
    part = settled([f"{one:02}" for one in at], [contest[one][0] for one in at], [contest[one][1] for one in at])
    assert [at[place.at] for place in part] == [place.at for place in whole]


@given(contests, st.randoms())
def test_the_order_does_not_depend_on_how_it_was_given(contest, chance):
    rows = list(enumerate(contest))
    chance.shuffle(rows)
    mixed = settled([f"{at:02}" for at, _ in rows], [one for _, (one, _) in rows], [two for _, (_, two) in rows])
    assert [rows[place.at][0] for place in mixed] == [place.at for place in order(contest)]


@given(st.lists(worth, max_size=12))
def test_where_nobody_looked_worth_alone_decides_and_ties_keep_the_smaller_hash(worths):
    found = settled([f"{at:02}" for at in range(len(worths))], worths, [None] * len(worths))
    assert [place.at for place in found] == sorted(range(len(worths)), key=lambda at: (-worths[at], at))


# ---- what was shown, in words and as a vector


def kept(check, *, expected=True, seed=1):
    return KeptTest(environment="yard", seed=seed, check=check, expected=expected)


def test_what_is_shown_is_what_kept_tests_saw_hold_each_once():
    rise = "after.achievements.collect_wood > before.achievements.collect_wood"
    assert shown([kept(rise), kept(rise, seed=2), kept("after.inventory.wood >= 2")]) == (
        "achievements collect wood; inventory wood at least 2"
    )
    assert shown([kept("after.inventory.gold >= 1", expected=False)]) == "" == shown([])
    assert shown([kept("after.a > before.ab")]) == "a more than before ab"
    assert shown([kept(f"after.fact{number} >= 1") for number in range(50)]).count(";") == 7


vectors = st.integers(1, 400).flatmap(
    lambda d: st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).normal(size=d).astype(np.float32))
)


@given(vectors, st.integers(0, 2**32 - 1))
def test_a_byte_a_component_moves_a_cosine_by_less_than_a_hundredth(vector, seed):
    query = np.random.default_rng(seed).normal(size=len(vector)).astype(np.float32)
    query /= np.linalg.norm(query)
    (found,) = proofs.likeness(query, [proofs.written(vector)])
    assert found == pytest.approx(float(query @ vector / np.linalg.norm(vector)), abs=0.01)


def test_in_384_dimensions_it_is_moved_by_less_than_half_of_that():
    draw = np.random.default_rng(1)
    rows, query = draw.normal(size=(2, 500, 384)).astype(np.float32)
    rows, query = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (rows, query))
    found = [proofs.likeness(one, [proofs.written(row)])[0] for row, one in zip(rows, query, strict=True)]
    assert np.abs(np.array(found) - np.einsum("nd,nd->n", rows, query)).max() < 0.005


def test_what_is_no_proof_of_these_dimensions_speaks_for_nothing():
    query = np.array([1, 0, 0], dtype=np.float32)
    right = proofs.written(np.array([2, 0, 0], dtype=np.float32))
    assert proofs.likeness(query, [b"", right, right + b"\0", right[:2], b"\0\0\0"]) == [0.0, 1.0, 0.0, 0.0, 0.0]
    assert proofs.likeness(query, []) == [] and proofs.written(np.zeros(3, dtype=np.float32)) == b"\0\0\0"


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
    "what others were shown to do": lambda question: shown([kept(HONEST[QUESTIONS[question]][1])]),
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
            assert names(hits)[0] == QUESTIONS[question], [(hit.skill.name, hit.score, hit.why.proof) for hit in hits]
            assert hits[0].why.behind == ""
            assert all(hit.why.behind == QUESTIONS[question] for hit in hits if hit.score == hits[0].score and hit is not hits[0])
        for name in ("helper", false):
            village.commit(MAKE.change("retire", village.get(name)), MAKE.promote)


def test_without_proofs_that_lie_would_win(village, monkeypatch):
    monkeypatch.setattr(ranking, "CLEARLY", 2.0)
    with village.transaction():
        prove(village, skill("helper", "make a rope"), "after.garden.weeds == 0")
        assert names(village.search("make a rope"))[0] == "helper"
        village.commit(MAKE.change("retire", village.get("helper")), MAKE.promote)


def test_prose_decides_where_nobody_was_shown_to_do_what_is_asked(village):
    with village.transaction():
        prove(village, skill("tidy", "Sing a song about the sea."), "after.garden.leaves == 0")
        hits = village.search("sing a song about the sea")
        assert names(hits)[0] == "tidy" and not any(hit.why.behind for hit in hits)
        village.commit(MAKE.change("retire", village.get("tidy")), MAKE.promote)


# ---- kept with the library


def shown_of(library, name):
    return proofs.likeness(
        library._findable.embedder.embed(["inventory rope at least 1"])[0], library._findable.proofs([library.get(name).code_hash])
    )[0]


def test_who_fits_by_proof_is_said_with_each_hit(library):
    prove(library, skill("twist", "Three fibres."), "after.inventory.rope >= 1")
    prove(library, skill("hum", "inventory rope at least 1"), "after.song.sung == True")
    first, second = library.search("inventory rope at least 1")
    assert (first.skill.name, first.why.proof, first.why.behind) == ("twist", pytest.approx(1, abs=0.01), "")
    assert (second.skill.name, second.why.behind) == ("hum", "twist") and second.why.proof < 0.5
    assert second.score == first.score and second.why.cosine > first.why.cosine


def test_what_a_new_proof_shows_counts_from_then_on(library):
    one = prove(library, skill("twist", "Three fibres."), "after.song.sung == True")
    library.search("rope")
    assert shown_of(library, "twist") < 0.5
    library.commit(MAKE.change("retire", one), MAKE.promote)
    task = MAKE.task.model_copy(update={"environment": one.environment})
    rope = MAKE.proof(task=task, trials=[Trial(seed=9, solved=True)])
    library.commit(MAKE.change("activate", one), MAKE.promote, proof=rope)
    assert shown_of(library, "twist") > 0.5


def test_what_is_on_trial_was_shown_nothing_and_is_not_compared(library):
    prove(library, skill("twist", "Three fibres."), "after.inventory.rope >= 1")
    library.load([(skill("hum", "inventory rope at least 1"), [kept("after.inventory.rope >= 1")])], proposer="test")
    for status in ("trial", "any"):
        hits = library.search("inventory rope at least 1", status=status)
        assert names(hits)[0] == "hum" and all(hit.why.proof is None for hit in hits)


def test_where_opinions_make_skills_active_nothing_is_compared(place):
    with SkillLibrary.open(create=True, embedder=HashingEmbedder(), policy="opinion", **place) as library:
        prove(library, skill("twist", "Three fibres."), "after.inventory.rope >= 1")
        prove(library, skill("hum", "rope"), "after.song.sung == True")
        hits = library.search("rope")
        assert names(hits)[0] == "hum" and all(hit.why.proof is None for hit in hits)


def test_another_embedder_makes_proofs_of_its_own(place):
    with SkillLibrary.open(create=True, embedder=HashingEmbedder(64), **place) as library:
        prove(library, skill("twist", "Three fibres."), "after.inventory.rope >= 1")
    for dimensions in (32, 64):
        with SkillLibrary.open(embedder=HashingEmbedder(dimensions), **place) as library:
            assert shown_of(library, "twist") == pytest.approx(1, abs=0.02)


def rows(library):
    with library._database.reading() as connection:
        return {number: vector for number, vector in connection.execute(sa.select(tables.proofs.c.number, tables.proofs.c.vector))}


def test_proofs_that_are_gone_or_damaged_are_found_and_made_again(library):
    prove(library, skill("twist", "Three fibres."), "after.inventory.rope >= 1")
    prove(library, skill("hum", "A song."), "after.song.sung == True")
    library.search("rope")
    whole = rows(library)
    assert len(whole) == 2
    with library._database.writing() as connection:
        connection.execute(sa.delete(tables.proofs))
    assert library.problems() == [] and names(library.search("inventory rope at least 1"))[0] == "twist"
    assert rows(library) == whole
    with library._database.writing() as connection:
        connection.execute(sa.update(tables.proofs).values(vector=b"\x01\x02"))
    assert library.search("rope") and [problem.kind for problem in library.problems()] == ["vectors", "vectors"]
    assert library.repair() == [] and rows(library) == whole


def test_who_may_not_write_makes_them_once_for_each_state(folder, monkeypatch):
    with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="exact") as library:
        prove(library, skill("twist", "Three fibres."), "after.inventory.rope >= 1")
        library.search("rope")
    with sqlite3.connect(folder / "library.db") as connection:
        connection.execute("DELETE FROM proofs")
    connection.close()
    held, done, made = threading.Event(), threading.Event(), []
    monkeypatch.setattr(proofs, "made", lambda *given, before=proofs.made: made.append(given[2]) or before(*given))
    with SkillLibrary.open(folder, index="exact", embedder=HashingEmbedder()) as writer:

        def hold():
            with writer.writing("waiting"):
                held.set()
                done.wait(60)

        holder = threading.Thread(target=hold)
        holder.start()
        try:
            assert held.wait(60)
            reader = SkillLibrary.open(folder, index="exact", embedder=HashingEmbedder())
            with reader:
                for question in ("rope", "three fibres", "rope"):
                    assert reader.search(question)[0].why.proof is not None
        finally:
            done.set()
            holder.join()
    assert len([skills for skills in made if skills]) == 1


def test_fewer_are_the_first_of_more_whatever_was_shown(library):
    chance, facts = random.Random(3), ["rope", "water", "lamp", "stone", "knife", "oil"]
    for number in range(40):
        text = f"{' '.join(chance.choices(facts, k=3))} {number}"
        prove(library, skill(f"skill_{number}", text), f"after.inventory.{chance.choice(facts)} >= {number % 3}")
    for question in ("rope", "inventory rope at least 1", "water and oil", "stone knife"):
        found = {k: names(library.retrieve(question, k=k)) for k in (1, 2, 3, 5)}
        assert all(found[k] == found[5][:k] for k in found)
