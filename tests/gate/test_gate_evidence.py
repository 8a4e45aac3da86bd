"""The gate promotes what was proved, and says what it rests on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skilllib.gate.evidence import EvidenceGate, TrustingGate
from skilllib.records.execution import Proof, Rechecked, Trial
from skilllib.records.ledger import Change
from skilllib.records.task import Task

TASK = Task(id="t", environment="e", goal="have rope", check="after.rope >= 1")
CHANGE = Change(kind="activate", targets=("0" * 64,), proposer="search")


def proof(*solved: bool, accepted: bool, bound: float = 0.0) -> Proof:
    trials = tuple(Trial(seed=i, solved=one) for i, one in enumerate(solved))
    return Proof(task=TASK, trials=trials, accepted=accepted, reason="as recorded", lower_bound=bound, threshold=0.3)


def test_what_was_proved_is_promoted_with_the_figures() -> None:
    decision = EvidenceGate().decide(CHANGE, proof(True, True, False, accepted=True, bound=0.41))
    assert decision.outcome == "promote" and decision.codes == ("proven",)
    assert decision.figures == {"trials": 3.0, "successes": 2.0, "lower_bound": 0.41, "threshold": 0.3}


def test_what_was_not_accepted_is_rejected_however_often_it_worked() -> None:
    decision = EvidenceGate().decide(CHANGE, proof(*[True] * 20, accepted=False, bound=0.9))
    assert decision.outcome == "reject" and decision.codes == ("not_proven",)


def test_acceptance_without_a_trial_is_rejected() -> None:
    decision = EvidenceGate().decide(CHANGE, proof(accepted=True))
    assert decision.outcome == "reject" and decision.codes == ("no_evidence",)


def test_the_ledger_says_that_a_kept_test_failed() -> None:
    failing = Trial(seed=9, solved=False, check="after.rope >= 1")
    shown = proof(True, True, accepted=False)
    decision = EvidenceGate().decide(CHANGE, shown.model_copy(update={"trials": (*shown.trials, failing)}))
    assert decision.outcome == "reject" and decision.codes == ("not_proven", "kept_test_fails")


def test_the_ledger_says_that_a_caller_failed_also_where_none_of_its_tests_could_be_run() -> None:
    caller = Rechecked(name="carry", old="1" * 64, new="2" * 64, trials=())
    shown = proof(True, True, accepted=False).model_copy(update={"callers": (caller,)})
    assert EvidenceGate().decide(CHANGE, shown).codes == ("not_proven", "caller_fails")
    kept = shown.model_copy(update={"kept": (caller.old,)})
    assert EvidenceGate().decide(CHANGE, kept).codes == ("not_proven",)


@given(st.lists(st.booleans(), max_size=20), st.booleans())
def test_nothing_is_promoted_that_was_not_accepted_on_evidence(solved: list[bool], accepted: bool) -> None:
    promoted = EvidenceGate().decide(CHANGE, proof(*solved, accepted=accepted)).outcome == "promote"
    assert promoted == (accepted and bool(solved))


def test_the_ablation_says_that_it_trusts() -> None:
    assert TrustingGate().decide(CHANGE, proof(True, accepted=True)).codes == ("not_re_executed",)
    assert TrustingGate().decide(CHANGE, proof(False, accepted=False)).outcome == "reject"
