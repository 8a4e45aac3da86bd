"""The gate that promotes on an opinion: for a library whose policy takes one, never a default."""

from __future__ import annotations

from skilllib.records.execution import Proof
from skilllib.records.ledger import Change, Decision


class OpinionGate:
    """Promotes whatever solved its task once in the opinion of a model, and says so in every decision."""

    def decide(self, change: Change, proof: Proof) -> Decision:
        """Return a promotion that is marked as an opinion."""
        outcome = "promote" if proof.accepted else "reject"
        return Decision(outcome=outcome, codes=("opinion",), reason=proof.reason)  # type: ignore[arg-type]  # one of the two
