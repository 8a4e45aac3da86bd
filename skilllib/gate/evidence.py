"""The gate that promotes on the evidence of re-execution."""

from __future__ import annotations

from typing import Literal

from skilllib.records.execution import Proof
from skilllib.records.ledger import Change, Decision


class EvidenceGate:
    """Promotes a change whose proof was accepted; rejects every other one."""

    def decide(self, change: Change, proof: Proof) -> Decision:
        """Return the decision with the figures it rests on."""
        figures = {
            "trials": float(len(proof.trials)),
            "successes": float(proof.successes),
            "lower_bound": round(proof.lower_bound, 6),
            "threshold": proof.threshold,
        }
        if not proof.trials:
            return Decision(outcome="reject", codes=("no_evidence",), figures=figures, reason="nothing was executed again")
        if not proof.accepted:
            codes = ("not_proven", *(code for code, so in _codes(proof).items() if so))
            # What was cut short may prove itself yet: the same program, when its writer knows no better.
            outcome: Literal["reject", "need_more"] = "need_more" if proof.cut_short else "reject"
            return Decision(outcome=outcome, codes=codes, figures=figures, reason=proof.reason)
        if proof.twin is not None:
            return Decision(outcome="promote", codes=("proven", "twin"), figures=figures, reason=f"{proof.reason}; {proof.twin}")
        return Decision(outcome="promote", codes=("proven",), figures=figures, reason=proof.reason)


def _codes(proof: Proof) -> dict[str, bool]:
    return {
        "cut_short": proof.cut_short,
        "duplicate": proof.twin is not None,
        "kept_test_fails": any(trial.check is not None and not trial.solved for trial in proof.trials),
        "caller_fails": any(
            not caller.trials or not all(trial.solved for trial in caller.trials)
            for caller in proof.callers
            if caller.old not in proof.kept
        ),
    }


class TrustingGate:
    """Promotes whatever solved its task once: the ablation without re-execution, never a default."""

    def decide(self, change: Change, proof: Proof) -> Decision:
        """Return a promotion that says it rests on a single success."""
        return Decision(
            outcome="promote" if proof.accepted else "reject",
            codes=("not_re_executed",),
            figures={"trials": float(len(proof.trials)), "successes": float(proof.successes)},
            reason="promoted on one success, without re-execution",
        )
