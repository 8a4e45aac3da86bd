"""What came from outside proves here what it promises: its kept tests again, and every promise on fresh worlds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from skilllib.errors import NotVerified
from skilllib.gate.behaviour import twin
from skilllib.gate.evidence import EvidenceGate
from skilllib.library import SkillLibrary
from skilllib.library.duplicates import Likeness, refuse
from skilllib.library.promotion import kept_tests
from skilllib.library.rejections import DUPLICATE
from skilllib.protocols import Draft, Prover, Replaying
from skilllib.records.base import Scalar
from skilllib.records.execution import Execution, Proof, Trial
from skilllib.records.ledger import Change, Decision, LedgerEntry
from skilllib.records.program import Program
from skilllib.records.skill import KeptTest, Provision, Skill
from skilllib.records.task import Task
from skilllib.records.world import Observation

_NOTHING = Execution(before=Observation(text="", facts={}), after=Observation(text="", facts={}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Activation:
    """What the gate said of a skill on trial."""

    skill: Skill
    proof: Proof
    decision: Decision
    likeness: Likeness | None = None
    """An active skill that does the same, for which this one was rejected."""
    described_like: tuple[Likeness, ...] = ()
    """Active skills with descriptions so near that somebody should look."""


@dataclass(frozen=True, kw_only=True)
class Proving:
    """How skills on trial are proved and made active; callers of what they replace follow once their kept tests pass.

    Args:
        library: Where they are on trial.
        prover: Makes what executes a skill again in worlds of its environment, and runs kept tests.
        primitives: Name of an environment → names of its primitives, which no skill may have.
        keep: References of callers that go on with the version they call.
        values: Values under which parameters of a promise are tried, where no kept test says so.
        proposer: Who wants it, for the ledger.
        seed: The worlds' seeds follow from it.
        again: Proves also what was rejected before.
    """

    library: SkillLibrary
    prover: Callable[[Skill], Prover]
    primitives: Callable[[str], Collection[str]] = lambda _: ()
    keep: Collection[str] = ()
    values: Mapping[str, Sequence[Scalar]] = field(default_factory=dict)
    proposer: str = "verify"
    seed: int = 0
    again: bool = False

    def activate(self, skill: Skill) -> Iterator[Activation]:
        """Prove a skill and what it calls, callees first, and make active what is proved; ends with the first that is not.

        A revoked skill that is asked for itself becomes active again by the same evidence. One that rests on something revoked
        is proved with the active version of that. For what was rejected before nothing is executed.

        Raises:
            NotVerified: A skill promises nothing that a world could decide, or rests on one that was revoked.
            DuplicateSkill: An active skill of another name is the same program, or has a name that looks the same.
        """
        skill = self.library.renewed(skill.version_hash, proposer=self.proposer)
        callees = [callee for callee in self.library.closure([skill.code_hash]) if callee.code_hash != skill.code_hash]
        for one in (*callees, skill):
            if one.status in ("trial", "revoked"):
                found = self._activated(one, wanted=one is skill)
                yield found
                if found.decision.outcome != "promote":
                    return

    def change(self, skill: Skill, kept: Sequence[str] = ()) -> Change:
        """Return what is suggested: that a skill takes the place of the active version, or stands where there is none."""
        current = self.library.resolve([skill.name]).get(skill.name)
        return Change(
            kind="restore" if skill.status == "revoked" else "edit" if current else "activate",
            targets=(skill.version_hash,),
            base=current,
            rationale="proved in this library",
            proposer=self.proposer,
            keep=tuple(kept),
        )

    def _activated(self, skill: Skill, *, wanted: bool) -> Activation:
        library, likeness, seen = self.library, None, self.library.last_entry
        if skill.name in self.primitives(skill.environment):
            raise NotVerified(f"{skill.name!r} is the name of a primitive; programs would call the one and mean the other")
        refuse(skill.name, [one for one in library.likenesses(skill) if one.skill.name != skill.name])
        keep = [library.get(ref).code_hash for ref in self.keep]
        if not self.again and (earlier := library.rejected(self.change(skill, keep))) is not None:
            return _rejected(skill, earlier)
        proof = self._proved_alone(skill)
        if wanted and proof.accepted:
            likeness = twin(library, skill, tests_of(library, skill, proof), replay=self._replay)
        if likeness is None:
            proof = library.rechecked(skill, proof, self._replay, keep=self.keep)
        change = self.change(skill, proof.kept)
        decision = EvidenceGate().decide(change, proof)
        if likeness is not None:
            codes = (DUPLICATE, likeness.kind, likeness.skill.code_hash)
            decision = Decision(outcome="reject", codes=codes, reason=likeness.words(skill.name))
        library.commit(change, decision, proof=proof, seen=seen)
        stored = library.version(skill.version_hash)
        if decision.outcome == "promote" and stored.status == "trial":  # it was revoked before it had ever been active
            library.commit(self.change(stored, proof.kept), decision, proof=proof, seen=library.last_entry)
            stored = library.version(skill.version_hash)
        near = tuple(one for one in library.likenesses(stored) if one.kind == "description")
        return Activation(skill=stored, proof=proof, decision=decision, likeness=likeness, described_like=near)

    def _replay(self, skill: Skill, closure: Sequence[Skill], tests: Sequence[KeptTest]) -> Sequence[Trial]:
        prover = self.prover(skill)
        return prover.replay(skill, closure, tests) if isinstance(prover, Replaying) else ()

    def _proved_alone(self, skill: Skill) -> Proof:
        """Return one proof of all that a skill promises; the first promise's worlds are followed by those of the others.

        Raises:
            NotVerified: It has no code, promises nothing, or nobody knows values for a parameter of a promise.
        """
        if skill.program is None or not skill.contract.provides:
            raise NotVerified(f"{skill.name!r} {'promises nothing' if skill.program else 'is in words'}; no world can decide it")
        tests = self.library.tests(skill.code_hash)
        # Proved as it will be used: called by another program, so that it has what its contract declares and no more.
        names = ", ".join(f"{parameter.name}={parameter.name}" for parameter in skill.program.parameters)
        caller = Program.parse(f'def call_{skill.program.signature()}:\n    "Call it."\n    return {skill.name}({names})\n')
        closure, prover = self.library.closure([skill.code_hash]), self.prover(skill)
        proofs = []
        for number, provision in enumerate(skill.contract.provides):
            proofs.append(
                prover.prove(
                    Draft(program=caller, arguments=provision.arguments, settled=True),
                    self._task(skill, provision, tests),
                    execution=_NOTHING,
                    closure=closure,
                    calls={skill.name: skill.code_hash},
                    seed=self.seed + number,
                    kept=[(test, {**test.check_arguments, **test.arguments}) for test in tests] if number == 0 else (),
                ).proof
            )
            if not proofs[-1].accepted:
                break
        return _together(proofs)

    def _task(self, skill: Skill, provision: Provision, tests: tuple[KeptTest, ...]) -> Task:
        values = {name: tuple(self.values.get(name, ())) or _values(skill, name, provision, tests) for name in provision.parameters}
        return task_of(skill).model_copy(update={"check": provision.check, "parameters": values})


def task_of(skill: Skill) -> Task:
    """Return the task of showing that a skill keeps its promises."""
    return Task(id=f"prove:{skill.name}", environment=skill.environment, goal=skill.description or skill.name)


def tests_of(library: SkillLibrary, skill: Skill, proof: Proof) -> tuple[KeptTest, ...]:
    """Return the kept tests of a skill, or those that a proof of it would leave."""
    names = frozenset(parameter.name for parameter in skill.program.parameters) if skill.program else frozenset()
    return library.tests(skill.code_hash) or kept_tests(proof, names)


def _rejected(skill: Skill, earlier: LedgerEntry) -> Activation:
    """Return what was said of a skill before."""
    reason = f"this very program was rejected before (entry {earlier.number}): {earlier.decision.reason}"
    proof = Proof(task=task_of(skill), accepted=False, reason=reason, rejected_in=earlier.number)
    return Activation(skill=skill, proof=proof, decision=earlier.decision.model_copy(update={"reason": reason}))


def _values(skill: Skill, name: str, provision: Provision, tests: tuple[KeptTest, ...]) -> tuple[Scalar, ...]:
    """Return the values under which a promise is tried: those of its kept tests, else the parameter's choices or default."""
    found = [test.check_arguments[name] for test in tests if test.check == provision.check and name in test.check_arguments]
    for parameter in skill.contract.parameters:
        if parameter.name == name and not found:
            found = [*(parameter.choices or ())] or ([] if parameter.default is None else [parameter.default])
    if not found:
        raise NotVerified(f"{skill.name!r}: no kept test says with which {name!r} it is to be tried for {provision.check!r}")
    return tuple(dict.fromkeys(found))


def _together(proofs: list[Proof]) -> Proof:
    """Return proofs as one, which is as good as the worst of them."""
    first, worst = proofs[0], min(proofs, key=lambda proof: (proof.accepted, proof.lower_bound))
    trials: list[Trial] = list(first.trials)
    for proof in proofs[1:]:
        trials += [trial.model_copy(update={"check": trial.check or proof.task.check}) for trial in proof.trials]
    figures = {"accepted": worst.accepted, "reason": worst.reason, "lower_bound": worst.lower_bound}
    return first.model_copy(update={**figures, "trials": tuple(trials)})
