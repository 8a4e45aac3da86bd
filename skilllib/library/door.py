"""The one door: nothing becomes active, and nothing ceases to be, but by a change and a decision in the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from skilllib.errors import InvalidRecord, NotVerified
from skilllib.library import (
    admission,
    aliases,
    evidence,
    ledger,
    lexical,
    outbox,
    promotion,
    rejections,
    relinking,
    revoking,
    store,
    tables,
)
from skilllib.library.admission import Policy
from skilllib.library.catalogue import Catalogue
from skilllib.library.relinking import Update
from skilllib.library.writing import Writing
from skilllib.records.execution import Proof
from skilllib.records.ledger import Change, Decision, LedgerEntry
from skilllib.records.skill import Skill

_COUNTED = frozenset({"retrieved", "called", "solved", "failed", "tokens", "usd"})
_MOST = 1_000_000_000
"""By which something counted can rise at once; more is a mistake."""


class Door(Catalogue, Writing):
    """The part of a library that carries out what was decided."""

    policy: Policy
    """By what a skill becomes active here: `evidence`, or `opinion` in a library made for Voyager's way."""

    def commit(self, change: Change, decision: Decision, *, proof: Proof | None = None, seen: int | None = None) -> LedgerEntry:
        """Write a decided change into the ledger and carry it out: the only way anything becomes active.

        A promoted `activate`, `edit` or `merge` makes its first target active and retires its other targets, the active
        version of the same name and what the skill was merged from, each with an entry of its own; their active callers
        follow, with new versions that call the new one. The proof's solved trials are kept as tests, effects and figures are
        measured from it and the skill can be found. `restore` makes active again what was, in the same way; `retire`, `revoke`
        and `quarantine` change a status, and what rests on a revoked skill goes on trial. `alias` gives another name, `compile`
        orders an adapter. What is not promoted is recorded and changes no status.

        Args:
            change: What is suggested; its targets are code hashes, or version hashes.
            decision: What the gate said.
            proof: The evidence, needed to make a skill active that has to prove itself; where opinions count a decision with
                the code `opinion` does instead. For every caller that follows it shows that its kept tests pass.
            seen: Number of the ledger's last entry when all this was begun (see `last_entry`): what was revoked since stays so.

        Returns:
            The entry of the change itself.

        Raises:
            UnknownSkill: A target is not there.
            NotVerified: A skill would become active without an accepted proof of itself, or of a caller that follows.
            InvalidRecord: The change names no target, or its kind cannot be carried out.
        """
        if not change.targets or change.kind == "create":
            raise InvalidRecord(f"cannot commit {change.kind!r} of {len(change.targets)} targets; skills are created with `admit`")
        with self._writes(f"{change.kind} {change.targets[0][:12]}") as connection:
            change = self._addressed(connection, change)
            rows = {target: store.rows(connection, ledger.named(target))[0] for target in change.targets}
            targets = {target: row.skill for target, row in rows.items()}
            after = ledger.transitions(change, decision, ledger.been_active(connection, change))
            for skill, since in [rows[target] for target, status in after.items() if status != "revoked"]:
                admission.refuse_forgiveness(skill, change, proof, revoked_since=seen is not None and since > seen)
            activated = [targets[target] for target, status in after.items() if status == "active"]
            plans = [self._update(skill, change, decision, proof) for skill in activated]
            for skill in activated:
                promotion.step_down(connection, skill, change, decision)
            entry = ledger.append(connection, rejections.reasoned(change, decision, proof), decision)
            for target, status in after.items():
                store.set_status(connection, targets[target], status, entry.number)
            if proof is not None:
                promotion.keep(connection, targets[change.targets[0]], proof, promoted=bool(activated))
                activated += [new for plan in plans for new in relinking.carry_out(connection, plan, proof, change)]
            if decision.outcome == "promote":
                self._further(connection, change, list(targets.values()), entry.number)
            if after:
                self._show(connection, activated, entry.number, at_once=change.kind != "revoke")
            return entry

    def _show(self, connection: sa.Connection, activated: Sequence[Skill], entry: int, *, at_once: bool) -> None:
        """Let look-ups see what a change did; a revocation waits for nothing: the next look-up drops the words."""
        if activated:
            self._findable.embed(connection, activated)
            if self.policy == "evidence":
                evidence.renew(connection, self._findable, [one.code_hash for one in activated])
        store.set_meta(connection, "findable", str(entry))
        if at_once:
            lexical.follow(connection, promises=self.policy == "evidence")

    def relinked(self, skill: Skill | str, *, keep: Collection[str] = ()) -> Update:
        """Return what follows for its callers if a skill becomes active. Nothing is written.

        Args:
            skill: A reference, or a skill that need not be stored yet.
            keep: References of callers that go on with the version they call.
        """
        found = self.get(skill) if isinstance(skill, str) else skill
        with self._database.reading() as connection:
            if self.policy != "evidence":  # there a name stands for whatever bears it now
                return Update(skill=found, replaces=(), callers=(), kept=())
            return relinking.update(connection, found, keep={self.get(ref).code_hash for ref in keep})

    def count(self, code_hash: str, **added: float) -> None:
        """Add to what was counted of a skill; waits for nobody.

        While somebody else writes, what was counted is remembered here, and written after what this library writes next, or
        when it is closed.

        Args:
            code_hash: Of the skill.
            added: `retrieved`, `called`, `solved`, `failed`, `tokens` or `usd`, and by how much it rises.

        Raises:
            UnknownSkill: There is none of that hash.
            InvalidRecord: Nothing of that name is counted, or it cannot rise by that.
        """
        figures = {name: _counted(name, figure) for name, figure in added.items()}
        known = self.version(code_hash).code_hash
        self._in_passing(lambda connection: store.count(connection, known, figures))

    def _further(self, connection: sa.Connection, change: Change, skills: Sequence[Skill], entry: int) -> None:
        """Carry out what a promoted change means besides statuses of its targets."""
        if change.kind == "revoke":
            revoking.quarantine(connection, skills, change)
        elif change.kind == "alias":
            aliases.give(connection, change, skills[0])
        elif change.kind == "compile":
            outbox.place(connection, change, skills[0].code_hash, entry)

    def _update(self, skill: Skill, change: Change, decision: Decision, proof: Proof | None) -> Update:
        """Return what follows from an activation, or raise if it is not proven."""
        admission.refuse_activation(self.policy, skill, decision, proof)
        for callee in self.closure([skill.code_hash])[:-1]:
            if callee.status in ("trial", "revoked"):
                raise NotVerified(f"{skill.name!r} rests on {callee.name!r} (version {callee.version}), which is {callee.status}")
        plan = self.relinked(skill, keep=change.keep)
        relinking.refuse_unchecked(plan, proof)
        return plan

    def _addressed(self, connection: sa.Connection, change: Change) -> Change:
        """Return a change whose targets go by the names that the ledger has for them."""
        skills = [self.version(target) for target in change.targets]
        if change.kind == "revoke":  # it is the code that is forbidden, whatever the text says
            codes = {skill.code_hash for skill in skills}
            skills = [row.skill for row in store.rows(connection, tables.versions.c.code_hash.in_(codes))]
        targets = tuple(dict.fromkeys(ledger.target(connection, skill) for skill in skills))
        return change if targets == change.targets else change.model_copy(update={"targets": targets})


def _counted(name: str, figure: float) -> float:
    """Return by how much something counted rises, or raise if it cannot rise by that."""
    if name not in _COUNTED:
        raise InvalidRecord(f"{name!r} is not counted; what is: {', '.join(sorted(_COUNTED))}")
    whole = name != "usd"
    if not isinstance(figure, int | float) or not 0 <= figure <= _MOST or (whole and figure != int(figure)):
        given = "so large a number" if isinstance(figure, int) and abs(figure) > _MOST else repr(figure)
        raise InvalidRecord(f"{name} cannot rise by {given}; write {'a whole number' if whole else 'a number'} from 0 to {_MOST:,}")
    return int(figure) if whole else float(figure)
