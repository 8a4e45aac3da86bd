"""A library of skills: one folder, one writer, one door."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from skilllib.errors import DuplicateSkill, UnknownSkill
from skilllib.library import admission, doctor, duplicates, evidence, lexical, store, tables
from skilllib.library import graph as graphs
from skilllib.library import ledger as ledgers
from skilllib.library.admission import Policy
from skilllib.library.chroma import ChromaServer
from skilllib.library.comparing import Comparing
from skilllib.library.database import open_database, writer_lock
from skilllib.library.doctor import Problem
from skilllib.library.findable import Findable, IndexChoice
from skilllib.library.index import refuse_no_index
from skilllib.library.intake import Intake
from skilllib.library.lookup import Lookup
from skilllib.library.nearness import Nearness
from skilllib.library.outbox import Outbox
from skilllib.library.place import Place, located
from skilllib.library.using import Using
from skilllib.protocols import Embedder
from skilllib.records.execution import Trace
from skilllib.records.ledger import Change, Decision
from skilllib.records.naming import refuse_name
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Contract, Provenance, Skill


class SkillLibrary(Intake, Using, Lookup, Comparing, Outbox):
    """Skills with their versions, tests, figures and history, in one folder.

    `library.db` is the truth; `index/` is a cache of it; `writer.lock` makes sure that one process writes. Every change is
    one transaction: when a method returns its effect is on disk, when it raises there is none. Only what is counted of uses waits
    in memory while somebody else writes, so that whoever uses skills does not. Make one with `open`.
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
        self._due = []
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
            InvalidRecord: There is no such index or policy.
            StorageFailed: The disk refuses, the server does not answer, or the address is of something else.
        """
        refuse_no_index(index)
        admission.refuse_no_policy(policy)
        choice = index if vectors is None else ChromaServer(vectors)
        return cls(located(path), create=create, embedder=embedder, index=choice, policy=policy)

    def _policy(self, wanted: Policy | None) -> Policy:
        with self._database.reading() as connection:
            found = admission.stamped(store.get_meta(connection, "policy"))
        admission.refuse_other(self.path, found, wanted)
        return found

    def close(self) -> None:
        """Let go of everything, after which nothing can be asked any more; harmless when called twice."""
        if not self._closed:
            self._part()
            self._closed = True
            self._let_go()
            self._findable.close()
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

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
            InvalidRecord: It has the name of a builtin, or of another function that every program may call.
            InvalidProgram: It gives the name of a primitive or of a skill it calls another meaning.
            UnknownSkill: It calls, or merges, something the library does not have, or that was revoked.
            CyclicCalls: It would reach itself through its calls.
            DuplicateSkill: An active skill is the same program, or this very skill was revoked. Where opinions count
                (`policy`), a name is overwritten and nothing is too similar.
        """
        refuse_name(program.name)
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
                if self.policy == "evidence":
                    active = sa.select(tables.versions.c.code_hash).where(tables.versions.c.status == "active")
                    evidence.renew(connection, self._findable, list(connection.execute(active.distinct()).scalars()))
        return self.problems()
