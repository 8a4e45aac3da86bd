"""Orders are written with the decision or not at all, taken under a lease, and resumed when a worker dies."""

import pytest

from skilllib.errors import InvalidRecord, UnknownSkill
from skilllib.gate.compiling import CompileGate, asked_for, compile_change
from skilllib.library import SkillLibrary
from skilllib.records.ledger import Decision
from skilllib.records.skill import Statistics


def order(library, skill, **given):
    change = compile_change(skill, base=given.pop("base", "some/base"), backend="distill", proposer="test", **given)
    return library.commit(change, asked_for(skill.name))


def test_an_order_stands_in_ledger_and_outbox_and_changes_no_status(library, make):
    skill = make.active(library, "make_rope")
    entry = order(library, skill, options={"rank": 4}, seed=3)
    (found,) = library.orders()
    assert (found.number, found.code_hash, found.base, found.options, found.seed) == (
        entry.number,
        skill.code_hash,
        "some/base",
        {"rank": 4},
        3,
    )
    assert library.get("make_rope").status == "active" and library.problems() == []
    assert library.ledger()[-1].change.kind == "compile"


def test_an_order_that_is_refused_leaves_neither(library, make):
    skill = make.active(library, "make_rope")
    before = library.ledger()
    with pytest.raises(InvalidRecord, match="names the base model"):
        library.commit(make.change("compile", skill), make.promote)
    with pytest.raises(UnknownSkill):
        library.commit(make.change("compile", skill).model_copy(update={"targets": ("0" * 64,)}), make.promote)
    assert library.orders() == () and library.ledger() == before


def test_what_is_not_promoted_is_recorded_and_orders_nothing(library, make):
    skill = make.active(library, "make_rope")
    change = compile_change(skill, base="b", backend="distill", proposer="test")
    library.commit(change, Decision(outcome="need_more", codes=("seldom_used",)))
    assert library.orders() == () and library.ledger()[-1].decision.codes == ("seldom_used",)


def test_the_same_order_waits_only_once(library, make):
    skill = make.active(library, "make_rope")
    order(library, skill)
    order(library, skill)
    order(library, skill, base="another/base")
    assert [one.base for one in library.orders()] == ["some/base", "another/base"]


def test_two_workers_never_hold_one_order(library, make):
    order(library, make.active(library, "make_rope"))
    first = library.take("one")
    assert first is not None and first.state == "working"
    assert library.take("two") is None


def test_the_order_of_a_worker_that_died_is_taken_by_the_next_and_lost_to_the_first(library, make):
    order(library, make.active(library, "make_rope"))
    first = library.take("one", lease_s=-1)
    second = library.take("two")
    assert second is not None and (second.number, second.tries) == (first.number, 2)
    assert not library.settle(first, done=True) and not library.renew(first)
    assert library.settle(second, done=True, adapter="a" * 64)
    (found,) = library.orders("done")
    assert found.adapter == "a" * 64 and library.take("three") is None


def test_an_order_whose_workers_die_again_and_again_fails_with_words(library, make):
    order(library, make.active(library, "make_rope"))
    for i in range(3):
        assert library.take(f"worker {i}", lease_s=-1) is not None
    assert library.take("the last") is None
    (found,) = library.orders("failed")
    assert "died 3 times" in found.message


def test_an_order_that_is_put_back_counts_no_try(library, make):
    order(library, make.active(library, "make_rope"))
    library.put_back(library.take("one"))
    (found,) = library.orders("waiting")
    assert found.tries == 0


def test_a_worker_does_not_wait_for_the_writer(library, make, tmp_path):
    order(library, make.active(library, "make_rope"))
    with library.writing("a long run"), SkillLibrary.open(library.path, index="exact") as other:
        taken = other.take("worker")
        assert taken is not None and other.settle(taken, done=False, message="no memory")
    assert library.orders("failed")[0].message == "no memory"


def test_weights_have_to_be_earned(library, make):
    skill = make.active(library, "make_rope")
    gate, good = CompileGate(lower_bound=0.5, uses=3, tests=2), Statistics(lower_bound=0.6, called=3, retrieved=9)
    assert gate.decide(skill, good, 2).outcome == "promote"
    for worse, tests, code in (
        (good.model_copy(update={"called": 2}), 2, "seldom_used"),
        (good.model_copy(update={"lower_bound": 0.4}), 2, "lower_bound_too_low"),
        (good, 1, "few_tests"),
    ):
        decision = gate.decide(skill, worse, tests)
        assert decision.outcome == "need_more" and decision.codes == (code,)
    retired = skill.model_copy(update={"status": "retired"})
    assert gate.decide(retired, good, 2).codes == ("not_active",)


def test_what_was_found_and_never_called_is_of_no_use_unless_nobody_can_call_it(library, make):
    skill, gate = make.active(library, "make_rope"), CompileGate()
    found = Statistics(lower_bound=0.9, retrieved=100)
    decision = gate.decide(skill, found, 9)
    assert decision.codes == ("seldom_used",) and decision.figures["uses"] == 0
    in_words = skill.model_copy(update={"program": None, "text": "Twist the fibres.", "calls": ()})
    assert gate.decide(in_words, found, 9).outcome == "promote"
    assert gate.decide(in_words, found.model_copy(update={"retrieved": 4}), 9).codes == ("seldom_used",)
