"""What came from outside proves here what it promises: its kept tests again, and every promise on fresh worlds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from skilllib.errors import NotVerified
from skilllib.gate.evidence import EvidenceGate
from skilllib.library import SkillLibrary
from skilllib.library.duplicates import refuse
from skilllib.library.upkeep import Replay
from skilllib.protocols import Draft, Prover, Replaying
from skilllib.records.base import Scalar
from skilllib.records.execution import Execution, Proof, Trial
from skilllib.records.ledger import Change, ChangeKind, Decision
from skilllib.records.program import Program
from skilllib.records.skill import KeptTest, Provision, Skill
from skilllib.records.task import Task
from skilllib.records.world import Observation

PROPOSER = "verify"
_NOTHING = Execution(before=Observation(text="", facts={}), after=Observation(text="", facts={}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Activation:
    """What the gate said of a skill on trial."""

    skill: Skill
    proof: Proof
    decision: Decision


def activate(
    library: SkillLibrary, skill: Skill, *, prover: Callable[[Skill], Prover], seed: int = 0, keep: Sequence[str] = ()
) -> Iterator[Activation]:
    """Prove a skill and what it calls, callees first, and make active what is proved; ends with the first that is not.

    A revoked skill that is asked for itself becomes active again by the same evidence. Callers of the version whose place a
    skill takes follow it if they pass their kept tests with it; if one of them does not, the skill stays on trial.

    Args:
        library: Where they are on trial.
        skill: What is wanted.
        prover: Makes what executes a skill again in worlds of its environment.
        seed: The worlds' seeds follow from it.
        keep: References of callers that go on with the version they call.

    Raises:
        NotVerified: A skill promises nothing that a world could decide, or rests on one that was revoked.
        DuplicateSkill: An active skill of another name is the same program.
    """
    skill = library.version(skill.version_hash)
    callees = [callee for callee in library.closure([skill.code_hash]) if callee.code_hash != skill.code_hash]
    if revoked := [callee for callee in callees if callee.status == "revoked"]:
        raise NotVerified(f"{skill.name!r} rests on {revoked[0].name!r} (version {revoked[0].version}), which was revoked")
    for one in (*callees, skill):
        if one.status not in ("trial", "revoked"):
            continue
        refuse(one.name, [likeness for likeness in library.likenesses(one) if likeness.skill.name != one.name])
        proof = library.rechecked(one, proved(library, one, prover=prover(one), seed=seed), _replay(prover), keep=keep)
        kind: ChangeKind = "restore" if one.status == "revoked" else "activate"
        target = (one.version_hash,)
        change = Change(kind=kind, targets=target, rationale="proved in this library", proposer=PROPOSER, keep=proof.kept)
        decision = EvidenceGate().decide(change, proof)
        library.commit(change, decision, proof=proof)
        yield Activation(skill=library.version(one.version_hash), proof=proof, decision=decision)
        if decision.outcome != "promote":
            return


def _replay(prover: Callable[[Skill], Prover]) -> Replay:
    def replay(skill: Skill, closure: Sequence[Skill], tests: Sequence[KeptTest]) -> Sequence[Trial]:
        made = prover(skill)
        return made.replay(skill, closure, tests) if isinstance(made, Replaying) else ()

    return replay


def proved(library: SkillLibrary, skill: Skill, *, prover: Prover, seed: int) -> Proof:
    """Return one proof of all that a skill promises; the first promise's worlds are followed by those of the others.

    Raises:
        NotVerified: It has no code, promises nothing, or nobody knows values for a parameter of a promise.
    """
    if skill.program is None or not skill.contract.provides:
        raise NotVerified(f"{skill.name!r} {'promises nothing' if skill.program else 'is in words'}; no world can decide it")
    tests = library.tests(skill.code_hash)
    # Proved as it will be used: called by another program, so that it has what its contract declares and no more.
    names = ", ".join(f"{parameter.name}={parameter.name}" for parameter in skill.program.parameters)
    caller = Program.parse(f'def call_{skill.program.signature()}:\n    "Call it."\n    return {skill.name}({names})\n')
    closure, calls = library.closure([skill.code_hash]), {skill.name: skill.code_hash}
    proofs = []
    for number, provision in enumerate(skill.contract.provides):
        proofs.append(
            prover.prove(
                Draft(program=caller, arguments=provision.arguments, settled=True),
                _task(skill, provision, tests),
                execution=_NOTHING,
                closure=closure,
                calls=calls,
                seed=seed + number,
                kept=[(test, {**test.check_arguments, **test.arguments}) for test in tests] if number == 0 else (),
            ).proof
        )
        if not proofs[-1].accepted:
            break
    return _together(proofs)


def _task(skill: Skill, provision: Provision, tests: tuple[KeptTest, ...]) -> Task:
    goal = skill.description or skill.name
    values = {name: _values(skill, name, provision, tests) for name in provision.parameters}
    return Task(id=f"prove:{skill.name}", environment=skill.environment, goal=goal, check=provision.check, parameters=values)


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
