"""The door for skills from outside: kept on trial, with the tests they came with, and not believed."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from skilllib.errors import CyclicCalls, DuplicateSkill, InvalidRecord, UnknownSkill
from skilllib.library import graph as graphs
from skilllib.library import ledger, store, tables
from skilllib.records.check import Check
from skilllib.records.ledger import Change, Decision
from skilllib.records.naming import refuse_name
from skilllib.records.skill import KeptTest, Skill

IMPORTED = "imported"
"""Code of the decision that keeps a skill from outside on trial."""
BY_HAND = "by_hand"
"""Code of the decision that keeps what a person wrote on trial, and `Provenance.writer` of such a skill."""


def take_in(connection: sa.Connection, skill: Skill, tests: Sequence[KeptTest], *, proposer: str, rationale: str) -> Skill:
    """Store a skill on trial with its tests; the very same one is returned as it is stored.

    Nothing of it is run. What it says of itself is checked for sense and left to be proved.

    Raises:
        InvalidRecord: Its parts contradict each other.
        DuplicateSkill: It is there under another name, or this very skill was revoked.
        UnknownSkill: It calls something that is not there, or that was revoked.
        CyclicCalls: It would reach a skill of its own name.
    """
    refuse_senseless(skill, tests)
    columns = tables.versions.c
    known = [row.skill for row in store.rows(connection, columns.code_hash == skill.code_hash)]
    for one in known:
        _refuse_known(skill, one)
    if (same := next((one for one in known if one.version_hash == skill.version_hash), None)) is not None:
        return same
    _refuse_calls(connection, skill)
    number = store.next_number(connection, columns.version, columns.name == skill.name)
    kept = skill.model_copy(update={"version": number, "status": "trial"})
    target = skill.version_hash if known else skill.code_hash
    change = Change(kind="create", targets=(target,), rationale=rationale, proposer=proposer)
    origin, words = (BY_HAND, "was written by hand") if skill.provenance.writer == BY_HAND else (IMPORTED, "came from outside")
    decision = Decision(outcome="need_more", codes=("trial", origin), reason=f"{words}; needs a proof")
    store.add_version(connection, kept, ledger.append(connection, change, decision).number)
    if not store.tests_of(connection, skill.code_hash):  # those of a code that is here already are not for outsiders to add to
        store.add_tests(connection, skill.code_hash, tests)
    return kept


def take_in_all(
    connection: sa.Connection, items: Sequence[tuple[Skill, Sequence[KeptTest]]], *, proposer: str, rationale: str
) -> int:
    """Store many skills on trial with one entry of the ledger, and return how many are new.

    Those whose name or code is here already, and those that call something unusual, are taken in one by one.

    Raises:
        InvalidRecord: As for one skill; so are the others.
        DuplicateSkill: As above.
        UnknownSkill: As above.
        CyclicCalls: As above.
    """
    for skill, tests in items:
        refuse_senseless(skill, tests)
    plain, others = _plain(connection, items)
    if plain:
        targets = tuple(skill.code_hash for skill, _ in plain)
        change = Change(kind="create", targets=targets, rationale=rationale, proposer=proposer)
        decision = Decision(outcome="need_more", codes=("trial", IMPORTED), reason="came from outside; needs a proof")
        entry = ledger.append(connection, change, decision)
        store.add_new(connection, plain, entry.number)
    before = ledger.last(connection)
    for skill, tests in others:
        take_in(connection, skill, tests, proposer=proposer, rationale=rationale)
    return len(plain) + ledger.last(connection) - before


_Items = list[tuple[Skill, Sequence[KeptTest]]]


def _plain(connection: sa.Connection, items: Sequence[tuple[Skill, Sequence[KeptTest]]]) -> tuple[_Items, _Items]:
    """Divide skills into those that are new by name and code and call what is here, and the others."""
    columns = tables.versions.c
    codes = {skill.code_hash for skill, _ in items} | {callee.code_hash for skill, _ in items for callee in skill.calls}
    found = store.selected(connection, sa.select(columns.code_hash, columns.status), columns.code_hash, codes)
    statuses = {row.code_hash: row.status for row in found}
    names = {name for (name,) in store.selected(connection, sa.select(columns.name), columns.name, {one.name for one, _ in items})}
    plain, others = _Items(), _Items()
    for skill, tests in items:
        new = skill.code_hash not in statuses and skill.name not in names and skill.provenance.writer != BY_HAND
        if new and all(statuses.get(callee.code_hash, "revoked") != "revoked" for callee in skill.calls):
            plain.append((skill, tests))
            statuses[skill.code_hash] = "trial"
        else:
            others.append((skill, tests))
        names.add(skill.name)
    return plain, others


def refuse_senseless(skill: Skill, tests: Sequence[KeptTest]) -> None:
    """Raise if a skill's parts contradict each other, or it has a name that no skill can have.

    Raises:
        InvalidRecord: With the part.
    """
    refuse_name(skill.name)
    if skill.program is not None and skill.program.name != skill.name:
        raise InvalidRecord(f"{skill.name!r} has the code of {skill.program.name!r}")
    declared = [parameter.name for parameter in skill.contract.parameters]
    written = [parameter.name for parameter in skill.program.parameters] if skill.program else declared
    if declared != written:
        raise InvalidRecord(f"{skill.name!r} declares the parameters {declared}, its code has {written}")
    names = [callee.name for callee in skill.calls]
    if len(set(names)) < len(names) or (skill.program is not None and not set(names) <= skill.program.names):
        raise InvalidRecord(f"{skill.name!r} declares calls that its code does not make: {sorted(names)}")
    if skill.program is not None:
        skill.program.refuse_rebinding((frozenset(skill.contract.capabilities) | frozenset(names)) - {skill.name})
    for provision in skill.contract.provides:
        Check(provision.check, parameters=frozenset(provision.parameters) | frozenset(provision.arguments))
    for requirement in skill.contract.requires:
        Check(requirement, parameters=frozenset(written))
    for test in tests:
        Check(test.check, parameters=frozenset(test.check_arguments))


def _refuse_known(skill: Skill, known: Skill) -> None:
    if known.name != skill.name:
        raise DuplicateSkill(f"{skill.name!r} is here under the name {known.name!r} (version {known.version})")
    if known.status == "revoked":
        raise DuplicateSkill(f"{skill.name!r} (version {known.version}) is this very skill and was revoked; restore it instead")


def _refuse_calls(connection: sa.Connection, skill: Skill) -> None:
    wanted = {callee.code_hash: callee.name for callee in skill.calls}
    found = store.by_hash(connection, wanted)
    if missing := [name for code_hash, name in wanted.items() if code_hash not in found]:
        raise UnknownSkill(f"{skill.name!r} calls {missing[0]!r}, which came with it in no acceptable form and is not here")
    reached = graphs.reachable(wanted, lambda hashes: store.by_hash(connection, hashes)).values()
    if revoked := [callee for callee in reached if callee.status == "revoked"]:
        raise UnknownSkill(f"{skill.name!r} calls {revoked[0].name!r} (version {revoked[0].version}), which was revoked")
    if circle := [callee for callee in reached if callee.name == skill.name]:
        raise CyclicCalls(f"{skill.name!r} would reach {skill.name!r} (version {circle[0].version}) through its calls; rename it")
