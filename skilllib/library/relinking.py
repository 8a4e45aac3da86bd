"""Callers follow: what calls a version is linked to the one that takes its place, and proves itself with it first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from skilllib.errors import InvalidProgram, NotVerified
from skilllib.library import graph as graphs
from skilllib.library import ledger, promotion, store, tables
from skilllib.library.calling import rewritten_calls
from skilllib.records.base import Scalar, canonical
from skilllib.records.execution import Proof, Rechecked, Trial
from skilllib.records.ledger import Change, Decision, Edit
from skilllib.records.skill import Callee, KeptTest, Skill

FIRST_TESTS = 4
"""Kept tests of a caller that are run first with a new version of what it calls; the others are run where these pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Relink:
    """An active caller, and what it becomes."""

    old: Skill
    new: Skill
    """The same but for its callees, and for calls that need other arguments now; not stored yet, unless it was before."""
    closure: tuple[Skill, ...]
    """Everything the new one reaches, callees first, itself last."""
    tests: tuple[KeptTest, ...]
    """All that it keeps, those with different arguments first: it has to pass every one."""

    def passed(self, found: Rechecked | None) -> bool:
        """Return whether every kept test came out as expected."""
        return found is not None and bool(self.tests) and passes(self.tests, found.trials) == len(self.tests)


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """What follows for its callers when a version becomes active."""

    skill: Skill
    replaces: tuple[Skill, ...]
    """The active versions whose place it takes."""
    callers: tuple[Relink, ...]
    """Those that follow, callees before callers."""
    kept: tuple[Skill, ...]
    """Those that go on with the version they call: by choice, because the new version rests on them itself, or because the call
    cannot be written for it."""


def various(tests: Sequence[KeptTest]) -> tuple[KeptTest, ...]:
    """Return the tests with those first whose arguments no earlier one has, so that a few show every use of a skill."""
    seen: dict[str, int] = {}
    ranks = []
    for test in tests:
        key = canonical(test.arguments)
        seen[key] = seen.get(key, 0) + 1
        ranks.append(seen[key])
    order = sorted(range(len(tests)), key=ranks.__getitem__)
    return tuple(tests[i] for i in order)


# ---- the plan


def update(connection: sa.Connection, skill: Skill, *, keep: Collection[str] = ()) -> Update:
    """Return what follows for its callers if a skill becomes active.

    Args:
        connection: The library.
        skill: Stored, or a draft of what will be.
        keep: Code hashes of callers that go on with the version they call.
    """
    skill = store.by_hash(connection, [skill.code_hash]).get(skill.code_hash, skill)
    replaces = _replaced(connection, skill)
    stand_ins = {old.code_hash: (skill, skill.provenance.merged_with.get(old.code_hash, {})) for old in replaces}
    planned = {skill.code_hash: skill}
    callers, kept = [], []
    load = _loading(connection, planned)
    resting_on = graphs.reachable([skill.code_hash], load).keys()
    for old in _active_callers(connection, stand_ins):
        if not any(callee.code_hash in stand_ins for callee in old.calls):
            continue
        new = None if old.code_hash in {*keep, *resting_on} else relinked(old, stand_ins)
        if new is None:
            kept.append(old)
            continue
        new = _numbered(connection, new)
        planned[new.code_hash] = new
        stand_ins[old.code_hash] = (new, {})
        closure = graphs.ordered(graphs.reachable([new.code_hash], load))
        tests = [*store.tests_of(connection, old.code_hash), *store.tests_of(connection, new.code_hash)]
        callers.append(
            Relink(old=old, new=new, closure=closure, tests=various(tuple({_case(test): test for test in tests}.values())))
        )
    return Update(skill=skill, replaces=replaces, callers=tuple(callers), kept=tuple(kept))


def relinked(skill: Skill, stand_ins: Mapping[str, tuple[Skill, Mapping[str, Scalar]]]) -> Skill | None:
    """Return a skill that calls other versions, or None if its calls cannot be written for them.

    Args:
        skill: The caller.
        stand_ins: Code hash of a callee → what stands in its place, and the arguments with which that does the same.
    """
    program, calls, capabilities = skill.program, [], set(skill.contract.capabilities)
    for callee in skill.calls:
        new, arguments = stand_ins.get(callee.code_hash, (None, {}))
        calls.append(callee if new is None else Callee(name=callee.name, code_hash=new.code_hash))
        if new is None:
            continue
        capabilities.update(new.contract.capabilities)
        if arguments and program is not None:
            try:
                program = rewritten_calls(program, callee.name, arguments)
            except InvalidProgram:
                return None
    if program is None:
        return None
    contract = skill.contract.model_copy(
        update={"capabilities": tuple(sorted(capabilities)) if skill.contract.capabilities else ()}
    )
    provenance = skill.provenance.model_copy(update={"relinked_from": skill.code_hash})
    changed = {"program": program, "calls": tuple(calls), "contract": contract, "provenance": provenance, "status": "trial"}
    # Not `model_copy`: it would carry over the hashes that were already computed.
    return Skill.model_validate({**{name: getattr(skill, name) for name in Skill.model_fields}, **changed})


def _replaced(connection: sa.Connection, skill: Skill) -> tuple[Skill, ...]:
    columns = tables.versions.c
    others = (columns.status == "active", columns.code_hash != skill.code_hash)
    found = [row.skill for row in store.rows(connection, columns.name == skill.name, *others)]
    if skill.status == "trial":  # what was active before does not take the place of what it once generalised
        merged = store.by_hash(connection, skill.provenance.merged_from).values()
        found += [old for old in merged if old.status == "active" and old.name != skill.name]
    return tuple(found)


def _active_callers(connection: sa.Connection, callees: Iterable[str]) -> tuple[Skill, ...]:
    """Return the active skills that call one of these, and those that call them, callees first."""
    found: dict[str, Skill] = {}
    frontier = set(callees)
    while frontier:
        callers = connection.execute(sa.select(tables.calls.c.caller).where(tables.calls.c.callee.in_(frontier))).scalars()
        new = store.by_hash(connection, sorted(set(callers) - found.keys()))
        frontier = {code_hash for code_hash, skill in new.items() if skill.status == "active"}
        found.update((code_hash, new[code_hash]) for code_hash in sorted(frontier))
    return graphs.ordered(found)


def _loading(connection: sa.Connection, planned: Mapping[str, Skill]) -> graphs.Load:
    def load(hashes: Iterable[str]) -> dict[str, Skill]:
        wanted = list(hashes)
        stored = store.by_hash(connection, [code_hash for code_hash in wanted if code_hash not in planned])
        return {
            code_hash: planned.get(code_hash) or stored[code_hash] for code_hash in wanted if code_hash in {**planned, **stored}
        }

    return load


def _numbered(connection: sa.Connection, skill: Skill) -> Skill:
    """Return the stored version that a relinked skill is, if it was there before, or the draft with its number."""
    columns = tables.versions.c
    if known := store.rows(connection, columns.version_hash == skill.version_hash):
        return known[0].skill
    return skill.model_copy(update={"version": store.next_number(connection, columns.version, columns.name == skill.name)})


# ---- the evidence


def refuse_unchecked(plan: Update, proof: Proof | None) -> None:
    """Raise unless a proof shows that every caller that follows passes its kept tests with the new version.

    Raises:
        NotVerified: With the caller, and what can be done.
    """
    found = {one.new: one for one in proof.callers} if proof else {}
    for relink in plan.callers:
        callee, caller = plan.skill.name, f"{relink.old.name!r} (version {relink.old.version})"
        remedy = f"mend one of them, or let {relink.old.name!r} keep the version it calls"
        if relink.new.status == "revoked":
            raise NotVerified(
                f"with this version of {callee!r} {caller} would be its version {relink.new.version}, which was revoked"
            )
        if not relink.tests:
            raise NotVerified(
                f"{caller} calls {callee!r} and keeps no test that could show that it works with the new one; {remedy}"
            )
        if not relink.passed(found.get(relink.new.code_hash)):
            raise NotVerified(f"{caller} has not passed its kept tests with the new version of {callee!r}; {remedy}")


def passes(tests: Iterable[KeptTest], trials: Iterable[Trial]) -> int:
    """Return how many tests came out as expected; one without a trial did not."""
    outcomes = {_case_of(trial): trial.solved for trial in trials}
    return sum(outcomes.get(_case(test)) == test.expected for test in tests)


def _case(test: KeptTest) -> str:
    arguments = {**test.check_arguments, **test.arguments}
    return canonical([test.seed or 0, [list(call) for call in test.prefix], arguments, test.check])


def _case_of(trial: Trial) -> str:
    return canonical([trial.seed or 0, [list(call) for call in trial.prefix], trial.arguments, trial.check])


# ---- carrying it out


def carry_out(connection: sa.Connection, plan: Update, proof: Proof, change: Change) -> Iterator[Skill]:
    """Make the relinked callers active in place of the old ones, each with an entry of its own; yield them."""
    found = {one.new: one for one in proof.callers}
    for relink in plan.callers:
        old, new = relink.old, relink.new
        edit = Edit(field="calls", value=[[callee.name, callee.code_hash] for callee in new.calls])
        entry = ledger.append(
            connection,
            Change(
                kind="edit",
                targets=(ledger.target(connection, new), ledger.target(connection, old)),
                base=old.version_hash,
                edits=(edit,),
                rationale=f"follows {plan.skill.name} (version {plan.skill.version})",
                proposer=change.proposer,
            ),
            Decision(
                outcome="promote",
                codes=("relinked",),
                figures={"tests": float(len(relink.tests))},
                reason=f"passes its kept tests with {plan.skill.name} (version {plan.skill.version})",
            ),
        )
        if not store.rows(connection, tables.versions.c.version_hash == new.version_hash):
            store.add_version(connection, new, entry.number)
        store.set_status(connection, old, "retired", entry.number)
        store.set_status(connection, new, "active", entry.number)
        promotion.inherit(connection, old, new, relink.tests, found[new.code_hash].trials)
        yield new


# ---- what rests on something revoked


def renewed(connection: sa.Connection, skill: Skill, *, proposer: str) -> Skill:
    """Store, on trial, a version of a skill that calls active versions where it called what was revoked; return it.

    What it calls on the way there is renewed with it. A skill that rests on nothing revoked is returned as it is.

    Raises:
        NotVerified: Something that it calls was revoked, and no other version of that is active.
        CyclicCalls: An active version calls the skill in turn.
    """
    stand_ins: dict[str, tuple[Skill, Mapping[str, Scalar]]] = {}
    found: dict[str, Skill] = {}
    frontier = [skill]
    while frontier:
        found.update((one.code_hash, one) for one in frontier)
        callees = {callee.code_hash for one in frontier for callee in one.calls} - found.keys() - stand_ins.keys()
        frontier = []
        for one in store.by_hash(connection, sorted(callees)).values():
            current = _active_of(connection, one)
            if current is not None:
                stand_ins[one.code_hash] = (current, {})
            elif one.status == "revoked":
                raise NotVerified(
                    f"{skill.name!r} rests on {one.name!r} (version {one.version}), which was revoked; mend that first"
                )
            else:
                frontier.append(one)
    for one in graphs.ordered(found):
        if any(callee.code_hash in stand_ins for callee in one.calls):
            stand_ins[one.code_hash] = (_taken_in(connection, one, stand_ins, proposer), {})
    return stand_ins[skill.code_hash][0] if skill.code_hash in stand_ins else skill


def _active_of(connection: sa.Connection, skill: Skill) -> Skill | None:
    """Return the active version of the name of a skill that cannot be called itself, None if it can or there is none."""
    if skill.status in ("active", "retired"):
        return None
    columns = tables.versions.c
    return next((row.skill for row in store.rows(connection, columns.name == skill.name, columns.status == "active")), None)


def _taken_in(
    connection: sa.Connection, old: Skill, stand_ins: Mapping[str, tuple[Skill, Mapping[str, Scalar]]], proposer: str
) -> Skill:
    new = relinked(old, stand_ins)
    if new is None:
        raise NotVerified(f"{old.name!r} (version {old.version}) is in words; nothing can be called in it")
    new = _numbered(connection, new)
    hashes = [callee.code_hash for callee in new.calls]
    graphs.refuse_circle(new.name, graphs.reachable(hashes, lambda wanted: store.by_hash(connection, wanted)).values())
    if store.rows(connection, tables.versions.c.version_hash == new.version_hash):
        return new
    edit = Edit(field="calls", value=[[callee.name, callee.code_hash] for callee in new.calls])
    reason = "calls active versions where it called what was revoked"
    entry = ledger.append(
        connection,
        Change(
            kind="create",
            targets=(ledger.target(connection, new),),
            base=old.version_hash,
            edits=(edit,),
            rationale=reason,
            proposer=proposer,
        ),
        Decision(outcome="need_more", codes=("trial", "renewed"), reason=f"{reason}; needs a proof"),
    )
    store.add_version(connection, new, entry.number)
    promotion.inherit(connection, old, new, store.tests_of(connection, old.code_hash), ())
    return new
