"""A look-up finds by meaning and by words, weighs what skills provide and need, filters, and says why."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from shelf import YARD, calling, names, put, skill

from skilllib.embedders import HashingEmbedder
from skilllib.errors import UnknownSkill
from skilllib.library import SkillLibrary
from skilllib.library.ranking import PROVIDED, UNMET, USEFUL, WORDS, usefulness
from skilllib.library.text import fields, terms
from skilllib.records.query import Query


@pytest.fixture
def yard(library):
    put(library, *YARD)
    return library


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """The same yard, for tests that only read."""
    folder = tmp_path_factory.mktemp("still") / "library"
    with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="exact") as library:
        put(library, *YARD)
        yield library


class Meanings:
    """An embedder that knows two meanings, and of all else only that it is something else."""

    dims, fingerprint = 3, "meanings"

    def embed(self, texts):
        known = [[any(word in text for word in group) for group in (("rope", "lasso"), ("water", "brook"))] for text in texts]
        vectors = np.array([[*map(float, row), 0.0 if any(row) else 1.0] for row in known], dtype=np.float32).reshape(-1, 3)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_what_shares_no_word_is_found_by_meaning_and_what_has_no_meaning_by_its_words(place):
    with SkillLibrary.open(create=True, embedder=Meanings(), **place) as library:
        put(library, skill("twist", "A rope of three strands."), skill("carry", "Fresh water."), skill("tune", "The hurdygurdy."))
        lasso = library.search("lasso", k=3)
        assert names(lasso)[0] == "twist" and lasso[0].why.words == () and lasso[0].why.word_rank is None
        assert lasso[0].why.cosine == 1 and lasso[0].why.near_rank == 1
        tune = library.search("a lasso for the hurdygurdy", k=3)
        assert names(tune)[:2] == ["twist", "tune"], "the meaning counts for more"
        assert tune[1].why.words == ("hurdygurd",) and tune[1].why.word_rank == 1 and tune[1].why.cosine == 0
        both = {hit.skill.name: hit.score for hit in library.search("lasso hurdygurdy brook", k=3)}
        alone = {hit.skill.name: hit.score for hit in library.search("lasso brook", k=3)}
        assert both["tune"] > alone["tune"] and both["twist"] == alone["twist"], "words add to the meaning"


def test_a_score_is_the_sum_of_what_is_said_of_it(still):
    counted = still.counted(one.code_hash for one in still.skills())
    asked = Query(text="climb the tree with a rope", missing=("after.inventory.rope >= 1",), facts={"inventory": {"rope": 0}})
    hits = still.search(asked, k=6)
    assert len(hits) == 6 and hits == sorted(hits, key=lambda hit: -hit.score)
    for hit in hits:
        why, (useful,) = hit.why, usefulness([counted[hit.skill.code_hash]])
        contract = PROVIDED * len(why.provides) - UNMET * bool(why.unmet)
        assert hit.score == pytest.approx(why.cosine + WORDS * why.lexical + contract + USEFUL * useful, abs=1e-4)
        own = {word for text in fields(hit.skill) for word in terms(text)}
        assert set(why.words) == own & set(terms("climb the tree with a rope; inventory rope at least 1"))
        assert (why.lexical > 0) == bool(why.words) == (why.word_rank is not None)
        assert (why.solved, why.failed) == (1, 0) and why.lower_bound == pytest.approx(0.2236, abs=1e-4)
    assert {hit.skill.name: (hit.why.provides, hit.why.unmet) for hit in hits if hit.why.provides or hit.why.unmet} == {
        "make_rope": (("after.inventory.rope >= 1",), ()),
        "climb_tree": ((), ("before.inventory.rope >= 1",)),
        "sharpen_knife": ((), ("before.house.lit == True",)),
    }


def test_what_is_missing_brings_forward_who_provides_it_though_the_words_say_nothing(yard):
    question = "what next"
    assert len({hit.skill.name for check in ("water", "oil", "verse") for hit in yard.search(f"{question}, {check}", k=1)}) == 3
    for check, provider in (("after.inventory.water >= 1", "fetch_water"), ("after.house.lit == True", "light_lamp")):
        found = yard.search(question, missing=(check,), k=6)
        assert found[0].skill.name == provider and found[0].why.provides == (check,)
        assert all(hit.why.provides == () for hit in found[1:])
    assert yard.search(question, missing=("after.inventory.water >= 2",), k=1)[0].why.provides == (), "one is not two"


def test_facts_that_do_not_give_what_a_skill_needs_put_it_back(yard):
    question = "go up the oak"
    without, with_rope = ({"inventory": {"rope": number}} for number in (0, 1))
    assert names(yard.search(question))[0] == names(yard.search(question, facts=with_rope))[0] == "climb_tree"
    scores = {}
    for facts in (None, with_rope, without, {}):
        (hit,) = [hit for hit in yard.search(question, facts=facts, k=6) if hit.skill.name == "climb_tree"]
        scores[str(facts)] = hit.score
        assert hit.why.unmet == (("before.inventory.rope >= 1",) if facts in (without, {}) else ())
    unknown, met, unmet, nothing = scores.values()
    assert unknown == met and unmet == nothing == pytest.approx(met - UNMET)


@pytest.mark.parametrize(
    ("about", "left"),
    [
        ({"environment": "house"}, {"light_lamp", "sharpen_knife", "sing_song"}),
        ({"environment": "moon"}, {"sing_song"}),
        ({"environment": ""}, {"sing_song"}),
        ({"capability": "walk"}, {"fetch_water", "climb_tree"}),
        ({"capability": "climb", "environment": "yard"}, {"climb_tree"}),
        ({"capability": "climb", "environment": "house"}, set()),
        ({"capability": "wal"}, set()),
        ({"capability": ""}, set()),
        ({"tag": "cord"}, {"make_rope"}),
        ({"tag": "fun"}, {"sing_song"}),
        ({"tag": "CRAFT"}, {"make_rope"}),
        ({"tag": ""}, set()),
        ({"tag": "fun", "environment": "house"}, {"sing_song"}),
    ],
)
@pytest.mark.parametrize("status", ["active", "any"])
def test_a_filter_leaves_what_it_names_and_changes_no_score(still, about, left, status):
    question = "climb a tree, sing, and light the lamp with water"
    whole = {hit.skill.name: hit for hit in still.retrieve(Query(text=question, status=status), k=6)}
    found = still.retrieve(Query(text=question, status=status, **about), k=6)
    assert set(names(found)) == left and set(names(still.search(question, k=6, status=status, **about))) == left
    for hit in found:
        assert hit.score == pytest.approx(whole[hit.skill.name].score, abs=1e-6)
        assert hit.why.lexical == whole[hit.skill.name].why.lexical and hit.why.words == whole[hit.skill.name].why.words
    assert names(found) == [name for name in names(whole.values()) if name in left]


def test_filters_hold_on_every_backend(yard):
    assert set(names(yard.search("rope", k=6, environment="house"))) == {"light_lamp", "sharpen_knife", "sing_song"}
    assert names(yard.search("rope", k=6, capability="climb")) == ["climb_tree"] and names(yard.search("x", tag="fun")) == [
        "sing_song"
    ]
    for number in range(20):  # more filters than are remembered
        assert names(yard.search("rope", capability=f"unknown{number}")) == []
    put(yard, skill("swim", "Cross the pond.", capabilities=["climb"], tags="fun"))
    assert set(names(yard.search("rope", k=6, capability="climb"))) == {"climb_tree", "swim"}
    assert set(names(yard.search("rope", k=6, tag="fun"))) == {"sing_song", "swim"}


@pytest.mark.parametrize(
    "about",
    [
        {"enviroment": "yard"},
        {"status": "activ"},
        {"status": None},
        {"missing": "after.x >= 1"},
        {"missing": (1,)},
        {"facts": [1]},
        {"environment": 3},
        {"tag": ["a"]},
        {"text": None},
        {"k_": 1},
    ],
    ids=str,
)
def test_unknown_fields_and_values_that_are_none_are_refused_however_the_query_is_put(still, about):
    with pytest.raises(ValidationError):
        Query(**{"text": "rope", **about})
    with pytest.raises(ValidationError):
        still.search(Query(text="rope"), **about)
    if "text" not in about:
        with pytest.raises(ValidationError):
            still.search("rope", **about)


def test_fields_beside_a_query_take_the_place_of_its_own(still):
    asked = Query(text="rope", environment="house", tag="cord")
    assert names(still.search(asked)) == [] and names(still.search(asked, environment=None)) == ["make_rope"]
    assert asked == Query(text="rope", environment="house", tag="cord")


def test_nothing_is_found_in_an_empty_library_or_for_no_k(library):
    assert (
        library.search("rope") == [] == library.retrieve("rope", k=5) == library.search("rope", fitting=True, tag="a", status="any")
    )
    assert library.hubs() == () and library.activation().occasions == 0
    put(library, YARD[0])
    for k in (0, -1, -100):
        assert library.search("rope", k=k) == [] == library.retrieve("rope", k=k)
    assert names(library.search("rope", k=10**6)) == names(library.retrieve("rope", k=1000)) == ["make_rope"]


HOSTILE = [
    "",
    " \n\t\x00",
    "the of and",
    '"make rope"',
    'make" OR "rope',
    "make AND rope NOT water",
    "NEAR(make rope, 2)",
    "name:rope",
    "summary : rope*",
    "{name summary} : rope",
    "-rope ^make + rope",
    "rope'; DROP TABLE lexicon; --",
    "rope & water | !lamp <-> knife:*",
    "%_rope_%",
    "\\",
    "ロープ を 作る",
    "vytvoř lano ěščřžýáíé",
    "ΛΌΓΟΣ λόγος",
    "İstanbul ﬁne ß \u017f \u00b5",
    "e\u0301 \u200b\u202e rope",
    "🪢 rope 🪢",
    "١٢٣ ² ⅷ 1e5 0x1F",
    "\ud800",
    "x" * 100_000,
    "make a rope " * 5_000,
    " ".join(f"word{number}" for number in range(3_000)),
]


def test_whatever_is_asked_is_only_words(yard):
    counts = [len(yard.search(question, k=6)) for question in HOSTILE]
    assert counts == [6] * len(HOSTILE)
    plain = yard.search("make rope", k=6)
    for question in ('"make rope"', "make* AND rope", "make:rope", "(make) ^rope"):
        found = {hit.skill.name: (hit.why.lexical, hit.why.words) for hit in yard.search(question, k=6)}
        assert found == {hit.skill.name: (hit.why.lexical, hit.why.words) for hit in plain}, question
    assert yard.problems() == []


words = st.sampled_from(["make", "rope", "fetch", "water", "tree", "lamp", "knife", "oil", "the", "climbing", "ROPE", "unknown"])


@settings(max_examples=30)
@given(st.lists(words | st.text(max_size=5), max_size=8).map(" ".join), st.integers(1, 7))
def test_the_same_question_gives_the_same_and_fewer_are_the_first_of_more(still, question, k):
    whole = still.retrieve(question, k=7)
    assert still.retrieve(question, k=k) == whole[:k] == still.retrieve(question, k=7)[:k]
    assert [(-hit.score, hit.skill.code_hash) for hit in whole] == sorted((-hit.score, hit.skill.code_hash) for hit in whole)
    assert still.search(question, k=k) == still.search(question, k=k)


def test_what_is_found_follows_from_the_state_and_not_from_how_it_came_about(tmp_path):
    found = []
    for number, order in enumerate((YARD, YARD[::-1])):
        with SkillLibrary.open(tmp_path / str(number), create=True, embedder=HashingEmbedder()) as library:
            for one in order if number else [order]:
                put(library, *(order if not number else [one]))
            found.append([library.retrieve(text, k=6) for text in ("rope", "", "light a lamp", "stone for knives")])
        with SkillLibrary.open(tmp_path / str(number), embedder=HashingEmbedder()) as library:
            assert [library.retrieve(text, k=6) for text in ("rope", "", "light a lamp", "stone for knives")] == found[-1]
    for first, second in zip(*found, strict=True):
        assert names(first) == names(second)
        assert [hit.score for hit in first] == pytest.approx([hit.score for hit in second], abs=1e-6)


def test_ties_keep_the_smaller_code_hash(yard):
    twins = put(yard, *(skill("wave" + "_" * number, "Wave.", capabilities=[f"arm{number}"]) for number in range(12)))
    hits = yard.retrieve("wave", k=12)
    assert len({hit.score for hit in hits}) == 1
    assert [hit.skill.code_hash for hit in hits] == sorted(one.code_hash for one in twins)
    assert [hit.skill.code_hash for hit in yard.retrieve("wave", k=3)] == sorted(one.code_hash for one in twins)[:3]


def test_what_is_found_comes_with_what_it_calls_callees_first(library):
    (water,) = put(library, skill("fetch_water", "Carry a bucket from the well."))
    (soup,) = put(library, calling("boil_soup", water))
    put(library, calling("serve_dinner", soup), skill("sing_song"))
    (hit,) = library.search("serve dinner", k=1)
    closure = library.closure([hit.skill.code_hash])
    assert [one.name for one in closure] == ["fetch_water", "boil_soup", "serve_dinner"] and closure[-1] == hit.skill
    with pytest.raises(UnknownSkill):
        library.closure(["0" * 64])
