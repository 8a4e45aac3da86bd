"""Whether anything fits is read off the library itself, and an empty list says that nothing does."""

from __future__ import annotations

import pytest
from shelf import YARD, names, put, same, skill

from skilllib.embedders import HashingEmbedder, MiniLMEmbedder
from skilllib.library import SkillLibrary, calibration
from skilllib.library.calibration import Calibration, background

KITCHEN = (
    ("bake_bread", "Put the dough into the hot oven until it is brown."),
    ("wash_dishes", "Clean plates and cups in the sink."),
    ("fetch_water", "Carry a bucket from the well."),
    ("cut_wood", "Chop down a tree and take the logs."),
    ("mine_stone", "Break rocks with the pickaxe."),
    ("light_lamp", "Make the dark room bright by burning oil."),
    ("plant_sapling", "Put a young tree into the soil."),
    ("sleep_in_bed", "Rest until the morning comes."),
    ("feed_animals", "Give hay to the cows and the sheep."),
    ("sharpen_knife", "Draw the blade along a wet stone."),
    ("open_door", "Turn the key and go in."),
    ("make_rope", "Twist three fibres into a strong cord."),
    ("fight_zombie", "Attack the monster until it is dead."),
    ("cross_river", "Get to the other shore by raft."),
    ("sweep_floor", "Remove the dust with a broom."),
    ("catch_fish", "Throw the line into the pond and wait."),
)
PARAPHRASES = {
    "get some logs from the forest": "cut_wood",
    "I am tired and need rest": "sleep_in_bed",
    "kill the undead creature": "fight_zombie",
    "it is too dark in here": "light_lamp",
    "give the livestock something to eat": "feed_animals",
    "the plates are dirty": "wash_dishes",
    "angling for trout": "catch_fish",
    "bring something to drink": "fetch_water",
}
ELSEWHERE = (
    "file my income tax return",
    "what is the capital of Mongolia",
    "merge two branches of a git repository",
    "convert this PDF into a spreadsheet",
    "who won the world cup in 1998",
    "book a flight to Tokyo",
    "prove that the square root of two is irrational",
    "translate this letter into French",
    "asdkjh qwoeiu zxmcn",
)


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kitchen") / "library"
    with SkillLibrary.open(folder, create=True, embedder=MiniLMEmbedder(), index="exact") as library:
        put(library, *(skill(name, text) for name, text in KITCHEN))
        yield library


@pytest.mark.parametrize("question", PARAPHRASES)
def test_a_paraphrase_that_shares_no_word_is_answered_and_fits(kitchen, question):
    (hit,) = kitchen.search(question, k=1, fitting=True)
    assert hit.skill.name == PARAPHRASES[question] and hit.why.fits
    assert not {"cut", "wood", "zombi", "fish", "lamp"} & set(hit.why.words)


@pytest.mark.parametrize("question", ELSEWHERE)
def test_nothing_fits_a_question_about_something_else_entirely(kitchen, question):
    assert kitchen.search(question, fitting=True) == []
    found = kitchen.search(question, k=3)
    assert len(found) == 3 and not any(hit.why.fits for hit in found)
    assert len(kitchen.retrieve(question, k=3)) == 3, "who wants the nearest gets them"


def test_what_fits_is_what_reaches_the_bound_and_one_in_ten_other_questions_may(kitchen):
    bound = kitchen._calibration().fits
    best = [kitchen.retrieve(question, k=1)[0].why for question in background()]
    assert sum(why.cosine + 0.08 * why.lexical > bound for why in best) <= 0.2 * len(best)
    for question in (*PARAPHRASES, *ELSEWHERE):
        everything = kitchen.search(question, k=16)
        assert kitchen.search(question, k=16, fitting=True) == [hit for hit in everything if hit.why.fits]


def test_the_bound_is_for_the_whole_library_whatever_a_filter_leaves(kitchen):
    assert kitchen.search("kill the undead creature", environment="yard", fitting=True)
    assert kitchen.search("file my income tax return", environment="yard", fitting=True) == []
    assert kitchen.search("kill the undead creature", environment="moon", fitting=True) == []


def test_half_of_a_character_is_no_reason_to_fail(kitchen):
    assert names(kitchen.search("kill the undead \ud800 creature", k=1)) == ["fight_zombie"]


class Counting(HashingEmbedder):
    """Counts the texts it was given."""

    texts = 0

    def embed(self, texts):
        self.texts += len(texts)
        return super().embed(texts)


def test_the_bound_is_kept_and_read_off_anew_when_a_tenth_has_changed(place):
    with SkillLibrary.open(create=True, embedder=HashingEmbedder(), **place) as library:
        put(library, *(skill(f"thing_{number}", f"About {number * 7919}.") for number in range(20)))
        library.search("thing")
        first = library._calibration()
        assert first.skills == 20 and first.fits > 0 and 0 < first.near < 1
    counting = Counting()
    with SkillLibrary.open(embedder=counting, **place) as library:
        assert library.search("thing", k=1)[0].why and counting.texts == 1, "the question alone"
        put(library, skill("make_rope"), skill("make_raft"))
        assert library._calibration() == first
        put(library, skill("make_soup"))
        assert library._calibration().skills == 23
    with SkillLibrary.open(embedder=HashingEmbedder(64), **place) as library:
        assert library._calibration().fingerprint != first.fingerprint, "another embedder has other cosines"


def test_while_another_process_writes_the_bound_is_read_off_and_not_kept(place):
    with (
        SkillLibrary.open(create=True, embedder=HashingEmbedder(), **place) as writer,
        SkillLibrary.open(embedder=HashingEmbedder(), **place) as reader,
    ):
        put(writer, *YARD)
        with writer.writing("something that takes long"):
            hits = reader.search("make rope")
        assert same(hits, reader.search("make rope")) and same(hits, writer.search("make rope"))


def test_a_bound_holds_for_libraries_of_nearly_the_same_size_and_the_same_vectors():
    one = Calibration(fits=0.5, near=0.9, skills=100, fingerprint="a")
    assert [count for count in range(80, 121) if one.holds(count, "a")] == list(range(90, 111))
    assert not one.holds(100, "b") and calibration.DRIFT == 0.1
    assert Calibration(fits=0, near=1, skills=0, fingerprint="a").holds(0, "a")
    assert not Calibration(fits=0, near=1, skills=0, fingerprint="a").holds(1, "a")


def test_use_in_the_past_does_not_make_a_skill_fit(library):
    put(library, *YARD)
    rope, question = library.get("make_rope").code_hash, library.get("make_rope").description
    (before,) = library.search(question, k=1)
    relevance = before.why.cosine + 0.08 * before.why.lexical
    library.count(rope, called=10**6)
    for bound, fits in ((relevance - 0.001, True), (relevance + 0.001, False)):
        library._bounds = library._calibration().model_copy(update={"fits": bound})
        (hit,) = library.search(question, k=1)
        assert hit.skill.code_hash == rope and hit.why.fits is fits and hit.score > bound + 0.03


def test_what_provides_what_is_missing_fits_though_its_words_do_not(library):
    put(library, *YARD)
    library._bounds = library._calibration().model_copy(update={"fits": 0.3})
    question, check = "what next", "after.inventory.water >= 1"
    assert library.search(question, fitting=True) == []
    assert names(library.search(question, missing=(check,), fitting=True)) == ["fetch_water"]
