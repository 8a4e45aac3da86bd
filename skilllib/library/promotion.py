"""What a promotion does: others step down, and the proof leaves kept tests, measured effects and figures behind."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

import sqlalchemy as sa

from skilllib.library import ledger, store, tables
from skilllib.records.base import Json, Scalar, canonical
from skilllib.records.execution import Proof, Trial
from skilllib.records.ledger import Change, Decision
from skilllib.records.skill import Effect, KeptTest, Skill, Statistics


def step_down(connection: sa.Connection, skill: Skill, change: Change, decision: Decision) -> None:
    """Retire what a skill takes the place of: first, so that a name never has two active versions.

    That is the active version of its name and, unless it is restored, what it was merged from. Each gets its own entry.
    """
    columns = tables.versions.c
    others = (columns.status == "active", columns.version_hash != skill.version_hash)
    for row in store.rows(connection, columns.name == skill.name, *others):
        reason = f"replaced by version {skill.version}"
        targets = (ledger.target(connection, row.skill),)
        _retire(connection, row.skill, Change(kind="retire", targets=targets, rationale=reason, proposer=change.proposer), decision)
    if change.kind == "restore":
        return
    for old in store.by_hash(connection, skill.provenance.merged_from).values():
        if old.status == "active" and old.name != skill.name:
            both = (ledger.target(connection, skill), ledger.target(connection, old))
            reason = f"generalised by {skill.name}"
            _retire(connection, old, Change(kind="merge", targets=both, rationale=reason, proposer=change.proposer), decision)


def _retire(connection: sa.Connection, skill: Skill, change: Change, decision: Decision) -> None:
    entry = ledger.append(connection, change, decision)
    store.set_status(connection, skill, "retired", entry.number)


def keep(connection: sa.Connection, skill: Skill, proof: Proof, *, promoted: bool) -> None:
    """Store what a proof showed; only a promotion adds tests and effects, so that what is kept is what was accepted.

    Kept tests that were run again count as trials, but say nothing about fresh worlds. An opinion shows nothing, so nothing
    is kept of it but the decision.
    """
    if proof.by != "check":
        return
    names = frozenset(parameter.name for parameter in skill.program.parameters) if skill.program else frozenset()
    if promoted and not proof.replayed:
        store.add_tests(connection, skill.code_hash, kept_tests(proof, names))
        store.replace_effects(connection, skill.code_hash, measured_effects(proof.trials, names))
    store.count(connection, skill.code_hash, {"trials": len(proof.trials), "successes": proof.successes})
    if not proof.replayed:
        store.set_figures(connection, skill.code_hash, figures(proof))


def inherit(connection: sa.Connection, old: Skill, new: Skill, tests: Sequence[KeptTest], trials: Sequence[Trial]) -> None:
    """Hand on what was kept and counted of a caller to what it is with other callees; what was run again is measured anew."""
    parameters = frozenset(parameter.name for parameter in new.program.parameters) if new.program else frozenset()
    measured = measured_effects(trials, parameters)
    shown = {canonical(effect.arguments) for effect in measured}
    handed_on = [effect for effect in store.effects_of(connection, old.code_hash) if canonical(effect.arguments) not in shown]
    store.add_tests(connection, new.code_hash, tests)
    store.replace_effects(
        connection, new.code_hash, sorted([*handed_on, *measured], key=lambda one: (canonical(one.arguments), one.fact))
    )
    if store.statistics_of(connection, new.code_hash) == Statistics():
        store.set_figures(connection, new.code_hash, store.statistics_of(connection, old.code_hash).model_dump())
    successes = sum(trial.solved for trial in trials)
    store.count(connection, new.code_hash, {"trials": len(trials), "successes": successes})


def kept_tests(proof: Proof, parameters: frozenset[str]) -> tuple[KeptTest, ...]:
    """Return a replayable test for every trial that was solved; none for a task without a check.

    Args:
        proof: The trials, each decided by the task's check or by that of a replayed test.
        parameters: Names of the skill's parameters; a trial's other arguments belong to its check alone.
    """
    return tuple(
        KeptTest(
            environment=proof.task.environment,
            seed=trial.seed,
            prefix=trial.prefix,
            arguments=_only(trial.arguments, parameters),
            check=check,
            check_arguments=_only({**proof.task.arguments(), **trial.arguments}, _names(check)),
            changes=trial.changes,
            world_steps=trial.world_steps,
        )
        for trial in proof.trials
        if trial.solved and (check := trial.check or proof.task.check) is not None
    )


def measured_effects(trials: Sequence[Trial], parameters: frozenset[str]) -> tuple[Effect, ...]:
    """Return what solved trials did, per distinct arguments and fact, in sorted order.

    A fact that few trials changed is stored as well; `n`, `changed` and `raised` say how often it was so.
    """
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.solved:
            groups.setdefault(canonical(_only(trial.arguments, parameters)), []).append(trial)
    return tuple(
        effect for key in sorted(groups) for effect in _group_effects(_only(groups[key][0].arguments, parameters), groups[key])
    )


def figures(proof: Proof) -> dict[str, float]:
    """Return the figures of the statistics that a proof sets."""
    steps = [trial.world_steps for trial in proof.trials if trial.solved]
    return {"lower_bound": proof.lower_bound, "world_steps": fmean(steps) if steps else 0.0}


def _group_effects(arguments: dict[str, Scalar], trials: Sequence[Trial]) -> Iterator[Effect]:
    facts = sorted({fact for trial in trials for fact in [*trial.changes, *trial.uses, *trial.gains]})
    for fact in facts:
        changed = [trial.changes[fact] for trial in trials if fact in trial.changes]
        rises = [_rise(before, after) for before, after in changed]
        finals = [after for _, after in changed]
        yield Effect(
            fact=fact,
            arguments=arguments,
            n=len(trials),
            changed=len(changed),
            raised=sum(trial.gains.get(fact, 0.0) > 0 or _rise(*trial.changes.get(fact, (0, 0))) > 0 for trial in trials),
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


def _only(arguments: Mapping[str, Scalar], names: frozenset[str]) -> dict[str, Scalar]:
    return {name: value for name, value in arguments.items() if name in names}


def _names(check: str) -> frozenset[str]:
    return frozenset(node.id for node in ast.walk(ast.parse(check, mode="eval")) if isinstance(node, ast.Name))


def _same(left: Json, right: Json) -> bool:
    return type(left) is type(right) and left == right
