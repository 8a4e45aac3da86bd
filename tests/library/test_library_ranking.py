"""What is found is ordered by a sum: meaning, words, contract, and what a record of success is certainly worth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shelf import names, put, skill

from skilllib.embedders import HashingEmbedder
from skilllib.library import ExactIndex, SkillLibrary, lexical, ranking
from skilllib.library.calibration import Calibration
from skilllib.library.pools import BY_MEANING, BY_WORDS, Pool
from skilllib.library.text import Fields, fields, indexed_texts, terms
from skilllib.records.query import Query
from skilllib.records.skill import Contract, Provision, Skill, Statistics

EMBEDDER, EXACT = HashingEmbedder(32), HashingEmbedder()
WORDS = ("rope", "water", "tree", "lamp", "knife", "oil", "verse", "stone", "bucket", "well")
some_words = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)


def candidates(summaries: list[str], question: str, k: int, most: int | None):
    """Return what a pool of texts gives, and for each text its cosine and the weight of its words."""
    keys = [f"{(7 * at) % 61:02}" for at in range(len(summaries))]
    index, vectors = ExactIndex(), EMBEDDER.embed(summaries)
    index.put(keys, vectors)
    lexicon = lexical.in_memory([Fields("", text, "") for text in summaries])
    rows = {key: vector for key, vector in zip(keys, vectors, strict=True)}
    pool = Pool(
        keys=keys,
        lexicon=lexicon,
        near=lambda vector, k: index.nearest(vector, k=k),
        cosines=lambda vector, wanted: {key: float(rows[key] @ vector) for key in wanted},
    )
    (vector,) = EMBEDDER.embed([question])
    weights = lexicon.scores(terms(question))
    found = pool.candidates(vector, terms(question), k=k, most=most)
    return found, {key: (float(rows[key] @ vector), float(weight)) for key, weight in zip(keys, weights, strict=True)}


@given(st.lists(some_words, max_size=60), some_words, st.integers(1, 40), st.none() | st.integers(1, 40))
def test_candidates_equal_brute_force_over_cosine_and_weighted_words(summaries, question, k, most):
    found, every = candidates(summaries, question, k, most)
    near = sorted(every, key=lambda key: (round(-every[key][0], 5), key))[: max(k, BY_MEANING)]
    worded = sorted((key for key in every if every[key][1] > 0), key=lambda key: -every[key][1])
    least = every[worded[BY_WORDS - 1]][1] if len(worded) > BY_WORDS else 0.0
    may = set(near) | {key for key in worded if every[key][1] >= least - 1e-6}
    must = set(near) | {key for key in worded if every[key][1] > least + 1e-6}
    score = {key: cosine + 0.08 * weight for key, (cosine, weight) in every.items()}
    got = {one.key: one for one in found}
    count = min(len(must) + min(len(may) - len(must), BY_WORDS), most or 10**9)
    assert len(got) == len(found) <= count and set(got) <= may
    assert all(one.relevance == pytest.approx(score[key], abs=1e-5) for key, one in got.items())
    assert [one.relevance for one in found] == sorted((one.relevance for one in found), reverse=True)
    worst = min((score[key] for key in got), default=0.0)
    full = most is not None and len(found) == most
    assert all(
        key in got or (full and score[key] <= worst + 1e-5) for key in must if abs(every[key][0] - every[near[-1]][0]) > 1e-5
    )
    for first, second in itertools.pairwise(found):
        assert (-first.relevance, first.key) < (-second.relevance, second.key), "ties keep the smaller key"


def test_words_bring_in_what_no_meaning_would_have():
    summaries = ["rope rope"] * 40 + ["xylophone"]
    for question, first in (("rope", False), ("rope " * 9 + "xylophone", True)):
        found, _ = candidates(summaries, question, 5, None)
        last = f"{(7 * 40) % 61:02}"
        assert (last in {one.key for one in found}) is first
    (odd,) = [one for one in found if one.key == last]
    assert odd.word_rank == 1 and odd.near_rank == BY_MEANING + 1


@settings(max_examples=25)
@given(question=st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=6).map(" ".join))
def test_what_a_library_retrieves_equals_brute_force_over_its_texts_and_records(copied, question):
    stored = copied.skills("active")
    written = [fields(one) for one in stored]
    texts = EXACT.embed([text for one in stored for text in indexed_texts(one)]).reshape(len(stored), 3, -1)
    assert all(all(one) for one in written)
    names, summaries, details = texts.transpose(1, 0, 2)
    main = summaries + np.clip((names * summaries).sum(axis=1, keepdims=True), 0, 0.5) * names
    vectors = main / np.linalg.norm(main, axis=1, keepdims=True) + 0.5 * details
    cosines = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) @ EXACT.embed([question])[0]
    weights = lexical.in_memory(written).scores(terms(question))
    useful = ranking.usefulness([copied.statistics(one.code_hash) for one in stored])
    scores = dict(zip((one.code_hash for one in stored), cosines + 0.08 * weights + 0.05 * np.array(useful), strict=True))
    found = copied.retrieve(question, k=len(stored))
    assert {hit.skill.code_hash: hit.score for hit in found} == pytest.approx(scores, abs=1e-5)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


def test_of_equal_candidates_those_with_the_smaller_keys_come_first():
    found, every = candidates(["rope"] * 50, "rope", 5, None)
    keys = [one.key for one in found]
    assert keys == sorted(keys) and keys[:BY_MEANING] == sorted(every)[:BY_MEANING] and len(keys) > BY_MEANING


statistics = st.builds(
    lambda trials, successes, called, failed: Statistics(
        trials=trials + successes, successes=successes, called=called + failed, failed=failed
    ),
    *[st.integers(0, 50)] * 4,
)


@given(statistics)
def test_usefulness_is_the_lower_bound_of_the_rate_of_success_between_minus_one_and_one(record):
    from scipy.stats import beta

    went_well, went_wrong = record.successes + record.called - record.failed, record.trials - record.successes + record.failed
    start, bound = beta.ppf(0.05, 4, 1), beta.ppf(0.05, 4 + went_well, 1 + went_wrong)
    expected = (bound - start) / (1 - start) if bound > start else (bound - start) / start
    (found,) = ranking.usefulness([record])
    assert found == pytest.approx(expected, abs=1e-9) and -1 <= found <= 1
    assert ranking.bounds([record], (1.0, 1.0))[0] == pytest.approx(record.lower(), abs=1e-9)
    better = record.model_copy(update={"called": record.called + 1})
    worse = record.model_copy(update={"called": record.called + 1, "failed": record.failed + 1})
    assert ranking.usefulness([better])[0] > found > ranking.usefulness([worse])[0]


def test_what_is_new_counts_as_good_and_certainty_counts():
    new, proved, often, rarely, never = ranking.usefulness(
        [Statistics(), *(Statistics(called=n, failed=bad) for n, bad in ((3, 0), (300, 0), (10, 9), (300, 300)))]
    )
    assert never < rarely < new == 0 < proved < often < 1 and never == pytest.approx(-1, abs=0.02)


def test_a_record_decides_between_near_equals_and_never_between_others(library):
    one, other, _ = put(
        library, skill("wave", "Wave.", capabilities=["a"]), skill("wave_", "Wave.", capabilities=["b"]), skill("rope")
    )
    for bad, good in ((one, other), (other, one)):
        library.count(bad.code_hash, called=400, failed=400)
        library.count(good.code_hash, called=1000)
        hits = library.retrieve("wave", k=3)
        assert [hit.skill.code_hash for hit in hits[:2]] == [good.code_hash, bad.code_hash]
        assert hits[0].why.lower_bound > hits[1].why.lower_bound and hits[1].why.failed >= 400
        assert library.search("wave", k=1) == library.search("wave", k=3)[:1]
        library.count(bad.code_hash, called=10_000)
        library.count(good.code_hash, called=4_000, failed=4_000)
    library.count(library.get("rope").code_hash, called=10**6)
    assert names(library.retrieve("wave", k=3))[2] == "rope"


def test_of_equal_scores_the_smaller_code_hash_comes_first_in_whatever_order_they_are_looked_at():
    candidates = [ranking.Candidate(key=key, cosine=0.5) for key in "cadb"]
    skills = {key: Skill(name=key, text=key) for key in "abcd"}
    for query in (Query(text=""), Query(text="", missing=("after.a.b >= 1",))):
        assert [one.candidate.key for one in ranking.ranked(query, candidates, skills, {})] == list("abcd")
    assert [one.key for one in ranking.promising(Query(text=""), candidates, {}, 3)] == list("abc")
    assert [one.key for one in ranking.promising(Query(text="", facts={}), candidates, {}, 3)] == list("cadb"), "contracts decide"


def promising(provides: list[str], requires: list[str] = [], **fixed) -> Skill:  # noqa: B006  # it is only read
    provisions = tuple(Provision(check=check, **fixed) for check in provides)
    return Skill(name="a", text="a", contract=Contract(provides=provisions, requires=tuple(requires)))


@pytest.mark.parametrize(
    ("offered", "asked", "met"),
    [
        ("after.bag.rope >= 1", "after.bag.rope >= 1", True),
        ("after.bag.rope >= 3", "after.bag.rope >= 1", True),
        ("after.bag.rope >= 1", "after.bag.rope >= 3", False),
        ("after.bag.rope > before.bag.rope", "after.bag.rope >= 3", True),
        ("after.bag.rope >= 1", "after.bag.lamp >= 1", False),
        ("after.house.lit == True", "after.house.lit == True", True),
        ("after.house.lit == True", "after.house.lit == False", False),
        ("after.bag.rope >= 1 and after.bag.lamp >= 1", "after.bag.lamp >= 1", True),
        ("after.bag.rope >= 1", "after.bag.rope >= 1 and after.bag.lamp >= 1", False),
        ("after.bag.rope <= 1", "after.bag.rope >= 1", False),
        ("after.bag.rope >= 1", "no check (", False),
        ("after.bag.rope >= 1", "", False),
    ],
)
def test_what_is_provided_is_what_brings_about_all_that_is_asked(offered, asked, met):
    assert ranking.provided(promising([offered]), [asked]) == ((asked,) if met else ())
    assert ranking.provided(promising([]), [asked]) == ranking.provided(promising([offered]), []) == ()
    assert ranking.provided(promising([offered]), ["after.x.y >= 1", asked]) == ((asked,) if met else ())


def test_an_amount_that_is_a_parameter_can_be_any():
    one = promising(["after.bag.rope >= amount"], parameters=("amount",))
    assert ranking.provided(one, ["after.bag.rope >= 7"]) == ("after.bag.rope >= 7",)
    assert ranking.provided(one, ["after.bag.lamp >= 7"]) == ()


def test_what_is_unmet_is_what_known_facts_do_not_give():
    one = promising([], ["before.bag.rope >= 1", "before.house.lit == True"])
    assert ranking.unmet(one, None) == () == ranking.unmet(one, {"bag": {"rope": 1}, "house": {"lit": True}})
    assert ranking.unmet(one, {}) == one.contract.requires
    assert ranking.unmet(one, {"bag": {"rope": 0}, "house": {"lit": True}}) == ("before.bag.rope >= 1",)
    assert ranking.unmet(one, {"bag": "torn", "house": {"lit": True}}) == ("before.bag.rope >= 1",)


# ---- copies


CORD = "Twist three fibres into a cord."


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copied") / "library"
    with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="exact") as library:
        chance = np.random.default_rng(3)
        texts = [" ".join([*chance.choice(WORDS, 2), *map("w{}".format, chance.integers(0, 400, 7))]) for _ in range(44)]
        others = [skill(f"{'qwrtzp'[at % 6]}ob{at}", text, text=f"{text} {text[::-1]}") for at, text in enumerate(texts)]
        check = "after.bag.rope >= 1"
        put(
            library,
            *others,
            skill("make_rope", CORD, text=f"{CORD} Slowly.", provides=[check]),
            skill("make_rope_2", CORD, text=f"{CORD} Slowly.", provides=[check], capabilities=["walk"]),
            skill("make_rope_3", CORD, text=f"{CORD} Slowly.", provides=["after.bag.rope >= 2"]),
        )
        for at, one in enumerate(others):
            library.count(one.code_hash, called=at, failed=at // 2)
        yield library


def test_near_copies_become_one_hit_and_their_names_are_kept(copied):
    hits = copied.search("make rope", k=3)
    assert len(hits) == 3 and {hits[0].skill.name, *hits[0].why.also} == {"make_rope", "make_rope_2"}
    assert hits[1].skill.name == "make_rope_3", "it promises something else"
    assert hits[1].why.also == hits[2].why.also == ()
    assert names(copied.retrieve("make rope", k=3))[:2] != names(hits)[:2], "all are there where all are asked for"
    (alone,) = copied.search("make rope", k=1)
    assert alone.skill == hits[0].skill and alone.why.also == hits[0].why.also


def test_with_many_copies_there_are_still_as_many_different_hits_as_are_asked_for(library):
    put(library, *(skill("make_rope" + "_" * number, "Twist.", capabilities=[f"c{number}"]) for number in range(14)))
    put(library, skill("fetch_rope", "Fetch it."), skill("sell_rope", "Sell it."), skill("sing"))
    library._bounds = Calibration(fits=0.1, near=0.9, skills=17, fingerprint=library._findable.fingerprint)
    hits = library.search("make rope twist", k=4)
    assert [len(hit.why.also) for hit in hits] == [13, 0, 0, 0] and len(set(names(hits))) == 4


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=12), st.integers(0, 5))
def test_collapsing_keeps_the_first_of_each_kind_in_order(kinds, k):
    found = [
        ranking.Found(
            candidate=ranking.Candidate(key=str(at), cosine=0), skill=Skill(name=f"n{at}", text="t"), statistics=Statistics()
        )
        for at in range(len(kinds))
    ]
    kept = ranking.collapsed(found, lambda one, other: kinds[int(one.candidate.key)] == kinds[int(other.candidate.key)], k)
    first = list(dict.fromkeys(kinds))[:k]
    assert [kinds[int(one.candidate.key)] for one in kept] == first
    for one, kind in zip(kept, first, strict=True):
        assert one.also == [f"n{at}" for at, other in enumerate(kinds) if other == kind][1:]
