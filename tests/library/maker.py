"""Short ways to make programs, traces and proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from skilllib.library import SkillLibrary
from skilllib.records.execution import Attempt, Execution, Proof, Trace, Trial, Verdict
from skilllib.records.ledger import Change, Decision, LedgerEntry
from skilllib.records.program import Program
from skilllib.records.skill import Contract, KeptTest, Provenance, Skill
from skilllib.records.task import Task
from skilllib.records.world import Observation

NOTHING = Observation(text="", facts={})


class Maker:
    """Makes the records that a library is fed with."""

    task = Task(id="rope", environment="yard", goal="make a rope", check="after.inventory.rope >= 1")
    primitives = frozenset({"walk", "twist"})
    promote = Decision(outcome="promote", codes=("proven",))
    reject = Decision(outcome="reject", codes=("not_proven",))

    def program(self, name: str, *, calls: Sequence[str] = (), salt: str = "", body: str = "", parameters: str = "") -> Program:
        """Return a program unlike those of other names or salts."""
        digest = hashlib.sha256(f"{name}{salt}".encode()).hexdigest()
        # The digits decide how many arguments each call has, so that no two names have one shape.
        lines = [f"walk({', '.join(repr(digest[i : i + 7]) for _ in range(1 + int(digest[i], 16) % 4))})" for i in range(0, 50, 5)]
        lines += [f"{callee}()" for callee in calls] + ([body] if body else [])
        text = "".join(f"    {line}\n" for line in lines)
        return Program.parse(f'def {name}({parameters}):\n    """{name.replace("_", " ").capitalize()} {digest[:4]}."""\n{text}')

    def trace(self, program: Program, *, solved: bool = True, by: str = "check", proof: Proof | None = None) -> Trace:
        verdict = Verdict.model_validate({"solved": solved, "score": float(solved), "reason": "as recorded", "by": by})
        execution = Execution(before=NOTHING, after=NOTHING)
        return Trace(
            task=self.task, attempts=(Attempt(number=1, program=program, execution=execution, verdict=verdict, proof=proof),)
        )

    def proof(self, *, accepted: bool = True, task: Task | None = None, trials: Sequence[Trial] | None = None) -> Proof:
        rope = {"inventory.rope": (0, 1)}
        default = [Trial(seed=seed, solved=True, world_steps=2 * seed, changes=rope) for seed in (1, 2)]
        trials = default if trials is None else trials
        return Proof(task=task or self.task, trials=tuple(trials), accepted=accepted, reason="as recorded", lower_bound=0.5)

    def trial(
        self, library: SkillLibrary, program: Program, *, calls: Mapping[str, str] | None = None, merges: Sequence[str] = ()
    ) -> Skill:
        return library.admit(
            program,
            trace=self.trace(program),
            contract=Contract(parameters=program.parameters),
            calls=calls or {},
            provenance=Provenance(writer="search"),
            primitives=self.primitives,
            merges=merges,
        )

    def replay(self, skill: Skill, closure: Sequence[Skill], tests: Sequence[KeptTest]) -> list[Trial]:
        """Every kept test comes out as expected, unless the program says that it breaks."""
        broken = any(one.program is not None and "broken" in one.program.source for one in closure)
        return [
            Trial(
                seed=test.seed,
                prefix=test.prefix,
                arguments={**test.check_arguments, **test.arguments},
                check=test.check,
                solved=test.expected and not broken,
                reason="it broke" if broken else "",
                changes=test.changes,
            )
            for test in tests
        ]

    def activate(self, library: SkillLibrary, skill: Skill, *, keep: Sequence[str] = ()) -> LedgerEntry:
        proof = library.rechecked(skill, self.proof(), self.replay, keep=keep)
        change = self.change("activate", skill).model_copy(update={"keep": proof.kept})
        return library.commit(change, self.promote, proof=proof)

    def change(self, kind: str, *skills: Skill) -> Change:
        return Change.model_validate({"kind": kind, "targets": tuple(skill.version_hash for skill in skills), "proposer": "test"})

    def active(self, library: SkillLibrary, name: str, *, calls: Sequence[str] = (), salt: str = "") -> Skill:
        program = self.program(name, calls=calls, salt=salt)
        skill = self.trial(library, program, calls=library.resolve(calls))
        self.activate(library, skill)
        return library.version(skill.code_hash)
