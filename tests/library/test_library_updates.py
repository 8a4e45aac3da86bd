"""A new version reaches its callers only when they passed their kept tests with it."""

from __future__ import annotations

import pytest

from skilllib.errors import NotVerified
from skilllib.library.calling import rewritten_calls
from skilllib.library.relinking import FIRST_TESTS
from skilllib.records.execution import Trial
from skilllib.records.ledger import Change, Decision
from skilllib.records.program import Program
from skilllib.records.skill import Contract, Provenance


@pytest.fixture
def chain(library, make):
    """`make_swing` calls `make_rope`, which calls `fetch`."""
    for name, calls in (("fetch", []), ("make_rope", ["fetch"]), ("make_swing", ["make_rope"]), ("sing", [])):
        make.active(library, name, calls=calls)
    return library


def statuses(library):
    return {f"{skill.name}@{skill.version}": skill.status for skill in library.skills() if skill.status != "retired"}


def test_callers_follow_a_new_version_at_every_depth(chain, make):
    old = {name: chain.get(name) for name in ("fetch", "make_rope", "make_swing", "sing")}
    make.active(chain, "fetch", salt="2")
    rope, swing = chain.get("make_rope"), chain.get("make_swing")
    assert statuses(chain) == {"fetch@2": "active", "make_rope@2": "active", "make_swing@2": "active", "sing@1": "active"}
    assert rope.calls[0].code_hash == chain.get("fetch").code_hash and swing.calls[0].code_hash == rope.code_hash
    assert rope.program == old["make_rope"].program and rope.provenance.relinked_from == old["make_rope"].code_hash
    assert chain.tests(rope.code_hash) == chain.tests(old["make_rope"].code_hash)
    assert [hit.skill.version for hit in chain.search("make swing", k=1)] == [2]
    entries = [entry for entry in chain.history("make_swing") if entry.change.kind == "edit"]
    assert [entry.decision.codes for entry in entries] == [("relinked",)] and "fetch (version 2)" in entries[0].decision.reason
    assert chain.problems() == []


def test_an_update_that_breaks_a_distant_caller_stays_on_trial_as_a_whole(chain, make):
    before = statuses(chain), chain.fingerprint()
    worse = make.trial(chain, make.program("fetch", salt="2", body="'broken'"))
    proof = chain.rechecked(worse, make.proof(), make.replay)
    assert not proof.accepted and "make_rope" in proof.reason and "it broke" in proof.reason
    with pytest.raises(NotVerified):
        chain.commit(make.change("activate", worse), make.promote, proof=proof)
    chain.commit(make.change("activate", worse), Decision(outcome="reject", reason=proof.reason), proof=proof)
    assert (statuses(chain), chain.fingerprint()) == ({**before[0], "fetch@2": "trial"}, before[1])
    assert "make_rope" in chain.history("fetch")[-1].decision.reason and chain.problems() == []


def drop_last(proof):
    return {"callers": proof.callers[:-1]}


def fail_one(proof):
    first, *others = proof.callers
    trials = (first.trials[0].model_copy(update={"solved": False}), *first.trials[1:])
    return {"callers": (first.model_copy(update={"trials": trials}), *others)}


def another_world(proof):
    first, *others = proof.callers
    return {
        "callers": (
            first.model_copy(update={"trials": tuple(one.model_copy(update={"seed": 99}) for one in first.trials)}),
            *others,
        )
    }


def another_caller(proof):
    return {"callers": tuple(one.model_copy(update={"new": one.old}) for one in proof.callers)}


@pytest.mark.parametrize("tampered", [drop_last, fail_one, another_world, another_caller, lambda proof: {"callers": ()}])
def test_evidence_that_is_not_whole_activates_nothing(chain, make, tampered):
    before = statuses(chain)
    skill = make.trial(chain, make.program("fetch", salt="2"))
    proof = chain.rechecked(skill, make.proof(), make.replay)
    with pytest.raises(NotVerified, match="kept tests"):
        chain.commit(make.change("activate", skill), make.promote, proof=proof.model_copy(update=tampered(proof)))
    assert statuses(chain) == {**before, "fetch@2": "trial"}
    chain.commit(make.change("activate", skill), make.promote, proof=proof)
    assert chain.get("make_swing").version == 2


def test_a_caller_that_came_meanwhile_has_to_be_checked_too(chain, make):
    skill = make.trial(chain, make.program("fetch", salt="2"))
    proof = chain.rechecked(skill, make.proof(), make.replay)
    make.active(chain, "make_net", calls=["fetch"])
    with pytest.raises(NotVerified, match="make_net"):
        chain.commit(make.change("activate", skill), make.promote, proof=proof)


def test_a_caller_may_keep_what_it_calls_by_choice(chain, make):
    skill = make.trial(chain, make.program("fetch", salt="2", body="'broken'"))
    make.activate(chain, skill, keep=["make_rope"])
    assert statuses(chain) == {"fetch@2": "active", "make_rope@1": "active", "make_swing@1": "active", "sing@1": "active"}
    assert chain.history("fetch")[-1].change.keep == (chain.get("make_rope").code_hash,)
    assert chain.get("fetch@1").status == "retired" and chain.problems() == []


def test_a_caller_above_the_one_that_fails_can_still_follow_elsewhere(library, make):
    make.active(library, "fetch")
    rope = make.program("make_rope", calls=["fetch"], body="'fragile'")
    make.activate(library, make.trial(library, rope, calls=library.resolve(["fetch"])))
    make.active(library, "make_swing", calls=["make_rope", "fetch"])
    new = make.trial(library, make.program("fetch", salt="2"))

    def replay(skill, closure, tests):
        trials = make.replay(skill, closure, tests)
        return [one.model_copy(update={"solved": skill.name != "make_rope"}) for one in trials]

    proof = library.rechecked(new, make.proof(), replay, yielding=True)
    change = make.change("activate", new).model_copy(update={"keep": proof.kept})
    library.commit(change, make.promote, proof=proof)
    swing = {callee.name: library.version(callee.code_hash).version for callee in library.get("make_swing").calls}
    assert swing == {"make_rope": 1, "fetch": 2} and library.problems() == []


def test_where_nobody_can_run_tests_callers_keep_what_they_call(chain, make):
    new = make.trial(chain, make.program("fetch", salt="2"))
    proof = chain.rechecked(new, make.proof(), None)
    chain.commit(make.change("activate", new).model_copy(update={"keep": proof.kept}), make.promote, proof=proof)
    assert chain.get("make_rope").version == 1 and chain.problems() == []


@pytest.fixture
def well_tested(library, make):
    """A caller with twenty kept tests, of five lengths."""
    make.active(library, "fetch")
    program = make.program("make_rope", calls=["fetch"], parameters="length: int")
    rope = make.trial(library, program, calls=library.resolve(["fetch"]))
    trials = [Trial(seed=seed, solved=True, arguments={"length": 1 + seed // 4}, changes={"day": (1, 2)}) for seed in range(20)]
    library.commit(make.change("activate", rope), make.promote, proof=make.proof(trials=trials))
    return library


def failing(make, ran, **where):
    """Return what runs tests, notes them, and has those fail that are like this."""

    def replay(skill, closure, tests):
        ran.append(len(tests))
        outcomes = make.replay(skill, closure, tests)
        wrong = [all({**one.arguments, "seed": one.seed}[name] == value for name, value in where.items()) for one in outcomes]
        return [one.model_copy(update={"solved": one.solved and not bad}) for one, bad in zip(outcomes, wrong, strict=True)]

    return replay


def test_every_kept_test_of_a_caller_is_run_those_with_different_arguments_first(well_tested, make):
    (relink,) = well_tested.relinked(make.trial(well_tested, make.program("fetch", salt="2"))).callers
    assert [test.arguments["length"] for test in relink.tests[:5]] == [1, 2, 3, 4, 5] and len(relink.tests) == 20
    make.activate(well_tested, well_tested.get("fetch@2"))
    found = well_tested.effects(well_tested.get("make_rope").code_hash)
    assert {effect.arguments["length"]: effect.n for effect in found} == dict.fromkeys(range(1, 6), 4)


def test_an_update_with_which_a_single_kept_test_of_a_caller_fails_stays_on_trial(well_tested, make):
    new, ran = make.trial(well_tested, make.program("fetch", salt="2")), []
    proof = well_tested.rechecked(new, make.proof(), failing(make, ran, length=5, seed=19))
    assert not proof.accepted and "make_rope" in proof.reason and sum(ran) == 20
    with pytest.raises(NotVerified, match="make_rope"):
        well_tested.commit(make.change("activate", new), make.promote, proof=proof.model_copy(update={"accepted": True}))
    assert well_tested.get("fetch").version == 1 and well_tested.version(new.code_hash).status == "trial"


def test_a_caller_that_fails_one_of_its_first_tests_is_spared_the_others(well_tested, make):
    new, ran = make.trial(well_tested, make.program("fetch", salt="2")), []
    assert not well_tested.rechecked(new, make.proof(), failing(make, ran, length=2)).accepted
    assert ran == [FIRST_TESTS]


def test_what_was_counted_of_a_caller_is_handed_on(chain, make):
    chain.count(chain.get("make_rope").code_hash, called=5, failed=1, tokens=70, usd=0.5)
    make.active(chain, "fetch", salt="2")
    figures = chain.statistics(chain.get("make_rope").code_hash)
    assert (figures.called, figures.failed, figures.tokens, figures.usd) == (5, 1, 70, 0.5)
    assert (figures.trials, figures.lower_bound) == (4, 0.5), "the two tests that were run again count as trials"


def test_a_caller_gets_the_capabilities_that_its_new_callee_needs(library, make):
    def admitted(name, capabilities, calls=(), salt=""):
        program = make.program(name, calls=calls, salt=salt)
        return library.admit(
            program,
            trace=make.trace(program),
            contract=Contract(capabilities=capabilities),
            calls=library.resolve(calls),
            provenance=Provenance(),
            primitives=make.primitives,
        )

    make.activate(library, admitted("fetch", ("walk",)))
    make.activate(library, admitted("make_rope", ("twist", "walk"), calls=["fetch"]))
    make.activate(library, admitted("fetch", ("swim", "walk"), salt="2"))
    assert library.get("make_rope").contract.capabilities == ("swim", "twist", "walk")


def test_callers_of_what_is_generalised_call_the_general_one_with_its_argument(library, make):
    make.active(library, "fetch_wood")
    make.active(library, "make_rope", calls=["fetch_wood"])
    old = library.get("fetch_wood")
    program = make.program("fetch", parameters="what: str")
    merged = {"merged_from": (old.code_hash,), "merged_with": {old.code_hash: {"what": "wood"}}}
    new = library.admit(
        program,
        trace=make.trace(program),
        contract=Contract(parameters=program.parameters),
        calls={},
        provenance=Provenance(**merged),
        primitives=make.primitives,
    )
    make.activate(library, new)
    rope = library.get("make_rope")
    assert library.get("fetch_wood").status == "retired" and rope.calls[0].code_hash == new.code_hash
    assert rope.program.source.endswith("    fetch_wood(what='wood')\n") and library.problems() == []


@pytest.mark.parametrize(
    ("call", "rewritten"),
    [
        ("fetch()", "fetch(what='wood')"),
        ("fetch(n=fetch(n=1))", "fetch(n=fetch(n=1, what='wood'), what='wood')"),
        ("fetch(\n        n=1,\n    )", None),
        ("fetch(n=1,)", "fetch(n=1,what='wood')"),
        ("'ä'; fetch(n='ö')", "'ä'; fetch(n='ö', what='wood')"),
        ("fetch(2)", None),
        ("fetch(what='clay')", None),
        ("fetch(**{})", None),
        ("map(fetch, [1])", None),
    ],
)
def test_a_call_is_rewritten_in_place_or_not_at_all(call, rewritten):
    program = Program.parse(f"def go() -> None:\n    'Go.'\n    {call}\n")
    if rewritten is None:
        with pytest.raises(ValueError, match=r"go|syntax|parse"):
            rewritten_calls(program, "fetch", {"what": "wood"})
    else:
        assert rewritten_calls(program, "fetch", {"what": "wood"}).source == f"def go() -> None:\n    'Go.'\n    {rewritten}\n"


def test_a_rejected_change_is_remembered_by_what_it_says(chain, make):
    skill = make.trial(chain, make.program("fetch", salt="2"))
    change = make.change("activate", skill)
    assert chain.rejected(change) is None
    entry = chain.commit(change, make.reject, proof=make.proof(accepted=False))
    again = Change(
        kind="activate", targets=(skill.version_hash,), proposer="somebody else", rationale="other words", evidence=("x",)
    )
    assert chain.rejected(again) == entry
    assert chain.rejected(again.model_copy(update={"kind": "edit"})) is None
    assert chain.rejected(again.model_copy(update={"keep": ("f" * 64,)})) is None
    assert chain.rejected(Change(kind="activate", targets=("0" * 64,), proposer="x")) is None, "what is not here was never rejected"
