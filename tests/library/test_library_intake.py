"""Many skills are taken in as one would be, only faster."""

import pytest

from skilllib.embedders import HashingEmbedder
from skilllib.errors import DuplicateSkill, InvalidRecord, UnknownSkill
from skilllib.library import SkillLibrary
from skilllib.records.skill import Callee, Skill


@pytest.fixture
def skills(make):
    """Fetch, make_rope (calls fetch), another make_rope, and climb (calls make_rope)."""

    def skill(name, *calls, salt=""):
        program = make.program(name, calls=[callee.name for callee in calls], salt=salt)
        callees = tuple(Callee(name=callee.name, code_hash=callee.code_hash) for callee in calls)
        return Skill(name=name, program=program, calls=callees, environment="yard")

    fetch = skill("fetch")
    rope = skill("make_rope", fetch)
    return [fetch, rope, skill("make_rope", salt="2"), skill("climb", rope)]


def state(library):
    found = [(one.name, one.version, one.version_hash, one.status, library.tests(one.code_hash)) for one in library.skills()]
    return sorted(found), {one.name: len(library.callers(one.code_hash)) for one in library.skills()}


def test_many_at_once_leave_what_one_at_a_time_leaves(library, make, skills, tmp_path_factory):
    tests = {skills[0].code_hash: library.tests(make.active(library, "other").code_hash)}
    with SkillLibrary.open(tmp_path_factory.mktemp("one"), create=True, embedder=HashingEmbedder()) as single:
        make.active(single, "other")
        for skill in skills:
            single.quarantine(skill, tests=tests.get(skill.code_hash, ()), proposer="test")
        assert library.load([(skill, tests.get(skill.code_hash, ())) for skill in skills], proposer="test") == 4
        assert state(library) == state(single)
        assert library.problems() == single.problems() == []
    assert len(library.ledger()) < len(skills) + 2
    assert library.load([(skill, ()) for skill in skills], proposer="test") == 0
    assert library.problems() == []


def test_a_batch_with_one_that_is_refused_leaves_nothing(library, make, skills):
    make.active(library, "other")
    stranger = skills[3].model_copy(update={"calls": (Callee(name="make_rope", code_hash="f" * 64),)})
    for bad, error in [
        (Skill.model_validate(stranger.model_dump()), UnknownSkill),
        (skills[0].model_copy(update={"name": "class"}), InvalidRecord),
    ]:
        with pytest.raises(error):
            library.load([(skills[0], ()), (bad, ())], proposer="test")
        assert [skill.name for skill in library.skills()] == ["other"] and library.problems() == []


def test_what_was_revoked_is_not_loaded_again(library, make, skills):
    library.load([(skills[0], ())], proposer="test")
    library.commit(make.change("revoke", skills[0]), make.promote)
    for again in ([skills[0]], skills[1:2]):
        with pytest.raises((DuplicateSkill, UnknownSkill)):
            library.load([(skill, ()) for skill in again], proposer="test")
