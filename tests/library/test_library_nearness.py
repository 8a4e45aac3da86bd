"""Descriptions that are nearer to each other than those of different skills are told, and never refused."""

from __future__ import annotations

from skilllib.library.nearness import LEAST, SAMPLE, Nearness
from skilllib.records.skill import Skill

WORDS = "Bring a bucket of cold water from the old well behind the mill up to the kitchen."


def described(library, make, name: str, words: str = WORDS) -> Skill:
    skill = Skill(name=name, program=make.program(name, salt=name), description=words, environment="yard")
    stored = library.quarantine(skill, proposer="test")
    make.activate(library, stored)
    return library.version(stored.code_hash)


def test_the_same_words_under_another_name_are_told_with_figures_and_not_refused(library, make):
    first = described(library, make, "bring_water")
    second = described(library, make, "bring_water_2")
    (found,) = library.likenesses(second)
    assert (found.kind, found.skill.code_hash, found.offers) == ("description", first.code_hash, ("version", "merge"))
    assert found.figures["cosine"] >= found.figures["bound"] == LEAST
    other = described(library, make, "sharpen_knives", "Sharpen every knife there is on the stone.")
    assert library.likenesses(other) == () and len(library.skills("active")) == 3


def test_a_version_of_itself_and_what_it_replaces_are_not_told(library, make):
    first = described(library, make, "bring_water")
    again = Skill(name="bring_water", program=make.program("bring_water", salt="2"), description=WORDS)
    assert library.likenesses(again) == ()
    second = described(library, make, "bring_water_2")
    assert library.likenesses(second, besides=[first.code_hash]) == ()


def test_a_library_of_near_copies_sets_its_own_bound(library, make):
    for number in range(SAMPLE // 5 + 2):
        described(library, make, f"bring_water_{number}")
    nearness = Nearness(library._findable)
    found = nearness.of(library.get("bring_water_3"))
    assert nearness._measured is not None and nearness._measured[1] > LEAST
    assert all(one.cosine >= one.bound == nearness._measured[1] for one in found)
