"""What a proof leaves behind: kept tests, measured effects, figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from skilllib.records.base import Json, Scalar, canonical
from skilllib.records.execution import Proof, Trial
from skilllib.records.skill import Effect, KeptTest


def kept_tests(proof: Proof) -> tuple[KeptTest, ...]:
    """Return a replayable test for every trial that was solved; none for a task without a check."""
    task = proof.task
    if task.check is None:
        return ()
    return tuple(
        KeptTest(
            environment=task.environment,
            seed=trial.seed,
            arguments=trial.arguments,
            check=task.check,
            check_arguments={name: trial.arguments.get(name, values[0]) for name, values in task.parameters.items()},
            changes=trial.changes,
            world_steps=trial.world_steps,
        )
        for trial in proof.trials
        if trial.solved
    )


def measured_effects(trials: Sequence[Trial]) -> tuple[Effect, ...]:
    """Return what solved trials did, per distinct arguments and fact, in sorted order.

    A fact that few trials changed is stored as well; `n` and `changed` say how often it was so.
    """
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.solved:
            groups.setdefault(canonical(trial.arguments), []).append(trial)
    return tuple(effect for key in sorted(groups) for effect in _group_effects(groups[key][0].arguments, groups[key]))


def figures(proof: Proof) -> dict[str, float]:
    """Return the figures of the statistics that a proof sets."""
    steps = [trial.world_steps for trial in proof.trials if trial.solved]
    return {"lower_bound": proof.lower_bound, "world_steps": fmean(steps) if steps else 0.0}


def _group_effects(arguments: dict[str, Scalar], trials: Sequence[Trial]) -> Iterator[Effect]:
    facts = sorted({fact for trial in trials for fact in [*trial.changes, *trial.uses]})
    for fact in facts:
        changed = [trial.changes[fact] for trial in trials if fact in trial.changes]
        rises = [_rise(before, after) for before, after in changed]
        finals = [after for _, after in changed]
        yield Effect(
            fact=fact,
            arguments=arguments,
            n=len(trials),
            changed=len(changed),
            rise=min(rises) if rises and min(rises) > 0 else 0.0,
            uses=max(trial.uses.get(fact, 0.0) for trial in trials),
            value=finals[0] if finals and all(_same(final, finals[0]) for final in finals) else None,
        )


def _rise(before: Json, after: Json) -> float:
    """Return by how much a fact rose; one that was absent counts as 0, anything but a number as no rise."""
    before = 0 if before is None else before
    if not isinstance(before, bool | int | float) or not isinstance(after, bool | int | float):
        return 0.0
    return float(after) - float(before)


def _same(left: Json, right: Json) -> bool:
    return type(left) is type(right) and left == right
