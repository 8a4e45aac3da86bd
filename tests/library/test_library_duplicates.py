"""What a library has already is found when it is offered again, and told with what can be made of the two."""

from __future__ import annotations

import pytest

from skilllib.errors import DuplicateSkill, InvalidRecord
from skilllib.library.duplicates import Likeness
from skilllib.records.program import Program
from skilllib.records.skill import Skill

ROPE = '''def make_rope(length: int = 2) -> None:
    """Make a rope."""
    for turn in range(length):
        walk(turn)
        twist("fibre")
'''


def kept(library, make, source: str):
    skill = make.trial(library, Program.parse(source))
    make.activate(library, skill)
    return library.version(skill.code_hash)


def refused(library, make, source: str) -> Likeness:
    with pytest.raises(DuplicateSkill) as caught:
        make.trial(library, Program.parse(source))
    assert len(library.skills()) == 1
    return caught.value.likeness


def test_the_same_program_under_other_names_is_offered_as_an_alias(library, make):
    rope = kept(library, make, ROPE)
    renamed = ROPE.replace("make_rope", "produce_thread").replace("turn", "i").replace("a rope", "thread")
    found = refused(library, make, renamed)
    assert (found.kind, found.skill, found.offers) == ("syntax", rope, ("alias", "version"))
    assert "alias" in found.words("produce_thread") and rope.code_hash in found.words("produce_thread")


def test_one_that_is_called_with_other_parameters_is_no_alias(library, make):
    kept(library, make, ROPE)
    found = refused(library, make, ROPE.replace("make_rope", "produce_thread").replace("length", "count"))
    assert (found.kind, found.offers) == ("syntax", ("version",))


def test_the_same_program_with_other_constants_is_offered_as_a_merge(library, make):
    kept(library, make, ROPE)
    found = refused(library, make, ROPE.replace("make_rope", "produce_thread").replace("fibre", "wool"))
    assert (found.kind, found.offers[0]) == ("syntax", "merge") and "constants" in found.how


def test_nearly_the_same_text_is_offered_as_a_version(library, make):
    kept(library, make, ROPE)
    found = refused(library, make, ROPE.replace("make_rope", "make_hemp").replace("walk(turn)", "walk(turn + 1)"))
    assert (found.kind, found.offers) == ("syntax", ("version", "merge")) and found.figures["text"] > 0.9


def test_the_order_of_calls_makes_another_program(library, make):
    one = 'def first():\n    """Walk, then twist, as people did who lived by the sea."""\n    walk()\n    twist()\n'
    other = 'def second():\n    """The other way round."""\n    twist()\n    walk()\n'
    kept(library, make, one)
    assert kept(library, make, other).status == "active"


@pytest.mark.parametrize("name", ["make_ropes", "rnake_rope", "make_r0pe", "m\u0430ke_rope"])
def test_a_name_that_looks_like_another_one_is_refused_with_the_remedy(library, make, name):
    rope = make.active(library, "make_rope")
    program = make.program(name)
    with pytest.raises(DuplicateSkill, match="rename it") as caught:
        make.trial(library, program)
    assert (caught.value.likeness.kind, caught.value.likeness.skill) == ("name", rope)
    assert len(library.skills()) == 1 and len(library.ledger()) == 2


def test_a_number_at_the_end_and_a_name_that_is_no_longer_active_are_free(library, make):
    make.active(library, "make_rope_2")
    assert make.active(library, "make_rope_3").status == "active"
    fetch = make.active(library, "fetch")
    library.commit(make.change("retire", fetch), make.promote)
    assert make.active(library, "fetchy").name == "fetchy"


def test_what_takes_the_place_of_a_skill_may_look_like_it(library, make):
    old = make.active(library, "make_rope")
    heir = make.trial(library, make.program("make_ropes"), merges=[old.code_hash])
    make.activate(library, heir)
    assert library.version(old.code_hash).status == "retired"


def test_where_opinions_count_nothing_is_too_similar(folder, make):
    from skilllib.embedders import HashingEmbedder
    from skilllib.library import SkillLibrary

    with SkillLibrary.open(folder, create=True, policy="opinion", embedder=HashingEmbedder(), index="exact") as library:
        for name in ("make_rope", "make_ropes"):
            make.activate(library, make.trial(library, Program.parse(ROPE.replace("make_rope", name))))
        assert len(library.skills("active")) == 2


def test_what_was_read_once_is_not_read_again_and_others_writes_are_seen(folder, library, make):
    from skilllib.library import SkillLibrary

    make.active(library, "fetch")
    make.active(library, "make_swing")
    with SkillLibrary.open(folder) as other:
        rope = other.get("fetch")
        assert [one.skill.name for one in other.likenesses(rope)] == []
        make.active(library, "fetch_more")
        new = Skill(name="fetch_mor", program=make.program("fetch_mor"))
        assert [one.skill.name for one in other.likenesses(new)] == ["fetch_more"]


def test_an_alias_is_followed_and_cannot_hide_a_skill_or_a_primitive(library, make):
    rope = make.active(library, "make_rope")
    library.alias("rope", "make_rope")
    assert library.get("rope") == rope and library.resolve(["rope"]) == {"rope": rope.code_hash}
    with pytest.raises(InvalidRecord, match="a skill's own name"):
        library.alias("make_rope", "make_rope")
    make.active(library, "fetch_water")
    with pytest.raises(InvalidRecord, match="looks like 'fetch_water'"):
        library.alias("fetch_waters", "make_rope")
    assert library.alias("make_ropes", "make_rope").decision.outcome == "promote"  # to a reader it may look like itself
    second = make.active(library, "make_rope", salt="2")
    assert library.resolve(["rope"]) == {"rope": second.code_hash} and library.get("rope@1").code_hash == rope.code_hash
    make.active(library, "rope", salt="3")
    assert library.get("rope").name == "rope"
