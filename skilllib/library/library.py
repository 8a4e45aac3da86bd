"""A library of skills: one folder, one writer, one door."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from skilllib.errors import DuplicateSkill, InvalidRecord, LibraryError, NotVerified, UnknownSkill
from skilllib.library import (
    admission,
    aliases,
    doctor,
    duplicates,
    lexical,
    outbox,
    promotion,
    relinking,
    revoking,
    store,
    tables,
)
from skilllib.library import graph as graphs
from skilllib.library import ledger as ledgers
from skilllib.library.admission import Policy
from skilllib.library.chroma import ChromaServer
from skilllib.library.comparing import Comparing
from skilllib.library.database import open_database, writer_lock
from skilllib.library.doctor import Problem
from skilllib.library.findable import Findable, IndexChoice
from skilllib.library.intake import Intake
from skilllib.library.lookup import Lookup
from skilllib.library.nearness import Nearness
from skilllib.library.outbox import Outbox
from skilllib.library.place import Place, located
from skilllib.library.relinking import Update
from skilllib.library.using import Using
from skilllib.protocols import Embedder
from skilllib.records.execution import Proof, Trace
from skilllib.records.ledger import Change, Decision, LedgerEntry
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Contract, Provenance, Skill

_COUNTED = frozenset({"retrieved", "called", "solved", "failed", "tokens", "usd"})


class SkillLibrary(Intake, Using, Lookup, Comparing, Outbox):
    """Skills with their versions, tests, figures and history, in one folder.

    `library.db` is the truth; `index/` is a cache of it; `writer.lock` makes sure that one process writes. Every change is
    one transaction: when a method returns its effect is on disk, when it raises there is none. Make one with `open`.
    """

    def __init__(
        self, path: Place, *, create: bool, embedder: Embedder | None, index: IndexChoice, policy: Policy | None = None
    ) -> None:
        self.path = path
        """Its folder, or the address of its server."""
        self._database = open_database(path, create=create, policy=policy or "evidence")
        try:
            self.policy = self._policy(policy)
            """By what a skill becomes active here: `evidence`, or `opinion` in a library made for Voyager's way."""
        except BaseException:
            self._database.close()
            raise
        self._lock = writer_lock(path)
        self._findable = Findable(
            path / "index" if isinstance(path, Path) else None,
            self._database,
            self._lock,
            index=index,
            embedder=embedder,
            promises=self.policy == "evidence",
        )
        self._turn = threading.RLock()
        self._depth = 0
        self._compared, self._nearness = duplicates.Duplicates(), Nearness(self._findable)
        self._closed = False

    @classmethod
    def open(
        cls,
        path: str | Path = "skill-library",
        *,
        create: bool = False,
        embedder: Embedder | None = None,
        index: IndexChoice = "auto",
        vectors: str | None = None,
        policy: Policy | None = None,
    ) -> Self:
        """Open a library. Cheap: no model and no index is loaded before the first search or promotion.

        Args:
            path: The library's folder, or the address of a PostgreSQL database: `postgresql://USER@HOST/NAME`.
            create: Make it if it is missing or empty.
            embedder: What turns texts into vectors; `MiniLMEmbedder()` by default.
            index: `"exact"` (a scan in memory), `"hnsw"` (a graph in files), `"chroma"`, or an index of your own, which is filled
                from the library; `"auto"` is exact up to 10,000 skills and hnsw beyond.
            vectors: Address of a Chroma server that holds the index, `http://HOST:PORT`, in place of `index`.
            policy: By what skills become active. A new library gets it (`"evidence"` by default), another must have it.

        Raises:
            LibraryNotFound: There is none, and `create` is False.
            ForeignLibrary: The path holds something else.
            NewerLibrary: It was written by a newer skilllib.
            OtherPolicy: It admits skills by another law than `policy`.
            StorageFailed: The disk refuses, or the server does not answer.
        """
        choice = index if vectors is None else ChromaServer(vectors)
        return cls(located(path), create=create, embedder=embedder, index=choice, policy=policy)

    def _policy(self, wanted: Policy | None) -> Policy:
        with self._database.reading() as connection:
            found = admission.stamped(store.get_meta(connection, "policy"))
        admission.refuse_other(self.path, found, wanted)
        return found

    def close(self) -> None:
        """Let go of everything; harmless when called twice."""
        if not self._closed:
            self._closed = True
            self._let_go()
            self._findable.close()
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # ---- writing

    @contextmanager
    def writing(self, purpose: str, *, timeout_s: float | None = None) -> Iterator[None]:
        """Be the one writer for a block, such as an import. Methods that change something do this by themselves.

        Args:
            purpose: What is being done; shown to whoever finds the library locked.
            timeout_s: Seconds to wait for another writer; five minutes by default.

        Raises:
            LibraryLocked: Another process is writing; the message names it.
        """
        with self._lock.hold(purpose, timeout_s=timeout_s):
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several changes one: all are kept when the block ends, none if it raises."""
        with self._writes("transaction"):
            yield

    @contextmanager
    def _writes(self, purpose: str) -> Iterator[sa.Connection]:
        if self._closed:
            raise LibraryError(f"the library {self.path} was closed; open it again")
        with self._turn, self._lock.hold(purpose):
            self._depth += 1
            try:
                with self._database.writing() as connection:
                    yield connection
            finally:
                self._depth -= 1
            if self._depth == 0:
                self._findable.follow_if_open()

    def admit(
        self,
        program: Program,
        *,
        trace: Trace,
        contract: Contract,
        calls: Mapping[str, str],
        provenance: Provenance,
        primitives: Collection[str],
        description: str = "",
        merges: Sequence[str] = (),
    ) -> Skill:
        """Store a program that solved its task as a skill on trial.

        Admitting the very same skill again returns the stored one and writes nothing.

        Args:
            program: The program of the trace's last attempt.
            trace: Its last attempt must be solved, by the environment's word or, for a skill on trial, in a model's opinion.
            contract: What the skill declares.
            calls: Name in the source → code hash of the version it stands for.
            provenance: Where it comes from.
            primitives: Names of the environment's primitives.
            description: One sentence; the first of the docstring by default.
            merges: Code hashes of active skills that this one generalises; they retire when it becomes active.

        Raises:
            NotVerified: The trace does not prove this program.
            InvalidProgram: It gives the name of a primitive or of a skill it calls another meaning.
            UnknownSkill: It calls, or merges, something the library does not have, or that was revoked.
            CyclicCalls: It would reach itself through its calls.
            DuplicateSkill: An active skill is the same program, or this very skill was revoked. Where opinions count
                (`policy`), a name is overwritten and nothing is too similar.
        """
        admission.refuse_unproven(program, trace)
        merged = tuple(dict.fromkeys([*provenance.merged_from, *merges]))
        with self._writes(f"admitting {program.name}") as connection:
            self._refuse_calls(program, calls, primitives)
            draft = Skill(
                name=program.name,
                version=1,
                description=description,
                program=program,
                contract=contract,
                calls=tuple(Callee(name=name, code_hash=calls[name]) for name in sorted(calls)),
                environment=trace.task.environment,
                provenance=provenance.model_copy(update={"merged_from": merged}),
            )
            if (known := store.by_hash(connection, [draft.code_hash]).get(draft.code_hash)) is not None:
                return self._known(known)
            if missing := set(merged) - store.by_hash(connection, merged).keys():
                raise UnknownSkill(f"{program.name!r} merges a skill that is not there: {min(missing)}")
            if self.policy == "evidence":
                duplicates.refuse(draft.name, self._compared.of(connection, draft, besides=merged))
            return self._store(connection, draft, trace)

    def _known(self, skill: Skill) -> Skill:
        if skill.status == "active" and self.policy == "evidence":
            raise DuplicateSkill(f"{skill.name!r} (version {skill.version}) is this very skill and active; call it")
        if skill.status == "revoked":
            raise DuplicateSkill(f"{skill.name!r} (version {skill.version}) is this very skill and was revoked; restore it instead")
        return skill

    def _store(self, connection: sa.Connection, draft: Skill, trace: Trace) -> Skill:
        opinion = trace.attempts[-1].verdict.by == "opinion"
        reason = f"solved {trace.task.id!r} once{' in the opinion of a model' if opinion else ''}; needs a proof"
        codes = ("trial", admission.OPINION) if opinion else ("trial",)
        columns = tables.versions.c
        skill = draft.model_copy(update={"version": store.next_number(connection, columns.version, columns.name == draft.name)})
        proposer = draft.provenance.writer or "unknown"
        change = Change(kind="create", targets=(skill.code_hash,), rationale=draft.description, proposer=proposer)
        decision = Decision(outcome="need_more", codes=codes, reason=reason)
        store.add_version(connection, skill, ledgers.append(connection, change, decision).number)
        return skill

    def _refuse_calls(self, program: Program, calls: Mapping[str, str], primitives: Collection[str]) -> None:
        reached = self.closure(calls.values())
        if revoked := [skill for skill in reached if skill.status == "revoked"]:
            raise UnknownSkill(f"{program.name!r} calls {revoked[0].name!r} (version {revoked[0].version}), which was revoked")
        if self.policy == "evidence":
            graphs.refuse_circle(program.name, [*reached, *(skill for skill in reached[:1] if program.name in calls)])
        program.refuse_rebinding(frozenset(primitives) | (frozenset(calls) - {program.name}))

    # ---- the one door

    def commit(self, change: Change, decision: Decision, *, proof: Proof | None = None) -> LedgerEntry:
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
            targets = {target: store.rows(connection, ledgers.named(target))[0].skill for target in change.targets}
            after = ledgers.transitions(change, decision, ledgers.been_active(connection, change))
            activated = [targets[target] for target, status in after.items() if status == "active"]
            plans = [self._update(skill, change, decision, proof) for skill in activated]
            for skill in activated:
                promotion.step_down(connection, skill, change, decision)
            entry = ledgers.append(connection, change, decision)
            for target, status in after.items():
                store.set_status(connection, targets[target], status, entry.number)
            if proof is not None:
                promotion.keep(connection, targets[change.targets[0]], proof, promoted=bool(activated))
                activated += [new for plan in plans for new in relinking.carry_out(connection, plan, proof, change)]
            if decision.outcome == "promote":
                self._further(connection, change, list(targets.values()), entry.number)
            if activated:
                self._findable.embed(connection, activated)
            if after:
                store.set_meta(connection, "findable", str(entry.number))
            if after and change.kind != "revoke":  # whose effect waits for nothing: the next look-up drops the words
                lexical.follow(connection, promises=self.policy == "evidence")
            return entry

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
        if skill.status == "revoked" and change.kind != "restore":
            raise NotVerified(f"{skill.name!r} was revoked; prove it anew with: skilllib verify {skill.name} --activate")
        for callee in self.closure([skill.code_hash])[:-1]:
            if callee.status in ("trial", "revoked"):
                raise NotVerified(f"{skill.name!r} rests on {callee.name!r} (version {callee.version}), which is {callee.status}")
        plan = self.relinked(skill, keep=change.keep)
        relinking.refuse_unchecked(plan, proof)
        return plan

    def count(self, code_hash: str, **added: float) -> None:
        """Add to what was counted of a skill.

        Args:
            code_hash: Of the skill.
            added: `retrieved`, `called`, `solved`, `failed`, `tokens` or `usd`, and by how much it rises.

        Raises:
            UnknownSkill: There is none of that hash.
        """
        if unknown := added.keys() - _COUNTED:
            raise InvalidRecord(f"{min(unknown)!r} is not counted; what is: {', '.join(sorted(_COUNTED))}")
        with self._writes("counting") as connection:
            self.version(code_hash)
            store.count(connection, code_hash, added)

    # ---- care

    def problems(self) -> list[Problem]:
        """Return everything that is wrong with the library, worst first; an empty list for a sound one."""
        return doctor.examine(self._database, self._findable, self.policy)

    def repair(self) -> list[Problem]:
        """Rebuild what is derived (vectors and index) and return the problems that remain.

        Raises:
            LibraryLocked: Another process is writing.
        """
        with self.writing("repairing"):
            self._findable.rebuild()
            with self._database.writing() as connection:
                lexical.rebuild(connection, promises=self.policy == "evidence")
        return self.problems()
