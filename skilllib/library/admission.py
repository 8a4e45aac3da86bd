"""What is refused at the door: unproven programs, stolen names, and what the library has already."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from skilllib.errors import DuplicateSkill, NotVerified
from skilllib.records.execution import Proof, Trace
from skilllib.records.program import Program
from skilllib.records.skill import Skill

SIMILAR = 0.9
"""Share of matching characters (`difflib.SequenceMatcher`) above which two sources are one skill."""


def refuse_unproven(program: Program, trace: Trace) -> None:
    """Raise unless the trace's last attempt ran this very program and the environment said that it solved the task.

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
    if last.verdict.by != "check":
        raise NotVerified(f"{program.name!r} was judged by {last.verdict.by}; only the environment's word admits a skill")
    if last.proof is not None and not last.proof.accepted:
        raise NotVerified(f"{program.name!r} did not solve {trace.task.id!r} again on fresh worlds: {last.proof.reason}")


def refuse_proof(skill: Skill, proof: Proof | None) -> Proof:
    """Return the proof, or raise unless it shows that the skill solves a task that its environment can decide.

    Raises:
        NotVerified: With what is missing.
    """
    if proof is None:
        raise NotVerified(f"{skill.name!r} cannot become active without a proof: run it again on fresh worlds")
    if not proof.accepted:
        raise NotVerified(f"{skill.name!r} cannot become active: {proof.reason}")
    if not proof.successes:
        raise NotVerified(f"{skill.name!r} cannot become active: no trial of its proof solved {proof.task.id!r}")
    if proof.task.check is None:
        raise NotVerified(f"{skill.name!r} cannot become active by task {proof.task.id!r}, which has no check")
    if proof.task.environment != skill.environment:
        raise NotVerified(f"{skill.name!r} is a skill for {skill.environment!r}, its proof is from {proof.task.environment!r}")
    return proof


def refuse_duplicate(new: Skill, active: Iterable[Skill], *, merges: Collection[str]) -> None:
    """Raise if an active skill is the same program, up to names and constants or nearly to the letter.

    Two programs of one form that call different things are different programs: `sleep()` is not `collect_drink()`.

    Raises:
        DuplicateSkill: With the skill that is there, and how to replace it.
    """
    if new.program is None:
        return
    called = _called(new)
    matcher = difflib.SequenceMatcher(None, "", new.program.source, autojunk=False)  # what it learns of the second text it keeps
    for skill in active:
        if skill.program is None or skill.code_hash in merges:
            continue
        if skill.code_hash == new.code_hash or (skill.program.shape == new.program.shape and _called(skill) == called):
            raise DuplicateSkill(_same(new, skill, "up to names and constants"))
        matcher.set_seq1(skill.program.source)
        if _similar(matcher):
            raise DuplicateSkill(_same(new, skill, f"to more than {SIMILAR:.0%} of its text"))


def _called(skill: Skill) -> frozenset[str]:
    """Return the names from outside that a program uses, callees by what they are and not by what they are called."""
    if skill.program is None:
        return frozenset()
    callees = {callee.name: callee.code_hash for callee in skill.calls}
    return frozenset(callees.get(name, name) for name in skill.program.names)


def _similar(matcher: difflib.SequenceMatcher[str]) -> bool:
    # The quick ratios are upper bounds; the last one takes quadratic time.
    return matcher.real_quick_ratio() > SIMILAR and matcher.quick_ratio() > SIMILAR and matcher.ratio() > SIMILAR


def _same(new: Skill, old: Skill, how: str) -> str:
    return (
        f"{new.name!r} is {old.name!r} (version {old.version}) {how}; call that one, or list its code hash in `merges` "
        f"to replace it: {old.code_hash}"
    )
