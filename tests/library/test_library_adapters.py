"""Which adapters of a library's skills are valid, and where they lie."""

from __future__ import annotations

from skilllib.build.compiling import stale
from skilllib.compiler.text import text_of
from skilllib.records.adapter import AdapterKey, Manifest


def manifest(skill, **measured):
    """What stands beside an adapter that was made from a skill and what was measured of it by then."""
    text = text_of(skill, **measured)
    key = AdapterKey(text=text.hash, base="b", backend="distill", configuration="c")
    return Manifest(
        skill=skill.name,
        key=key,
        text_hash=text.hash,
        text=text,
        code_hash=skill.code_hash,
        base="b",
        rank=1,
        alpha=1,
        targets=(),
        adapter_hash="",
    )


def test_an_adapter_is_valid_as_long_as_the_skill_has_the_text_it_was_made_from(library, make):
    in_code = manifest(make.active(library, "fetch"))
    make.activate(library, library.reword("fetch", "Walk, then twist."))
    in_words = manifest(library.get("fetch"))
    assert stale(in_code, library) == "the skill's text is another one since" and stale(in_words, library) == ""
    make.activate(library, library.reword("fetch", None))
    assert library.get("fetch").text is None
    assert stale(in_words, library) == "the skill's text is another one since" and stale(in_code, library) == ""


def test_what_is_measured_of_a_skill_in_code_makes_its_adapter_no_other_one(library, make):
    skill = make.active(library, "fetch")
    before, since = manifest(skill), manifest(skill, effects=library.effects(skill.code_hash))
    assert before.text_hash != since.text_hash, "its text tells more than before"
    make.activate(library, library.reword("fetch", "Walk, then twist."))
    assert stale(before, library) and stale(since, library)
    make.activate(library, library.reword("fetch", None))
    assert stale(before, library) == stale(since, library) == ""
