"""The gate of adapters: as good as the text in context, better than a wrong adapter, and no harm to other skills."""

from __future__ import annotations

from dataclasses import dataclass

from skilllib.records.adapter import Evaluation
from skilllib.records.ledger import Decision


@dataclass(frozen=True)
class AdapterGate:
    """Decides whether an adapter is kept, from what was measured on held-out tasks.

    Args:
        tolerance: How far its success may stay under that of the text in context.
        margin: By how much it must beat a wrong adapter in success; at equal success, in nats per token.
        locality: Nats per token by which other skills' prompts may be answered otherwise.
        disturbed: Share of other skills' tasks that may fail because of it.
        together: Share of its own success, as it was before, that it must have among those that it was settled with.
    """

    tolerance: float = 0.05
    margin: float = 0.05
    locality: float = 0.1
    disturbed: float = 0.1
    together: float = 0.9

    def decide(self, evaluation: Evaluation) -> Decision:
        """Return the decision with its figures; what was not measured of the skill itself counts against the adapter."""
        figures = _figures(evaluation)
        codes = tuple(code for code, holds in self._claims(evaluation).items() if not holds)
        if not codes:
            return Decision(
                outcome="promote", codes=("adapter_accepted",), figures=figures, reason="as good as the text in context"
            )
        reasons = {
            "not_measured": "it was not measured on any held-out task",
            "useless": "it solves no held-out task",
            "below_context": f"it stays more than {self.tolerance:g} under the text in context",
            "no_better_than_wrong": "it does no better than the adapter of another skill, or than none",
            "not_local": f"it changes answers to other skills' prompts by more than {self.locality:g} nats a token",
            "disturbs": f"more than {self.disturbed:g} of other skills' tasks fail because of it",
            "loses": f"it stays more than {self.tolerance:g} under what it was before it was settled",
            "falls_among_others": f"among the others it solves less than {self.together:g} of what it solved before",
        }
        return Decision(outcome="reject", codes=codes, figures=figures, reason="; ".join(reasons[code] for code in codes))

    def _claims(self, evaluation: Evaluation) -> dict[str, bool]:
        adapter, context = (evaluation.arms.get(arm) for arm in ("adapter", "context"))
        wrong = evaluation.arms.get("wrong", evaluation.arms.get("none"))  # the first skill of all has no other one's adapter
        if adapter is None or context is None or adapter.n == 0:
            return {"not_measured": False}
        claims = {
            "useless": adapter.success > 0,
            "below_context": adapter.success >= context.success - self.tolerance - 1e-9,
            "not_local": evaluation.locality is None or evaluation.locality <= self.locality,
            "disturbs": evaluation.disturbed is None or evaluation.disturbed <= self.disturbed,
        }
        before = evaluation.arms.get("unsettled", adapter)
        claims["loses"] = adapter.success >= before.success - self.tolerance - 1e-9
        if (among := evaluation.arms.get("together")) is not None:
            claims["falls_among_others"] = among.success >= self.together * before.success - 1e-9
        if wrong is not None:
            claims["no_better_than_wrong"] = adapter.success >= wrong.success + self.margin or (
                adapter.success >= wrong.success
                and adapter.nll is not None
                and wrong.nll is not None
                and adapter.nll <= wrong.nll - self.margin
            )
        return claims


def _figures(evaluation: Evaluation) -> dict[str, float]:
    figures: dict[str, float] = {}
    for arm, score in evaluation.arms.items():
        figures[f"success_{arm}"] = score.success
        if score.nll is not None:
            figures[f"nll_{arm}"] = score.nll
    for name in ("locality", "disturbed"):
        if (value := getattr(evaluation, name)) is not None:
            figures[name] = value
    return figures
