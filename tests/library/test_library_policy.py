"""What makes a skill active is stamped into a library when it is made: evidence, or a model's opinion."""

import pytest
import sqlalchemy as sa

from skilllib.embedders import HashingEmbedder
from skilllib.errors import DuplicateSkill, LibraryDamaged, NotVerified, OtherPolicy
from skilllib.library import SkillLibrary, tables
from skilllib.records.execution import Trial
from skilllib.records.ledger import Decision
from skilllib.records.skill import Contract, Provenance, Provision

OPINION = Decision(outcome="promote", codes=("opinion",), reason="a model thinks so")


def opened(folder, policy=None):
    return SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="exact", policy=policy)


@pytest.fixture
def credulous(folder):
    with opened(folder.with_name("credulous"), "opinion") as library:
        yield library


def admitted(library, make, program, *, by="opinion", calls=None, contract=None):
    return library.admit(
        program,
        trace=make.trace(program, by=by),
        contract=contract or Contract(parameters=program.parameters),
        calls=calls or {},
        provenance=Provenance(writer="model"),
        primitives=make.primitives,
    )


def believed(make):
    """A proof that is only an opinion."""
    return make.proof(trials=[Trial(seed=None, solved=True)]).model_copy(update={"by": "opinion"})


def test_a_library_keeps_the_policy_it_was_made_with(folder, tmp_path):
    with opened(folder, "opinion") as library:
        assert library.policy == "opinion"
    with opened(folder) as library, opened(tmp_path / "other") as other:
        assert (library.policy, other.policy) == ("opinion", "evidence")


@pytest.mark.parametrize(("made", "asked"), [("opinion", "evidence"), ("evidence", "opinion"), (None, "opinion")])
def test_a_library_of_the_other_policy_is_refused_with_the_remedy(folder, made, asked):
    opened(folder, made).close()
    before = (folder / "library.db").read_bytes()
    with pytest.raises(OtherPolicy, match=f"{asked!r} is needed.*--library PATH"):
        opened(folder, asked)
    assert (folder / "library.db").read_bytes() == before


def test_a_library_from_before_the_choice_goes_by_evidence(folder):
    with opened(folder) as library, library._database.writing() as connection:
        connection.execute(sa.delete(tables.meta).where(tables.meta.c.key == "policy"))
    with opened(folder, "evidence") as library:
        assert library.policy == "evidence" and library.problems() == []


def test_a_stamp_that_says_something_else_is_damage_and_not_a_guess(folder):
    with opened(folder) as library, library._database.writing() as connection:
        connection.execute(sa.update(tables.meta).where(tables.meta.c.key == "policy").values(value="hearsay"))
    with pytest.raises(LibraryDamaged, match="hearsay"):
        opened(folder)


def test_a_skill_for_which_an_opinion_speaks_is_on_trial_until_the_environment_says_so(library, make):
    skill = admitted(library, make, make.program("make_rope"))
    (entry,) = library.ledger()
    assert (skill.status, entry.decision.outcome, entry.decision.codes) == ("trial", "need_more", ("trial", "opinion"))
    for proof in (None, believed(make)):
        for decision in (OPINION, make.promote):
            with pytest.raises(NotVerified):
                library.commit(make.change("activate", skill), decision, proof=proof)
    assert library.version(skill.code_hash).status == "trial" and library.search("make rope") == []
    make.activate(library, skill)
    assert library.version(skill.code_hash).status == "active" and library.problems() == []


def test_nobodys_word_admits_nothing_whatever_the_policy(library, credulous, make):
    for one in (library, credulous):
        with pytest.raises(NotVerified, match="nobody"):
            admitted(one, make, make.program("make_rope"), by="nobody")


@pytest.mark.parametrize("with_proof", [True, False])
def test_one_opinion_makes_a_skill_active_where_opinions_count(credulous, make, with_proof):
    skill = admitted(credulous, make, make.program("make_rope"))
    credulous.commit(make.change("activate", skill), OPINION, proof=believed(make) if with_proof else None)
    assert credulous.get("make_rope").status == "active"
    assert [hit.skill.name for hit in credulous.search("make rope")] == ["make_rope"]
    assert credulous.tests(skill.code_hash) == () and credulous.effects(skill.code_hash) == ()
    assert credulous.statistics(skill.code_hash).trials == 0
    assert all("opinion" in entry.decision.codes for entry in credulous.ledger())
    assert credulous.problems() == []


def test_a_decision_that_hides_the_opinion_it_rests_on_is_refused(credulous, make):
    skill = admitted(credulous, make, make.program("make_rope"))
    for proof in (None, believed(make)):
        with pytest.raises(NotVerified, match="code 'opinion'"):
            credulous.commit(make.change("activate", skill), make.promote, proof=proof)
    with pytest.raises(NotVerified):
        disbelieved = believed(make).model_copy(update={"accepted": False})
        credulous.commit(make.change("activate", skill), OPINION, proof=disbelieved)


def test_a_real_proof_counts_where_opinions_count_and_keeps_its_tests(credulous, make):
    skill = make.active(credulous, "make_rope")
    assert credulous.tests(skill.code_hash) and credulous.ledger()[-1].decision.codes == ("proven",)


def test_a_name_clash_overwrites_where_opinions_count(credulous, make):
    old = admitted(credulous, make, make.program("make_rope"))
    credulous.commit(make.change("activate", old), OPINION)
    twin = admitted(credulous, make, make.program("make_rope", body="twist()"))
    credulous.commit(make.change("activate", twin), OPINION)
    assert credulous.get("make_rope") == credulous.version(twin.code_hash)
    assert [skill.status for skill in credulous.skills()] == ["retired", "active"]
    again = admitted(credulous, make, old.program)
    credulous.commit(make.change("activate", again), OPINION)
    assert credulous.get("make_rope").code_hash == old.code_hash, "the same text again is no duplicate but the newest word"
    same = admitted(credulous, make, old.program)
    credulous.commit(make.change("activate", same), OPINION)
    assert credulous.get("make_rope").code_hash == old.code_hash and credulous.problems() == []
    assert {code for entry in credulous.ledger() for code in entry.decision.codes} == {"trial", "opinion"}


def test_a_revoked_skill_stays_revoked_where_opinions_count(credulous, make):
    skill = admitted(credulous, make, make.program("make_rope"))
    credulous.commit(make.change("revoke", skill), OPINION)
    with pytest.raises(DuplicateSkill, match="revoked"):
        admitted(credulous, make, skill.program)
    with pytest.raises(NotVerified, match="revoked"):
        credulous.commit(make.change("activate", skill), OPINION)


def test_what_was_never_shown_is_not_among_the_words_under_which_it_is_found(credulous, library, make):
    contract = Contract(provides=(Provision(check="after.inventory.marzipan >= 1"),))
    for one in (library, credulous):
        skill = admitted(one, make, make.program("make_rope"), by="check", contract=contract)
        one.commit(make.change("activate", skill), OPINION, proof=make.proof())
    shown, believed_only = (one.search("provides inventory marzipan at least 1")[0].score for one in (library, credulous))
    assert shown > 2 * believed_only
