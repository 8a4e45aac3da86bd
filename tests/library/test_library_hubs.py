"""What turns up in answer to nearly everything is flagged, and put on trial with what rests on it, through the ledger."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from maker import Maker
from shelf import YARD, calling, names, put, skill

from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary
from skilllib.library.hubs import FALSE_ALARMS, TOP, hubs

TOPICS = [
    f"{first}{second}" for first in ("bak", "gom", "tur", "zil", "wep", "lof") for second in ("ada", "iri", "oso", "umu", "ene")
]
EVERYTHING = skill("do_anything", "Everything, whatever it is.")


class Near:
    """An embedder by which what is said of everything lies in the middle, and all else around it, each its own way."""

    dims, fingerprint = 64, "near"

    def embed(self, texts):
        found = np.zeros((len(texts), self.dims), dtype=np.float32)
        for row, text in zip(found, texts, strict=True):
            seed = int.from_bytes(hashlib.sha256(text.split()[0].encode()).digest()[:8], "big")
            row += np.random.default_rng(seed).normal(size=self.dims) / 8
            row[0] = 1.0
            if "Everything" in text:
                row[1:] = 0.0
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def peers():
    """Return skills each about something else, written alike."""
    return [skill(f"{topic}_it", f"{topic}x") for topic in TOPICS]


@pytest.fixture
def crowd(place):
    with SkillLibrary.open(create=True, embedder=Near(), **place) as library:
        put(library, *peers(), EVERYTHING)
        yield library


def test_a_description_of_everything_is_flagged_and_its_peers_are_not(crowd):
    (hub,) = crowd.hubs()
    assert hub.code_hash == EVERYTHING.code_hash and hub.questions == len(TOPICS) + 1
    assert hub.hits > 0.8 * len(TOPICS) > 3 * hub.usual and hub.z > 3
    crowd.commit(Maker().change("retire", crowd.get("do_anything")), Maker.promote)
    assert crowd.hubs() == ()


def test_a_sound_library_has_no_hub_and_a_small_one_never(library):
    put(library, *YARD, skill("rope_water_tree_lamp_song_knife", "rope water oak match verse blade stone bucket"))
    assert library.hubs() == ()
    put(library, *peers())
    assert library.hubs() == ()


def test_what_was_really_asked_counts_as_questions(crowd, make):
    before = crowd.hubs()[0]
    for number in range(3):
        crowd.record_use(f"lofenex lofeney {number}", [])
    crowd.record_use("lofenex lofeney 0", [], solved=False)
    crowd.begin_run("a", {})
    crowd.begin_trace("a/1", run="a", trace=make.trace(make.program("x")).model_copy(update={"attempts": ()}))
    after = crowd.hubs()[0]
    assert (after.code_hash, after.questions) == (before.code_hash, before.questions + 4), "the same question counts once"
    assert after.hits >= before.hits + 3


def test_hubs_go_on_trial_with_their_callers_and_the_ledger_says_why(crowd):
    (soup,) = put(crowd, calling("wepada_soup", EVERYTHING))
    (dinner,) = put(crowd, calling("serve_zzz", soup))
    (entry,) = crowd.quarantine_hubs()
    assert crowd.ledger()[-1] == entry and entry.change.kind == "quarantine" and entry.change.proposer == "hubs"
    assert set(entry.change.targets) == {EVERYTHING.code_hash, soup.code_hash, dinner.code_hash}
    assert entry.change.targets[0] == EVERYTHING.code_hash
    assert entry.decision.codes == ("hub",) and entry.decision.figures["hits"] > entry.decision.figures["usual"]
    assert {one.name for one in crowd.skills("trial")} == {"do_anything", "wepada_soup", "serve_zzz"}
    assert not {"do_anything", "wepada_soup", "serve_zzz"} & set(names(crowd.search("bakadax bakaday", k=40)))
    assert crowd.quarantine_hubs() == () and crowd.problems() == []


def test_what_rests_on_a_hub_through_a_retired_skill_goes_on_trial_too(crowd, make):
    (soup,) = put(crowd, calling("boil_soup", EVERYTHING))
    (dinner,) = put(crowd, calling("serve_dinner", soup))
    new = make.trial(crowd, make.program("boil_soup", salt="2"))
    make.activate(crowd, new, keep=["serve_dinner"])
    assert crowd.version(soup.code_hash).status == "retired" and crowd.get("serve_dinner").status == "active"
    (entry,) = crowd.quarantine_hubs()
    assert dinner.code_hash in entry.change.targets and soup.code_hash not in entry.change.targets
    assert crowd.get("serve_dinner").status == "trial" and crowd.get("boil_soup").status == "active"
    assert all(one.status != "trial" for active in crowd.skills("active") for one in crowd.closure([active.code_hash]))


def test_proved_anew_a_hub_is_active_again(crowd, make):
    crowd.quarantine_hubs()
    again = crowd.get("do_anything")
    make.activate(crowd, again)
    assert crowd.get("do_anything").status == "active" and "do_anything" in names(crowd.search("bakadax bakaday"))


# ---- by counts alone


def tops(counts: list[int]) -> list[set[str]]:
    """Return top fives in which each key stands so often."""
    return [{str(at) for at, count in enumerate(counts) if row < count} for row in range(max(counts, default=0))]


@given(st.lists(st.integers(3, 7), min_size=11, max_size=60), st.integers(0, 200))
def test_only_what_stands_far_out_is_flagged_and_the_worst_is_first(usual, most):
    counts = [*usual, most, most // 2]
    found = hubs([str(at) for at in range(len(counts))], tops(counts))
    assert [hub.hits for hub in found] == sorted((hub.hits for hub in found), reverse=True)
    assert all(hub.hits == counts[int(hub.code_hash)] for hub in found)
    flagged = {int(hub.code_hash) for hub in found}
    assert all(counts[at] > max(usual) for at in flagged)
    assert most < 60 or len(usual) in flagged
    if flagged:
        assert flagged == {at for at, count in enumerate(counts) if count >= min(counts[one] for one in flagged)}


def test_where_five_are_half_of_all_nothing_is_a_hub():
    for number in (0, 1, 2 * TOP):
        assert hubs([str(at) for at in range(number)], tops([100, *[1] * (number - 1)][:number])) == []
    assert [hub.code_hash for hub in hubs([str(at) for at in range(2 * TOP + 1)], tops([100, *[1] * 2 * TOP]))] == ["0"]


def test_chance_alone_flags_one_sound_library_in_a_hundred_at_most_often():
    chance, flagged = np.random.default_rng(9), 0
    for _ in range(300):
        counts = chance.poisson(5, size=40).tolist()
        flagged += bool(hubs([str(at) for at in range(40)], tops(counts)))
    assert flagged / 300 <= 5 * FALSE_ALARMS


def test_a_text_does_not_count_as_a_question_to_itself(tmp_path):
    with SkillLibrary.open(tmp_path / "library", create=True, embedder=HashingEmbedder(), index="exact") as library:
        put(library, *(skill(f"{topic}_it", f"{topic}x") for topic in TOPICS))
        from skilllib.library.hubs import top_fives
        from skilllib.records.query import Query

        pool = library._pool_of(Query(text=""))
        texts = [(key, library.version(key).description) for key in pool.keys]
        found = top_fives(pool, texts, library._findable.vectors(list(pool.keys)), ["bakadax"], library._findable.embedder)
        assert all(len(top) == TOP for top in found)
        assert all(key not in top for (key, _), top in zip(texts, found, strict=False))
        assert library.get("bakada_it").code_hash in found[-1]
