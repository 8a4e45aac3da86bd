"""The life of skills in a library: who follows whom, what came before, and how a version is taken back."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa

from skilllib.errors import InvalidRecord, NotVerified, UnknownSkill
from skilllib.library import ledger, pruning, rejections, relinking, revoking, store, tables
from skilllib.library.admission import OPINION
from skilllib.library.door import Door
from skilllib.library.guarding import Guard
from skilllib.library.pruning import Bounds, Pruning
from skilllib.library.relinking import FIRST_TESTS, Relink
from skilllib.library.revoking import Revocation
from skilllib.records.base import Scalar
from skilllib.records.execution import Proof, Rechecked, Trial
from skilllib.records.ledger import Change, Decision, Edit, LedgerEntry
from skilllib.records.skill import KeptTest, Skill
from skilllib.records.task import Task

Replay = Callable[[Skill, Sequence[Skill], Sequence[KeptTest]], Sequence[Trial]]
"""A skill, everything it may reach (callees first), and tests to run again → a trial for each test."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What tells two versions apart; what is the same is empty."""

    a: Skill
    b: Skill
    source: str
    """A unified diff of the sources."""
    text: str
    """A unified diff of the texts."""
    contract: dict[str, tuple[object, object]]
    """Field of the contract → its value in both, as JSON."""
    calls: dict[str, tuple[str | None, str | None]]
    """Name of a callee → its code hash in both; None where it is not called."""
    description: tuple[str, str] | None = None

    @property
    def same(self) -> bool:
        """True if the two are the same in every form."""
        return self.a.version_hash == self.b.version_hash


class Upkeep(Door):
    """The part of a library that keeps its skills in order."""

    # ---- looking back

    def diff(self, a: str, b: str) -> Difference:
        """Return what tells two versions apart.

        Args:
            a: A reference, as for `get`.
            b: Another.

        Raises:
            UnknownSkill: One of them is not there.
        """
        one, other = self.get(a), self.get(b)
        contracts = [skill.contract.model_dump(mode="json") for skill in (one, other)]
        calls = [{callee.name: callee.code_hash for callee in skill.calls} for skill in (one, other)]
        return Difference(
            a=one,
            b=other,
            source=_unified(one, other, *(skill.program.source if skill.program else "" for skill in (one, other))),
            text=_unified(one, other, one.text or "", other.text or ""),
            contract={
                name: (contracts[0][name], contracts[1][name]) for name in contracts[0] if contracts[0][name] != contracts[1][name]
            },
            calls={
                name: (calls[0].get(name), calls[1].get(name))
                for name in sorted(calls[0].keys() | calls[1].keys())
                if calls[0].get(name) != calls[1].get(name)
            },
            description=(one.description, other.description) if one.description != other.description else None,
        )

    def rejected(self, change: Change) -> LedgerEntry | None:
        """Return the entry that rejected a change of the same content, whoever suggested it; None if none did.

        One that was rejected for a caller is another change once that caller is another one, or is to keep the version it calls;
        what was rejected for a skill that does the same may be suggested again when that is active no more.
        """
        with self._database.reading() as connection, suppress(UnknownSkill):
            return rejections.standing(connection, self._addressed(connection, change), follow=self.policy == "evidence")
        return None

    # ---- callers

    def rechecked(
        self, skill: Skill, proof: Proof, replay: Replay | None, *, keep: Collection[str] = (), yielding: bool = False
    ) -> Proof:
        """Return a proof that also says whether the callers of what a skill replaces pass their kept tests with it.

        Args:
            skill: What is to become active; it need not be stored yet.
            proof: Of the skill itself.
            replay: Runs kept tests; where nobody can, every caller keeps the version it calls.
            keep: References of callers that go on with the version they call.
            yielding: A caller that fails keeps the version it calls; if not, the proof is accepted no more.

        Returns:
            The proof; what it says is `kept` belongs into the change as well.
        """
        kept = [self.get(ref).code_hash for ref in keep]
        found: dict[str, Rechecked] = {}
        while proof.accepted:
            plan = self.relinked(skill, keep=kept)
            kept += [caller.code_hash for caller in plan.kept if caller.code_hash not in kept]
            relink = next((one for one in plan.callers if one.new.code_hash not in found), None)
            if relink is None:
                break
            if replay is None:
                kept.append(relink.old.code_hash)
                continue
            trials = _trials(relink, replay)
            one = Rechecked(name=relink.old.name, old=relink.old.code_hash, new=relink.new.code_hash, trials=trials)
            found[one.new] = one
            if not relink.passed(one) and yielding:
                kept.append(one.old)
            elif not relink.passed(one):
                proof = proof.model_copy(update={"accepted": False, "reason": _failure(one, skill)})
        return proof.model_copy(update={"callers": tuple(found.values()), "kept": tuple(kept)})

    # ---- going back

    def rollback(
        self,
        name: str,
        to: str | int | None = None,
        *,
        replay: Replay,
        keep: Collection[str] = (),
        reason: str = "",
        proposer: str = "user",
    ) -> LedgerEntry:
        """Make an earlier version of a skill active again, after its kept tests and those of its callers passed with it.

        Args:
            name: Of the skill, or a reference to the version itself.
            to: Number or hash of the version; by default the one that was active before the present one.
            replay: Runs kept tests.
            keep: References of callers that go on with the version they call.
            reason: Why, for the ledger.
            proposer: Who wants it, for the ledger.

        Returns:
            The ledger's entry; its decision says `reject` where a test failed, and then everything is as it was.

        Raises:
            UnknownSkill: There is no such version.
            InvalidRecord: It is active, or the name and `to` both say which version is meant.
            NotVerified: It was never active, or was revoked: only a fresh proof makes it active.
        """
        seen = self.last_entry
        target = self._target(name, to)
        name = target.name
        if target.status in ("trial", "revoked"):
            remedy = f"skilllib verify {target.name}@{target.version} --activate"  # the name alone is another version's
            raise NotVerified(f"{name!r} (version {target.version}) is {target.status}; prove it with: {remedy}")
        if target.status == "active":
            raise InvalidRecord(f"{name!r} (version {target.version}) is active already")
        current = next((skill for skill in self._versions(name) if skill.status == "active"), None)
        proof = self._rolled_back(target, replay, keep)
        change = Change(
            kind="restore",
            targets=(target.version_hash,),
            base=current.version_hash if current else None,
            rationale=reason or f"rolled back to version {target.version}",
            proposer=proposer,
            keep=proof.kept,
        )
        figures = {"tests": float(len(proof.trials)), "callers": float(len(proof.callers))}
        if not proof.accepted:
            return self.commit(change, Decision(outcome="reject", codes=("kept_test_fails",), figures=figures, reason=proof.reason))
        codes = ("rolled_back",) if self.policy == "evidence" else ("rolled_back", OPINION)
        return self.commit(
            change, Decision(outcome="promote", codes=codes, figures=figures, reason=proof.reason), proof=proof, seen=seen
        )

    def _rolled_back(self, target: Skill, replay: Replay, keep: Collection[str]) -> Proof:
        if self.policy != "evidence":  # it keeps no tests; its names are links, so nobody is pinned to anything
            task = Task(id=f"rollback:{target.name}", environment=target.environment, goal=target.description or target.name)
            return Proof(task=task, accepted=True, reason="active before, by an opinion", by="opinion")
        return self.rechecked(target, self._replayed(target, replay), replay, keep=keep)

    def _replayed(self, skill: Skill, replay: Replay) -> Proof:
        """Return a proof that consists of a skill's own kept tests."""
        tests = self.tests(skill.code_hash)
        if not tests:
            raise NotVerified(f"{skill.name!r} (version {skill.version}) keeps no test that could show that it works")
        trials = tuple(replay(skill, self.closure([skill.code_hash]), tests))
        passed = relinking.passes(tests, trials)
        first = tests[0]
        values: dict[str, tuple[Scalar, ...]] = {name: (value,) for name, value in first.check_arguments.items()}
        goal = skill.description or skill.name
        task = Task(id=f"replay:{skill.name}", environment=first.environment, goal=goal, check=first.check, parameters=values)
        reason = f"{passed} of {len(tests)} kept tests pass"
        return Proof(task=task, trials=trials, accepted=passed == len(tests), reason=reason, replayed=True)

    def _versions(self, name: str) -> list[Skill]:
        with self._database.reading() as connection:
            return [row.skill for row in store.rows(connection, tables.versions.c.name == name)]

    def _target(self, ref: str, to: str | int | None) -> Skill:
        """Return the version to go back to."""
        found = self.get(ref)
        exact = "@" in ref or (ref != found.name and any(one.startswith(ref) for one in (found.code_hash, found.version_hash)))
        if exact and to is not None:
            raise InvalidRecord(f"{ref!r} is a version already; name it there or as the one to go back to, not both")
        if exact:
            return found
        return self._earlier(found.name) if to is None else self.get(f"{found.name}@{to}")

    def _earlier(self, name: str) -> Skill:
        found = [skill for skill in self._versions(name) if skill.status == "retired"]
        with self._database.reading() as connection:
            last = {skill.version_hash: entry for skill, entry in store.rows(connection, tables.versions.c.name == name)}
        if not found:
            raise UnknownSkill(f"{name!r} has no earlier version that was active; see `skilllib history {name}`")
        return max(found, key=lambda skill: (last[skill.version_hash], skill.version))

    # ---- letting go

    def revoke(self, ref: str, reason: str, *, proposer: str = "user") -> Revocation:
        """Forbid a skill: nothing runs it from the next call on, and every active skill that rests on it goes on trial.

        Only a fresh proof makes it, and what rested on it, active again.

        Args:
            ref: A reference, as for `get`.
            reason: Why, for whoever meets it.
            proposer: Who wants it, for the ledger.

        Raises:
            UnknownSkill: It is not there.
            InvalidRecord: No reason is given.
        """
        skill = self.get(ref)
        if not reason.strip():
            raise InvalidRecord(f"say why {skill.name!r} is revoked, for whoever meets it; the reason is blank")
        change = Change(kind="revoke", targets=(skill.code_hash,), rationale=reason, proposer=proposer)
        with self._writes(f"revoking {skill.name}") as connection:
            entry = self.commit(change, Decision(outcome="promote", codes=("revoked",), reason=reason))
            callers = revoking.quarantined(connection, entry)
        with self._database.reading() as connection:
            runs, traces = revoking.used_in(connection, skill.code_hash)
        return Revocation(skill=self.version(skill.version_hash), entry=entry, callers=callers, runs=runs, traces=traces)

    def renewed(self, ref: str, *, proposer: str = "user") -> Skill:
        """Store, on trial, a version of a skill that calls active versions where it called what was revoked; return it.

        With the tests of the one it is made from it can prove itself and become active again. A skill that rests on nothing
        revoked is returned as it is.

        Raises:
            UnknownSkill: It is not there.
            NotVerified: Something that it calls was revoked, and no other version of that is active.
            CyclicCalls: An active version calls the skill in turn.
        """
        skill = self.get(ref)
        with self._writes(f"renewing {skill.name}") as connection:
            return relinking.renewed(connection, skill, proposer=proposer)

    def guard(self) -> Guard:
        """Return what tells a sandbox, here or in another process, before each call of a skill whether it was revoked meanwhile."""
        return Guard(self.path)

    def prunable(self, bounds: Bounds | None = None) -> tuple[Pruning, ...]:
        """Return the active skills that might better be retired, with the figures; nothing is changed.

        Those that an active skill calls are never among them, nor what was rejected as a proposal before.

        Args:
            bounds: When a skill is proposed.
        """
        active = self.skills("active")
        found = pruning.prunable(active, self.counted(skill.code_hash for skill in active), bounds or Bounds())
        return tuple(one for one in found if self.rejected(one.change) is None)

    def prune(self, prunings: Iterable[Pruning], *, accepted: bool = True) -> tuple[LedgerEntry, ...]:
        """Retire what was proposed, or take note that it shall stay; nothing is deleted.

        Args:
            prunings: From `prunable`.
            accepted: False to reject the proposals, which are not made again then.

        Raises:
            NotVerified: An active skill calls one of them by now, or one is not active any more; then none is retired.
        """
        entries = []
        with self._writes("pruning"):
            for one in prunings:
                callers = [skill.name for skill in self.callers(one.skill.code_hash) if skill.status == "active"]
                if callers and accepted:
                    raise NotVerified(f"{one.skill.name!r} is called by {callers[0]!r}, which is active; prune that one first")
                if (status := self.version(one.skill.version_hash).status) != "active":
                    raise NotVerified(f"{one.skill.name!r} (version {one.skill.version}) is {status} by now; look again")
                entries.append(self.commit(one.change, one.decision(accepted=accepted)))
        return tuple(entries)

    # ---- other names and other words

    def alias(self, name: str, ref: str, *, move: bool = False, proposer: str = "user") -> LedgerEntry:
        """Give a skill another name, by which it is found as long as no skill bears it.

        Args:
            name: The other name.
            ref: The skill.
            move: Take the name from the skill that has it; the ledger says which one that was.
            proposer: Who wants it, for the ledger.

        Raises:
            InvalidRecord: It is no name, that of a skill, or another name of another skill and not to be moved.
            UnknownSkill: There is no such skill.
        """
        skill, edits = self.get(ref), [Edit(field="name", value=name)]
        holder = self.aliases().get(name, skill.name)
        moved = move and holder != skill.name
        if moved:
            edits.append(Edit(field="instead_of", value=holder))
        change = Change(kind="alias", targets=(skill.code_hash,), edits=tuple(edits), proposer=proposer)
        reason = f"{name} is another name of {skill.name}{f' and no longer of {holder}' if moved else ''}"
        return self.commit(change, Decision(outcome="promote", codes=("alias",), reason=reason))

    def reword(self, ref: str, text: str | None, *, proposer: str = "user", rationale: str = "") -> Skill:
        """Store a version that differs in its text alone, on trial; its code, tests and figures are those that are there.

        Args:
            ref: The version it starts from.
            text: The new text form.
            proposer: Who wrote it, for the ledger.
            rationale: Why, for the ledger.

        Raises:
            InvalidRecord: The skill would be left without a form.
        """
        old = self.get(ref)
        with self._writes(f"rewording {old.name}") as connection:
            return reworded(connection, old, text, proposer=proposer, rationale=rationale)


def reworded(connection: sa.Connection, old: Skill, text: str | None, *, proposer: str, rationale: str) -> Skill:
    """Store a version with another text, or return the one that is there."""
    if old.program is None:
        raise InvalidRecord(f"{old.name!r} is in words alone, so another text is another skill; add it as one")
    columns = tables.versions.c
    fields = {name: getattr(old, name) for name in Skill.model_fields}
    number = store.next_number(connection, columns.version, columns.name == old.name)
    new = Skill.model_validate({**fields, "text": text, "version": number, "status": "trial"})
    if known := store.rows(connection, columns.version_hash == new.version_hash):
        return known[0].skill
    edit = Edit(field="text", value=text)
    change = Change(
        kind="create", targets=(new.version_hash,), base=old.version_hash, edits=(edit,), rationale=rationale, proposer=proposer
    )
    decision = Decision(outcome="need_more", codes=("trial",), reason="has another text; needs a proof")
    store.add_version(connection, new, ledger.append(connection, change, decision).number)
    store.add_resources(connection, new.version_hash, store.resources_of(connection, old.version_hash))
    return new


def _trials(relink: Relink, replay: Replay) -> tuple[Trial, ...]:
    """Run the kept tests of a caller with what it is to call; the first that fail spare it the others."""
    found: tuple[Trial, ...] = ()
    for tests in (relink.tests[:FIRST_TESTS], relink.tests[FIRST_TESTS:]):
        found += tuple(replay(relink.new, relink.closure, tests)) if tests else ()
        if relinking.passes(tests, found) < len(tests):
            break
    return found


def _failure(found: Rechecked, skill: Skill) -> str:
    failed = [trial for trial in found.trials if not trial.solved]
    why = f"{len(failed)} of {len(found.trials)} fail: {failed[0].reason}" if failed else "they could not be run"
    return f"{found.name!r} does not pass its kept tests with this version of {skill.name!r}: {why}"


def _unified(a: Skill, b: Skill, old: str, new: str) -> str:
    names = [f"{skill.name}@{skill.version}" for skill in (a, b)]
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), names[0], names[1], lineterm="")
    return "\n".join(lines)
