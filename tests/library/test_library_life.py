"""Whatever happens in whatever order: names have one active version, nothing active rests on what is not, nothing is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from maker import Maker

from skilllib.embedders import HashingEmbedder
from skilllib.errors import CyclicCalls, DuplicateSkill, InvalidRecord, NotVerified, UnknownSkill
from skilllib.library import SkillLibrary
from skilllib.library.ledger import replay
from skilllib.library.pruning import Bounds
from skilllib.records.ledger import Decision

NAMES = ("carry", "fetch", "make_rope", "swing")
names = st.sampled_from(NAMES)
REFUSED = (CyclicCalls, DuplicateSkill, InvalidRecord, NotVerified, UnknownSkill)


class Life(RuleBasedStateMachine):
    """A library to which everything happens that can; some tests of callers fail, some evidence is incomplete."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.make = Maker()
        self.library = SkillLibrary.open(
            Path(self._folder.name) / "library", create=True, embedder=HashingEmbedder(16), index="exact"
        )
        self.number = 0
        self.stored: dict[str, object] = {}
        self.entries = 0

    def teardown(self) -> None:
        self.library.close()
        self._folder.cleanup()

    def replay(self, skill, closure, tests):
        """Tests fail with every seventh program."""
        fails = any(one.program is not None and int(one.code_hash[:4], 16) % 7 == 0 for one in closure)
        return [one.model_copy(update={"solved": not fails}) for one in self.make.replay(skill, closure, tests)]

    @initialize()
    def chain(self):
        for name, callees in zip(NAMES[:3], [set(), set(NAMES[:1]), set(NAMES[1:2])], strict=True):
            self.admit(name, callees, prove=True, keep=False)

    @rule(name=names, callees=st.sets(names, min_size=1), prove=st.sampled_from([True, True, False]), keep=st.booleans())
    def admit(self, name, callees, prove, keep):
        self.number += 1
        calls = self.library.resolve(one for one in callees if one < name)
        program = self.make.program(name, calls=sorted(calls), salt=str(self.number))
        try:
            skill = self.make.trial(self.library, program, calls=calls)
        except REFUSED:
            return
        if prove:
            self.activate_(skill, keep=[caller.code_hash for caller in self.active_callers(name)] if keep else [])

    @rule(data=st.data())
    def activate(self, data):
        self.activate_(data.draw(st.sampled_from(self.library.skills() or (None,))), keep=[])

    def activate_(self, skill, *, keep):
        if skill is None:
            return
        proof = self.library.rechecked(skill, self.make.proof(), self.replay, keep=keep)
        change = self.make.change("restore" if skill.status == "revoked" else "activate", skill)
        decision = self.make.promote if proof.accepted else Decision(outcome="reject", reason=proof.reason)
        try:
            self.library.commit(change.model_copy(update={"keep": proof.kept}), decision, proof=proof)
        except REFUSED:
            return

    @rule(name=names, lacking=st.integers(0, 2))
    def update_with_lacking_evidence(self, name, lacking):
        self.number += 1
        try:
            skill = self.make.trial(self.library, self.make.program(name, salt=str(self.number)))
        except REFUSED:
            return
        proof = self.library.rechecked(skill, self.make.proof(), self.make.replay)
        cut = proof.model_copy(update={"callers": proof.callers[: max(0, len(proof.callers) - 1 - lacking)]})
        try:
            self.library.commit(self.make.change("activate", skill), self.make.promote, proof=cut)
            assert not proof.callers, "an update without the evidence of a caller went through"
        except REFUSED:
            return

    @rule(name=names, text=st.sampled_from(["Slowly.", "Quickly."]), prove=st.booleans())
    def reword(self, name, text, prove):
        try:
            skill = self.library.reword(name, text)
        except REFUSED:
            return
        if prove:
            self.activate_(skill, keep=[])

    @rule(name=names, to=st.none() | st.integers(1, 6))
    def rollback(self, name, to):
        try:
            self.library.rollback(name, to, replay=self.replay)
        except REFUSED:
            return

    @precondition(lambda self: self.number % 3 == 0)
    @rule(data=st.data())
    def revoke(self, data):
        self.revoke_(data)

    def revoke_(self, data):
        skill = data.draw(st.sampled_from(self.library.skills()))
        found = self.library.revoke(skill.version_hash, "unsafe")
        assert self.library.version(skill.version_hash).status == "revoked"
        assert all(self.library.version(caller).status == "trial" for caller in found.callers)

    @precondition(lambda self: self.number % 3 == 1)
    @rule(data=st.data(), kind=st.sampled_from(["retire", "restore"]))
    def without_evidence(self, data, kind):
        self.without_evidence_(data, kind)

    def without_evidence_(self, data, kind):
        skill = data.draw(st.sampled_from(self.library.skills()))
        before = skill.status
        try:
            self.library.commit(self.make.change(kind, skill), self.make.promote)
        except REFUSED:
            return
        after = self.library.version(skill.version_hash).status
        assert after != "active" or before == "active", "nothing becomes active without evidence"
        assert after == "revoked" or before != "revoked", "no revocation is undone without evidence"

    @rule(accepted=st.booleans())
    def prune(self, accepted):
        for skill in self.library.skills("active"):
            self.library.count(skill.code_hash, retrieved=1)
        found = self.library.prunable(Bounds(offered=12))
        self.library.prune(found, accepted=accepted)
        assert not {one.skill.code_hash for one in self.library.prunable(Bounds(offered=12))} & {
            one.skill.code_hash for one in found
        }

    def active_callers(self, name):
        found = self.library.resolve([name])
        return [skill for code_hash in found.values() for skill in self.library.callers(code_hash) if skill.status == "active"]

    # ---- what always holds

    @invariant()
    def one_active_version_per_name(self):
        active = [skill.name for skill in self.library.skills("active")]
        assert len(active) == len(set(active))

    @invariant()
    def closures_resolve_and_nothing_active_rests_on_what_is_unproven(self):
        for skill in self.library.skills():
            closure = self.library.closure([skill.code_hash])
            if skill.status == "active":
                assert {callee.status for callee in closure[:-1]} <= {"active", "retired"}

    @invariant()
    def the_ledger_gives_the_same_statuses(self):
        entries = self.library.ledger()
        standing = replay(entries)
        seen: set[str] = set()
        for skill in self.library.skills():
            target = skill.version_hash if skill.code_hash in seen else skill.code_hash
            seen.add(skill.code_hash)
            assert standing[target].status == skill.status
        assert len(entries) >= self.entries
        self.entries = len(entries)

    @invariant()
    def nothing_is_lost(self):
        now = {skill.version_hash: (skill.name, skill.version, skill.program, skill.text) for skill in self.library.skills()}
        assert self.stored.items() <= now.items()
        self.stored = now

    @invariant()
    def what_is_active_is_found_and_nothing_else(self):
        found = {hit.skill.version_hash for hit in self.library.search("fetch", k=50)}
        assert found == {skill.version_hash for skill in self.library.skills("active")}

    @invariant()
    def the_doctor_is_content(self):
        assert self.library.problems() == []


class LongLife(Life):
    """The same, where revoking and what lacks evidence come as often as anything else."""

    @rule(data=st.data())
    def revoke(self, data):
        self.revoke_(data)

    @rule(data=st.data(), kind=st.sampled_from(["retire", "restore"]))
    def without_evidence(self, data, kind):
        self.without_evidence_(data, kind)


class TestLife(Life.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(max_examples=8, stateful_step_count=20)


@pytest.mark.slow
@pytest.mark.timeout(1200)
class TestLongLife(LongLife.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(max_examples=50, stateful_step_count=30)
