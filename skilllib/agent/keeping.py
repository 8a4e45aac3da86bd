"""What a program that solved its task declares of itself when it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skilllib.gate.behaviour import twin
from skilllib.library import SkillLibrary
from skilllib.library.promotion import kept_tests as tests_of
from skilllib.protocols import Draft, Prover, Replaying
from skilllib.records.base import Scalar, content_hash
from skilllib.records.execution import Proof, Trial
from skilllib.records.skill import Callee, Contract, KeptTest, Provenance, Provision, Skill
from skilllib.records.task import Task

KEPT_PER_ARGUMENTS = 2
"""Kept tests replayed, per distinct arguments, when a skill is generalised."""


def contract(library: SkillLibrary, task: Task, draft: Draft, calls: Mapping[str, str], primitives: set[str]) -> Contract:
    """Return the contract of a draft: what it takes, what it provides, and which primitives it and its callees may call."""
    own = Provision(check=task.check or "", arguments=dict(draft.arguments), parameters=tuple(task.parameters))
    inherited = [
        provision.model_copy(update={"arguments": {**provision.arguments, **merge.arguments}})
        for merge in draft.merges
        for provision in merge.skill.contract.provides
    ]
    capabilities = set(draft.program.names) & primitives
    for callee in library.closure(tuple(calls.values())):
        capabilities |= set(callee.contract.capabilities)
    # What mends a skill promises what that one promised: the failing case is one of its cases, no promise of its own.
    provides = (*inherited, own) if task.check and task.repairs is None else tuple(inherited)
    return Contract(parameters=draft.program.parameters, provides=provides, capabilities=tuple(sorted(capabilities)))


def drafted(library: SkillLibrary, task: Task, draft: Draft, calls: Mapping[str, str], primitives: set[str]) -> Skill:
    """Return the skill that a draft would be, as yet without what is said of it."""
    return Skill(
        name=draft.program.name,
        program=draft.program,
        contract=contract(library, task, draft, calls, primitives),
        calls=tuple(Callee(name=name, code_hash=calls[name]) for name in sorted(calls)),
        environment=task.environment,
        provenance=Provenance(
            environment=task.environment,
            task=task.id,
            merged_from=tuple(merge.skill.code_hash for merge in draft.merges),
            merged_with={merge.skill.code_hash: dict(merge.arguments) for merge in draft.merges},
        ),
    )


def rechecked(library: SkillLibrary, skill: Skill, task: Task, proof: Proof, prover: Prover) -> Proof:
    """Return a proof with what became of the callers of what a skill replaces.

    What mends a skill has to be good for its callers too. What generalises one leaves a caller that fails with it as it is: it
    was written for something else. Where nothing is executed again all stay as they are.
    """
    replay = prover.replay if isinstance(prover, Replaying) else None
    return library.rechecked(skill, proof, replay, yielding=task.repairs is None)


def compared(library: SkillLibrary, skill: Skill, proof: Proof, prover: Prover) -> Proof:
    """Return a proof that says which active skill of another name does the same, if one does.

    Nothing is learned by a second skill with the same promise, so that its proof is not accepted. One that promises something
    else is worth its name: there the words alone are left, for whoever reads the ledger.
    """
    if not proof.accepted or not isinstance(prover, Replaying) or skill.program is None:
        return proof
    ran: list[Trial] = []

    def replay(one: Skill, closure: Sequence[Skill], tests: Sequence[KeptTest]) -> Sequence[Trial]:
        trials = prover.replay(one, closure, tests)
        ran.extend(trials)
        return trials

    tests = tests_of(proof, frozenset(parameter.name for parameter in skill.program.parameters))
    found = twin(library, skill, tests, replay=replay)
    if found is None:
        return proof.model_copy(update={"compared": tuple(ran)})
    words, promised = found.words(skill.name), {provision.check for provision in found.skill.contract.provides}
    said: dict[str, object] = {"compared": tuple(ran), "twin": words}
    if {provision.check for provision in skill.contract.provides} <= promised:
        said |= {"accepted": False, "reason": words}
    return proof.model_copy(update=said)


def kept_tests(library: SkillLibrary, task: Task, draft: Draft) -> list[tuple[KeptTest, dict[str, Scalar]]]:
    """Return tests of the skills whose place a draft takes, with the arguments under which it must pass them.

    Of a skill that it generalises they are a few for each distinct arguments; of one that it mends all, and the case in which
    that one failed.
    """
    found: list[tuple[KeptTest, dict[str, Scalar]]] = []
    for merge in draft.merges:
        taken: dict[str, int] = {}
        for test in library.tests(merge.skill.code_hash):
            key = content_hash(dict(test.arguments))
            taken[key] = taken.get(key, 0) + 1
            if task.repairs is not None or taken[key] <= KEPT_PER_ARGUMENTS:
                found.append((test, {**test.arguments, **merge.arguments}))
    if task.case is not None:
        found.append((task.case, task.case.arguments))
    return found
