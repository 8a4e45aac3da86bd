"""The gate of adapters decides from figures alone."""

from __future__ import annotations

from typing import Any

import pytest

from skilllib.gate.adapter import AdapterGate
from skilllib.records.adapter import Evaluation, Score


def measured(locality: float | None = 0.01, disturbed: float | None = 0.0, **success: float) -> Evaluation:
    arms: dict[Any, Score] = {arm: Score(success=value, n=20, nll=1 - value) for arm, value in success.items()}
    return Evaluation(arms=arms, locality=locality, disturbed=disturbed)


USELESS = Evaluation(
    arms={
        "context": Score(success=0.0, n=20, nll=0.5),
        "adapter": Score(success=0.0, n=20, nll=0.1),
        "wrong": Score(success=0.0, n=20, nll=0.9),
    }
)
GOOD = {"none": 0.0, "context": 0.9, "adapter": 0.9, "wrong": 0.1}


def test_as_good_as_the_text_and_better_than_a_wrong_one_is_kept() -> None:
    decision = AdapterGate().decide(measured(**GOOD))
    assert decision.outcome == "promote" and decision.figures["success_adapter"] == 0.9


@pytest.mark.parametrize(
    ("evaluation", "code"),
    [
        (measured(**{**GOOD, "adapter": 0.84}), "below_context"),
        (measured(**{**GOOD, "wrong": 0.9}), "no_better_than_wrong"),
        (measured(locality=0.2, **GOOD), "not_local"),
        (measured(disturbed=0.2, **GOOD), "disturbs"),
        (USELESS, "useless"),
        (measured(none=0.0, context=1.0), "not_measured"),
        (Evaluation(), "not_measured"),
    ],
)
def test_each_claim_can_fail(evaluation: Evaluation, code: str) -> None:
    decision = AdapterGate().decide(evaluation)
    assert decision.outcome == "reject" and decision.codes == (code,) and decision.reason


def test_the_edge_of_the_tolerance_is_within_it() -> None:
    assert AdapterGate().decide(measured(**{**GOOD, "adapter": 0.85})).outcome == "promote"


def test_at_equal_success_the_likelihood_decides() -> None:
    arms = {arm: Score(success=1.0, n=5, nll=nll) for arm, nll in (("context", 0.1), ("adapter", 0.1), ("wrong", 0.5))}
    even = Evaluation.model_validate({"arms": arms, "locality": 0.0, "disturbed": 0.0})
    assert AdapterGate().decide(even).outcome == "promote"
    assert AdapterGate(margin=0.5).decide(even).codes == ("no_better_than_wrong",)


def test_where_there_is_no_other_skill_none_can_be_disturbed() -> None:
    alone = measured(locality=None, disturbed=None, none=0.0, context=0.9, adapter=0.9)
    assert AdapterGate().decide(alone).outcome == "promote"


def test_where_there_is_no_other_skill_it_has_to_beat_the_model_without_an_adapter() -> None:
    alone = measured(locality=None, disturbed=None, none=0.9, context=0.9, adapter=0.9)
    assert AdapterGate().decide(alone).codes == ("no_better_than_wrong",)
