"""What is refused at the door: unproven programs. What the library has already is refused by `duplicates`.

Which law holds is stamped into a library when it is made. `evidence`: a skill becomes active by a proof of fresh worlds
alone. `opinion`: one success in the opinion of a model is enough and a name is overwritten, as in Voyager.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from skilllib.errors import InvalidRecord, LibraryDamaged, NotVerified, OtherPolicy
from skilllib.records.execution import Proof, Trace
from skilllib.records.ledger import Change, Decision
from skilllib.records.program import Program
from skilllib.records.skill import Skill

Policy: TypeAlias = Literal["evidence", "opinion"]
"""By what a library takes a skill to be one."""
OPINION = "opinion"
"""Code of every decision that rests on a model's opinion."""


def stamped(value: str | None) -> Policy:
    """Return the policy of a stamp; a library without one is older than the choice.

    Raises:
        LibraryDamaged: The stamp says something else.
    """
    for policy in get_args(Policy):
        if value in (policy, None):
            return policy  # type: ignore[no-any-return]  # an argument of the very literal
    raise LibraryDamaged(f"the library's policy is {value!r}; it can be {' or '.join(map(repr, get_args(Policy)))}")


def refuse_no_policy(wanted: Policy | None) -> None:
    """Raise unless there is such a policy.

    Raises:
        InvalidRecord: With those that there are.
    """
    if wanted not in (None, *get_args(Policy)):
        raise InvalidRecord(f"{wanted!r} is no policy; choose {' or '.join(map(repr, get_args(Policy)))}")


def refuse_other(path: object, found: Policy, wanted: Policy | None) -> None:
    """Raise if a library has another policy than what is to be done needs.

    Raises:
        OtherPolicy: With the remedy.
    """
    laws = {"evidence": "proofs on fresh worlds make a skill active", "opinion": "a model's opinion makes a skill active"}
    if wanted not in (None, found):
        raise OtherPolicy(
            f"{path} is a library of the policy {found!r} ({laws[found]}), {wanted!r} is needed; "
            "name another folder with `--library PATH`"
        )


def refuse_unproven(program: Program, trace: Trace) -> None:
    """Raise unless the trace's last attempt ran this very program and was said to have solved the task.

    A model's opinion is enough for a skill on trial; `nobody`'s word is not.

    Raises:
        NotVerified: With what is missing.
    """
    if not trace.attempts:
        raise NotVerified(f"{program.name!r} was never run: the trace has no attempt")
    last = trace.attempts[-1]
    if last.program.source != program.source:
        raise NotVerified(f"{program.name!r} is not the program of the trace's last attempt ({last.program.name!r})")
    if not last.verdict.solved:
        raise NotVerified(f"{program.name!r} did not solve {trace.task.id!r}: {last.verdict.reason}")
    if last.verdict.by == "nobody":
        raise NotVerified(f"{program.name!r} was judged by nobody; the environment's word admits a skill, an opinion for trial")
    if last.proof is not None and not last.proof.accepted:
        raise NotVerified(f"{program.name!r} did not solve {trace.task.id!r} again on fresh worlds: {last.proof.reason}")


def refuse_activation(policy: Policy, skill: Skill, decision: Decision, proof: Proof | None) -> None:
    """Raise unless the library's policy lets the skill become active.

    Raises:
        NotVerified: With what is missing.
    """
    if policy == "evidence" or (proof is not None and proof.by == "check"):
        refuse_proof(skill, proof)
    elif OPINION not in decision.codes:
        raise NotVerified(f"{skill.name!r} would become active by an opinion; the decision must say so with the code {OPINION!r}")
    elif proof is not None and not proof.accepted:
        raise NotVerified(f"{skill.name!r} cannot become active: {proof.reason}")


def refuse_forgiveness(skill: Skill, change: Change, proof: Proof | None, *, revoked_since: bool) -> None:
    """Raise if a change would undo a revocation without proving the skill anew, after it was revoked.

    Args:
        skill: What would not be revoked after the change.
        change: By what.
        proof: What speaks for it.
        revoked_since: Whether it was revoked while that was prepared.

    Raises:
        NotVerified: With what is missing.
    """
    fresh = proof is not None and proof.accepted and not proof.replayed
    if skill.status != "revoked" or (change.kind == "restore" and fresh and not revoked_since):
        return
    when = " meanwhile" if revoked_since else ""
    remedy = f"skilllib verify {skill.name}@{skill.version} --activate"
    raise NotVerified(
        f"{skill.name!r} (version {skill.version}) was revoked{when}; only a proof on fresh worlds undoes that: {remedy}"
    )


def refuse_proof(skill: Skill, proof: Proof | None) -> Proof:
    """Return the proof, or raise unless it shows that the skill solves a task that its environment can decide.

    Raises:
        NotVerified: With what is missing.
    """
    if proof is None:
        raise NotVerified(f"{skill.name!r} cannot become active without a proof: run it again on fresh worlds")
    if proof.by != "check":
        raise NotVerified(f"{skill.name!r} cannot become active on an opinion: run it again on fresh worlds, under a check")
    if not proof.accepted:
        raise NotVerified(f"{skill.name!r} cannot become active: {proof.reason}")
    if not proof.successes:
        raise NotVerified(f"{skill.name!r} cannot become active: no trial of its proof solved {proof.task.id!r}")
    if proof.task.check is None:
        raise NotVerified(f"{skill.name!r} cannot become active by task {proof.task.id!r}, which has no check")
    if proof.task.environment != skill.environment:
        raise NotVerified(f"{skill.name!r} is a skill for {skill.environment!r}, its proof is from {proof.task.environment!r}")
    return proof
