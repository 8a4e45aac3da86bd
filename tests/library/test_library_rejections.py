"""The same change is not paid for twice, and another one is not taken for it."""

import pytest

from skilllib.records.ledger import Decision


def broken_edit(library, make):
    """Return the second version of `fetch`, rejected because `carry`, which calls it, breaks."""
    fetch = make.active(library, "fetch")
    carry = make.active(library, "carry", calls=["fetch"])
    new = make.trial(library, make.program("fetch", salt="2", body="walk('broken')"))
    entry = reject(library, make, new)
    return fetch, carry, new, entry


def suggested(library, make, skill, *keep):
    base = library.resolve([skill.name])[skill.name]
    return make.change("edit", skill).model_copy(update={"base": base, "keep": keep})


def reject(library, make, skill, *keep):
    proof = library.rechecked(skill, make.proof(), make.replay, keep=keep)
    assert not proof.accepted
    return library.commit(suggested(library, make, skill, *proof.kept), make.reject, proof=proof)


def test_what_failed_for_a_caller_is_another_change_when_that_caller_may_keep_what_it_calls(library, make):
    _, carry, new, entry = broken_edit(library, make)
    assert library.rejected(suggested(library, make, new)) == entry
    assert library.rejected(suggested(library, make, new, carry.code_hash)) is None


def test_what_failed_for_a_caller_is_another_change_once_that_caller_is_another_one(library, make):
    fetch, _, new, entry = broken_edit(library, make)
    mended = make.trial(library, make.program("carry", salt="mended", calls=["fetch"]), calls={"fetch": fetch.code_hash})
    make.activate(library, mended)
    assert library.rejected(suggested(library, make, new)) is None
    again = reject(library, make, new)
    assert library.rejected(suggested(library, make, new)) == again != entry
    library.revoke(mended.version_hash, "no more")
    assert library.rejected(suggested(library, make, new)) is None, "nothing calls it any more"
    assert not library.problems()


def test_what_failed_for_a_caller_fails_also_where_another_caller_comes_or_goes(library, make):
    *_, new, entry = broken_edit(library, make)
    other = make.active(library, "bring", calls=["fetch"])
    assert library.rejected(suggested(library, make, new)) == entry
    library.revoke(other.version_hash, "no more")
    assert library.rejected(suggested(library, make, new)) == entry


def test_what_failed_by_itself_stays_rejected_whatever_calls_it(library, make):
    make.active(library, "fetch")
    new = make.trial(library, make.program("fetch", salt="2"))
    entry = library.commit(suggested(library, make, new), make.reject, proof=make.proof(accepted=False))
    make.active(library, "carry", calls=["fetch"])
    assert library.rejected(suggested(library, make, new)) == entry


@pytest.mark.parametrize("gone", [False, True])
def test_what_does_the_same_as_another_skill_stays_rejected_as_long_as_that_is_active(library, make, gone):
    twin = make.active(library, "fetch")
    new = make.trial(library, make.program("bring"))
    change = make.change("activate", new)
    decision = Decision(outcome="reject", codes=("duplicate", "behaviour", twin.code_hash), reason="does the same")
    entry = library.commit(change, decision, proof=make.proof())
    if gone:
        library.revoke("fetch", "no more")
    assert library.rejected(change) == (None if gone else entry)


def test_an_entry_that_blames_a_caller_without_naming_it_forbids_nothing(library, make):
    make.active(library, "fetch")
    new = make.trial(library, make.program("fetch", salt="2"))
    unnamed = Decision(outcome="reject", codes=("not_proven", "caller_fails"), reason="as it was written in earlier days")
    library.commit(suggested(library, make, new), unnamed, proof=make.proof(accepted=False))
    assert library.rejected(suggested(library, make, new)) is None
