"""Words are weighed as BM25 weighs them, alike in every database, and an author's prose cannot weigh more than it says."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelf import names, put, skill

from skilllib.embedders import MiniLMEmbedder
from skilllib.library import SkillLibrary, lexical
from skilllib.library.text import Fields, fields, indexed_text, terms
from skilllib.records.query import Query
from skilllib.records.skill import Effect

VOCABULARY = [
    "rope",
    "ropes",
    "Rope",
    "make",
    "making",
    "water",
    "fetch",
    "AND",
    "NEAR",
    "the",
    "42",
    "x1",
    "größe",
    "GRÖSSE",
    "λόγος",
]
VOCABULARY += ["ΛΟΓΟΣ", "\u017fhip", "micro_\u00b5", "İzmir", "ロープ", "лес", "ﬁt", "Ⅷ", "e\u0301"]
texts = st.lists(st.sampled_from(VOCABULARY) | st.text(max_size=6), max_size=12).map(" ".join)
documents = st.lists(st.builds(Fields, texts, texts, texts), max_size=20)


def bm25(written: list[Fields], words: list[str]) -> np.ndarray:
    """Weigh words, (words, documents), as the formula in the books has it, over the counts of weighted fields."""
    counts = [[sum(3 - at for at, text in enumerate(one) if word in terms(text)) for one in written] for word in words]
    lengths = [sum(len(terms(text)) for text in one) for one in written]
    n, mean = len(written), max(sum(lengths) / max(len(lengths), 1), 1.0)
    found = np.zeros((len(words), n))
    for row, having in enumerate(counts):
        df = sum(count > 0 for count in having)
        share = math.log(1 + (n - df + 0.5) / (df + 0.5)) / math.log(1 + (n + 0.5) / 0.5)
        for at, count in enumerate(having):
            found[row, at] = share * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * lengths[at] / mean))
    return found


@given(documents, texts)
def test_weights_equal_bm25_by_brute_force(written, question):
    lexicon, words = lexical.in_memory(written), terms(question)
    expected = bm25(written, words)
    assert len(lexicon) == len(written)
    assert np.allclose(lexicon.weighed(words, range(len(written))), expected, atol=1e-5)
    assert np.allclose(lexicon.scores(words), expected.sum(axis=0), atol=1e-5)
    assert not expected.size or 0 <= expected.min() <= expected.max() <= 2.2


def odd(chance: random.Random) -> str:
    """Return words of many alphabets, and what is no word; without fractions, which are words to some databases only."""
    ranges = [(97, 122), (65, 90), (48, 57), (0xC0, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x6FF), (0x900, 0x97F)]
    ranges += [(0x1E00, 0x1FFF), (0x2160, 0x2188), (0x3040, 0x30FF), (0x4E00, 0x4E40), (0xFB00, 0xFB06), (0x20, 0x2F)]
    found = []
    for _ in range(chance.randrange(1, 14)):
        first, last = chance.choice(ranges)
        found.append("".join(chr(chance.randint(first, last)) for _ in range(chance.randrange(1, 5))))
    return " ".join(found + chance.sample(VOCABULARY, 3))


def test_every_database_gives_the_weights_of_brute_force_in_every_alphabet(library):
    chance = random.Random(7)
    stored = [skill(f"odd_{number}", odd(chance), text=odd(chance) + f" {number}") for number in range(40)]
    put(library, *stored)
    pool = library._pool_of(Query(text=""))
    by_hash = {one.code_hash: one for one in stored}
    written = [fields(by_hash[key]) for key in pool.keys]
    words = sorted({word for one in written for text in one for word in terms(text)} | {"absent"})
    found = pool.lexicon.weighed(words, range(len(written)))
    expected = bm25(written, words)
    wrong = [word for word, row, other in zip(words, found, expected, strict=True) if not np.allclose(row, other, atol=1e-5)]
    assert [[word, *map(hex, map(ord, word))] for word in wrong] == [] and len(words) > 300
    assert np.allclose(pool.lexicon.scores(words[::7]), expected[::7].sum(axis=0), atol=1e-4)


def test_words_of_what_is_no_longer_active_weigh_nothing_and_what_comes_later_does(library, make):
    put(library, skill("make_rope", "Twist the fibres."), skill("make_raft", "Tie the logs."))
    library.commit(make.change("retire", library.get("make_rope")), make.promote)
    put(library, skill("make_soup", "Boil fibres."))
    assert [(names([hit]), hit.why.words) for hit in library.search("twist fibres")] == [
        (["make_soup"], ("fibr",)),
        (["make_raft"], ()),
    ]
    lexicon = library._pool_of(Query(text="")).lexicon
    assert len(lexicon) == 2 and lexicon.scores(["twist"]).tolist() == [0, 0]


@given(st.text(max_size=40))
def test_words_are_different_ones_whatever_is_asked(text):
    found = terms(text)
    assert len(set(found)) == len(found) and all(found) and terms(f"{text} {text}") == terms(text + " ")


FOLDED = [("λόγος", "ΛΌΓΟΣ"), ("\u017fhip", "SHIP"), ("\u00b5m", "μm"), ("Größe", "GRÖẞE"), ("ΛΕΣ", "λες")]


@pytest.mark.parametrize(("one", "other"), FOLDED)
def test_a_word_in_small_and_in_capital_letters_is_one(one, other):
    assert terms(one) == terms(other)


# ---- what an author writes


def test_of_prose_only_the_beginning_is_read():
    start = " ".join(f"alpha{number}" for number in range(60))
    rest = " ".join(f"beta{number}" for number in range(120))
    short = fields(skill("make_rope", start, text=f"{start} {rest}"))
    long = fields(skill("make_rope", f"{start} gamma delta " * 9, text=f"{start} gamma delta " * 9 + rest))
    assert long.summary == short.summary == start
    assert len(long.details.split()) == 120 and "beta119" in short.details
    endless = skill("make_rope", start, text=f"{start} {rest} " + "rope water knife " * 10_000)
    assert fields(endless) == short and indexed_text(endless) == indexed_text(skill("make_rope", start, text=f"{start} {rest}"))


def test_a_word_that_is_said_again_weighs_no_more():
    once, often = Fields("sing", "a song of rope", ""), Fields("sing", "a song of rope rope Rope ropes roped rope", "")
    others = [Fields("twist", "three fibres", "")] * 5
    for word in ("rop", "song"):
        assert lexical.in_memory([once, *others]).scores([word])[0] == lexical.in_memory([often, *others]).scores([word])[0]


def test_more_words_make_each_weigh_less():
    one, many = Fields("sing", "song rope", ""), Fields("sing", "song rope water knife lamp tree stone oil", "")
    others = [Fields("twist", "three fibres", "")] * 5
    weights = lexical.in_memory([one, many, *others]).scores(["rop"])
    assert weights[0] > weights[1] > 0 == weights[2]


def test_what_is_indexed_is_name_contract_measured_effects_and_parameters():
    effects = [
        Effect(fact="inventory.rope", n=4, changed=4, rise=1.0),
        Effect(fact="inventory.fibre", n=4, changed=4, rise=0.0),
        Effect(fact="inventory.luck", n=4, changed=1, rise=1.0),
    ]
    one = skill("twistCord", "Twist it.", provides=["after.bag.cord >= 2"])
    found = fields(one, effects)
    assert found.name == "twist cord" and "bag cord at least 2" in found.summary and "inventory rope" in found.summary
    assert "fibre" not in indexed_text(one, effects) and "luck" not in indexed_text(one, effects)
    assert "bag" not in indexed_text(one, effects, promises=False)


HONEST = skill("make_rope", "Twist three fibres.", provides=["after.inventory.rope >= 1"])
LIES = {
    "repeated": "rope " * 300,
    "phrases": "make a rope " * 100,
    "long": "This is the best skill of all for whoever wants to make ropes or anything else. " * 40 + "make a rope",
    "list": "rope, cord, string, line, cable, twine, lasso, make, making, maker, get, have, obtain, best, top, first, number one",
}


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crowded") / "library"
    with SkillLibrary.open(folder, create=True, embedder=MiniLMEmbedder(), index="exact") as library:
        put(library, HONEST, *(skill(f"sing_{name}", text) for name, text in LIES.items()))
        put(library, skill("fetch_water", "Carry a bucket from the well."), skill("light_lamp", "Burn oil."))
        yield library


@pytest.mark.parametrize("question", ["make a rope", "I need a rope", "how do I get rope?"])
def test_stuffed_prose_stays_behind_what_does_it(crowded, question):
    plain = crowded.search(question, k=9)
    assert names(crowded.search(question, missing=("after.inventory.rope >= 1",)))[0] == "make_rope"
    assert names(plain)[0] == "make_rope", [(hit.skill.name, hit.score) for hit in plain]


def test_what_provides_what_is_missing_beats_whoever_only_says_so(crowded, tmp_path):
    with SkillLibrary.open(tmp_path / "library", create=True, embedder=crowded._findable.embedder, index="exact") as library:
        put(library, HONEST, skill("hum", "Make a rope."), skill("get_a_rope", "I make a rope, you have a rope."))
        for question in ("make a rope", "how do I get a rope?", "I need a rope"):
            assert names(library.search(question, missing=("after.inventory.rope >= 1",)))[0] == "make_rope"


def test_repeating_words_weighs_no_more_in_a_library(library):
    put(library, *(skill(f"sing{'_' * times}", "A song of a rope. " * times, text=str(times)) for times in (1, 2, 20)))
    hits = library.retrieve("rope", k=3)
    assert len({hit.why.lexical for hit in hits}) == 1 and hits[0].why.lexical > 0
