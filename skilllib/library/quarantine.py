"""The door for skills from outside: kept on trial, with the tests they came with, and not believed."""

from __future__ import annotations

import keyword
from collections.abc import Sequence

import sqlalchemy as sa

from skilllib.errors import CyclicCalls, DuplicateSkill, InvalidRecord, UnknownSkill
from skilllib.library import graph as graphs
from skilllib.library import ledger, store, tables
from skilllib.records.check import Check
from skilllib.records.ledger import Change, Decision
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
    store.add_tests(connection, skill.code_hash, tests)
    return kept


def refuse_senseless(skill: Skill, tests: Sequence[KeptTest]) -> None:
    """Raise if a skill's parts contradict each other.

    Raises:
        InvalidRecord: With the part.
    """
    if not skill.name.isidentifier() or keyword.iskeyword(skill.name) or skill.name.startswith("_"):
        raise InvalidRecord(f"{skill.name!r} cannot be called; a skill's name is a public Python identifier")
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
