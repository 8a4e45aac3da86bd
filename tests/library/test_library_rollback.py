"""Going back: to an earlier version, to an earlier text, by another name."""

from __future__ import annotations

import pytest

from skilllib.errors import InvalidRecord, NotVerified, UnknownSkill
from skilllib.records.execution import Trial
from skilllib.records.ledger import Change, Edit
from skilllib.records.skill import Skill


def versions(library, name):
    return {skill.version: skill.status for skill in library.skills() if skill.name == name}


def test_an_earlier_version_comes_back_with_its_callers(library, make):
    make.active(library, "fetch")
    make.active(library, "make_rope", calls=["fetch"])
    make.active(library, "fetch", salt="2")
    assert library.get("make_rope").version == 2
    entry = library.rollback("fetch", replay=make.replay, reason="the new one is slow")
    assert (entry.change.kind, entry.change.rationale, entry.decision.outcome) == ("restore", "the new one is slow", "promote")
    assert versions(library, "fetch") == {1: "active", 2: "retired"}
    assert versions(library, "make_rope") == {1: "active", 2: "retired"}, "with its old callee it is its old version"
    library.rollback("fetch", replay=make.replay)
    assert library.get("fetch").version == library.get("make_rope").version == 2
    library.rollback("fetch", 1, replay=make.replay)
    assert library.get("fetch").version == 1 and library.problems() == []
    assert [hit.skill.version for hit in library.search("fetch", k=1)] == [1]


def test_a_rollback_that_breaks_a_caller_is_refused_and_recorded(library, make):
    make.activate(library, make.trial(library, make.program("fetch", salt="broken")))
    make.active(library, "fetch", salt="2")
    make.active(library, "make_rope", calls=["fetch"])

    def replay(skill, closure, tests):
        solved = [one.version for one in closure if one.name == "fetch"] != [1] or skill.name == "fetch"
        return [one.model_copy(update={"solved": solved}) for one in make.replay(skill, closure, tests)]

    before = library.fingerprint()
    entry = library.rollback("fetch", replay=replay)
    assert entry.decision.outcome == "reject" and "make_rope" in entry.decision.reason and library.fingerprint() == before
    library.rollback("fetch", replay=replay, keep=["make_rope"])
    assert library.get("fetch").version == 1 and library.get("make_rope").version == 1 and library.problems() == []


def test_a_version_whose_own_tests_fail_does_not_come_back(library, make):
    make.active(library, "fetch")
    make.active(library, "fetch", salt="2")
    entry = library.rollback("fetch", replay=lambda skill, closure, tests: [])
    assert entry.decision.reason == "0 of 2 kept tests pass" and library.get("fetch").version == 2


def test_there_is_no_way_back_to_what_never_proved_itself_or_was_revoked(library, make):
    make.active(library, "fetch")
    with pytest.raises(UnknownSkill, match="no earlier version"):
        library.rollback("fetch", replay=make.replay)
    with pytest.raises(InvalidRecord, match="active already"):
        library.rollback("fetch", 1, replay=make.replay)
    make.trial(library, make.program("fetch", salt="2"))
    make.active(library, "fetch", salt="3")
    with pytest.raises(NotVerified, match="trial; prove it with: skilllib verify fetch@2 --activate"):
        library.rollback("fetch", 2, replay=make.replay)
    library.revoke("fetch@1", "unsafe")
    with pytest.raises(NotVerified, match="revoked; prove it with: skilllib verify fetch@1 --activate"):
        library.rollback("fetch", 1, replay=make.replay)
    with pytest.raises(NotVerified, match="only a proof on fresh worlds undoes that: skilllib verify fetch@1 --activate"):
        library.commit(make.change("activate", library.get("fetch@1")), make.promote, proof=make.proof())
    with pytest.raises(UnknownSkill):
        library.rollback("fetch", 9, replay=make.replay)


def test_kept_tests_that_were_run_again_are_not_kept_twice_and_say_nothing_of_fresh_worlds(library, make):
    first = make.active(library, "fetch")
    make.active(library, "fetch", salt="2")
    before = library.tests(first.code_hash), library.effects(first.code_hash), library.statistics(first.code_hash)
    library.rollback("fetch", replay=make.replay)
    tests, effects, figures = library.tests(first.code_hash), library.effects(first.code_hash), library.statistics(first.code_hash)
    assert (tests, effects) == before[:2] and figures.lower_bound == before[2].lower_bound and figures.trials == 4


# ---- another text


def test_a_version_that_differs_in_its_text_alone_shares_code_tests_and_figures(library, make):
    first = make.active(library, "fetch")
    make.active(library, "make_rope", calls=["fetch"])
    second = library.reword("fetch", "Walk, then twist.", proposer="somebody")
    assert (second.version, second.status, second.code_hash) == (2, "trial", first.code_hash)
    assert second.version_hash != first.version_hash and library.reword("fetch", "Walk, then twist.") == second
    assert library.get("fetch").version == 1 and library.version(first.code_hash).version == 1
    make.activate(library, second)
    assert versions(library, "fetch") == {1: "retired", 2: "active"} and versions(library, "make_rope") == {1: "active"}
    assert library.get("fetch").text == "Walk, then twist." and library.version(first.code_hash).text == "Walk, then twist."
    assert library.closure([library.get("make_rope").code_hash])[0].text == "Walk, then twist."
    third = library.reword("fetch", "Twist while walking.")
    make.activate(library, third)
    assert [hit.skill.version for hit in library.search("fetch", k=1)] == [3]
    assert library.rollback("fetch", replay=make.replay).decision.outcome == "promote"
    assert versions(library, "fetch") == {1: "retired", 2: "active", 3: "retired"} and library.problems() == []
    assert len(library.tests(first.code_hash)) == 2 and [hit.skill.version for hit in library.search("fetch", k=1)] == [2]


def test_a_text_on_trial_does_not_hide_the_active_one(library, make):
    make.active(library, "fetch")
    assert library.search("fetch", k=1)
    library.reword("fetch", "Another text.")
    make.active(library, "sing")
    assert {hit.skill.name for hit in library.search("fetch", k=5)} == {"fetch", "sing"}


@pytest.mark.parametrize("form", ["{name}", "{name}@2", "{name}@{code}", "{name}@{version}", "{code}", "{version}"])
def test_every_reference_to_a_reworded_skill_means_one_version(library, make, form):
    make.active(library, "fetch")
    second = library.reword("fetch", "Walk, then twist.")
    make.activate(library, second)
    ref = form.format(name="fetch", code=second.code_hash[:12], version=second.version_hash[:12])
    assert library.get(ref).version == 2


def test_revoking_forbids_the_code_whatever_its_text(library, make):
    make.active(library, "fetch")
    make.activate(library, library.reword("fetch", "Walk."))
    library.revoke("fetch", "unsafe")
    assert versions(library, "fetch") == {1: "revoked", 2: "revoked"} and library.problems() == []


def test_a_skill_in_words_alone_is_another_skill_with_another_text(library):
    library.quarantine(Skill(name="advice", text="Be careful."), proposer="test")
    with pytest.raises(InvalidRecord, match="in words alone"):
        library.reword("advice", "Be bold.")


def test_a_skill_from_outside_with_another_text_is_another_version(library, make):
    first = make.active(library, "fetch")
    other = library.quarantine(Skill.model_validate({**first.model_dump(), "text": "Walk."}), proposer="import")
    assert (other.version, other.status, library.get("fetch").version) == (2, "trial", 1) and library.problems() == []


# ---- another name, and what tells versions apart


def test_an_alias_is_found_as_long_as_no_skill_bears_the_name(library, make):
    make.active(library, "fetch")
    library.alias("get_it", "fetch")
    assert library.get("get_it").name == library.get("get_it@1").name == "fetch"
    assert library.resolve(["get_it", "fetch"]) == dict.fromkeys(["fetch", "get_it"], library.get("fetch").code_hash)
    make.active(library, "fetch", salt="2")
    assert library.get("get_it").version == 2 and library.history("get_it") == library.history("fetch")
    own = make.active(library, "get_it")
    assert library.get("get_it") == own and library.resolve(["get_it"]) == {"get_it": own.code_hash}
    assert library.problems() == []


@pytest.mark.parametrize("name", ["fetch", "sing", "not a name", "_hidden", "class", ""])
def test_an_alias_is_a_name_of_its_own(library, make, name):
    make.active(library, "fetch")
    make.active(library, "sing")
    before = library.ledger()
    with pytest.raises(InvalidRecord):
        library.alias(name, "fetch")
    assert library.ledger() == before


def test_another_name_is_not_taken_from_a_skill_without_a_word(library, make):
    make.active(library, "fetch")
    make.active(library, "sing")
    library.alias("get_it", "fetch")
    before = library.ledger()
    with pytest.raises(InvalidRecord, match=r"'get_it' is another name of 'fetch' already.*skilllib alias get_it sing --move"):
        library.alias("get_it", "sing")
    assert library.ledger() == before and library.aliases() == {"get_it": "fetch"}
    library.alias("get_it", "fetch", move=True)  # nothing to take: it is this very skill's
    entry = library.alias("get_it", "sing", move=True)
    assert entry.decision.reason == "get_it is another name of sing and no longer of fetch"
    assert library.aliases() == {"get_it": "sing"} and library.get("get_it").name == "sing" and library.problems() == []
    make.active(library, "fetch", salt="2")
    assert library.get("get_it").name == "sing"


def test_a_move_that_names_a_skill_which_lost_the_name_meanwhile_is_refused(library, make):
    for name in ("fetch", "sing", "pick"):
        make.active(library, name)
    library.alias("get_it", "fetch")
    edits = (Edit(field="name", value="get_it"), Edit(field="instead_of", value="fetch"))
    change = Change(kind="alias", targets=(library.get("pick").code_hash,), edits=edits, proposer="test")
    library.alias("get_it", "sing", move=True)
    with pytest.raises(InvalidRecord, match="another name of 'sing'"):
        library.commit(change, make.promote)


def test_what_tells_two_versions_apart(library, make):
    make.active(library, "pick")
    make.active(library, "fetch")
    program = make.program("fetch", salt="2", calls=["pick"])
    make.activate(library, make.trial(library, program, calls=library.resolve(["pick"])))
    found = library.diff("fetch@1", "fetch@2")
    assert found.source.startswith("--- fetch@1\n+++ fetch@2\n") and "+    pick()" in found.source and found.text == ""
    assert found.calls == {"pick": (None, library.get("pick").code_hash)} and not found.same
    assert found.description is None and found.contract == {}
    assert library.diff("fetch", "fetch@2").same and library.diff("fetch", "fetch").source == ""


def test_history_tells_of_every_change_and_skips_other_skills(library, make):
    make.active(library, "fetch")
    make.active(library, "make_rope", calls=["fetch"])
    make.active(library, "fetch", salt="2")
    library.alias("get_it", "fetch")
    library.revoke("fetch", "unsafe")
    kinds = [entry.change.kind for entry in library.history("fetch")]
    assert kinds == ["create", "activate", "create", "retire", "activate", "alias", "revoke"]
    assert [entry.change.kind for entry in library.history("make_rope")] == ["create", "activate", "edit", "quarantine"]


def test_a_trial_is_enough_for_a_proof_by_replay_alone_but_not_to_activate(library, make):
    skill = make.trial(library, make.program("fetch"))
    with pytest.raises(NotVerified, match="no trial"):
        library.commit(make.change("activate", skill), make.promote, proof=make.proof(trials=[Trial(seed=1, solved=False)]))
