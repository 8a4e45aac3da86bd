"""What a person writes goes through the same door: held against the rules, put on trial, and left to be proved."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from skilllib.errors import DuplicateSkill, InvalidProgram, InvalidRecord, NotVerified
from skilllib.library import SkillLibrary
from skilllib.library.duplicates import refuse
from skilllib.library.quarantine import BY_HAND
from skilllib.library.text import first_sentence
from skilllib.records.base import Scalar
from skilllib.records.check import Check
from skilllib.records.naming import refuse_name
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Contract, KeptTest, Provenance, Provision, Skill
from skilllib.records.world import EnvironmentSpec
from skilllib.sandbox.scope import free_names
from skilllib.writer.typecheck import TypeChecker


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """What a person says that a skill does."""

    goal: str = ""
    """In words; by default the first sentence of the docstring."""
    check: str | None = None
    """Over `before`, `after` and the skill's parameters; without one nothing can be proved."""
    arguments: Mapping[str, Scalar | Sequence[Scalar]] = field(default_factory=dict)
    """Under which it does; several values of a parameter are all tried."""

    def provisions(self, program: Program) -> tuple[Provision, ...]:
        """Return what the contract declares.

        Raises:
            InvalidRecord: An argument is none of the program's.
            InvalidCheck: The check is none.
        """
        names = {parameter.name for parameter in program.parameters}
        if unknown := sorted(self.arguments.keys() - names):
            raise InvalidRecord(f"{program.name!r} has no parameter {unknown[0]!r}; its signature is {program.signature()}")
        if self.check is None:
            return ()
        Check(self.check, parameters=frozenset(names))
        fixed = {name: value for name, value in self.arguments.items() if isinstance(value, Scalar)}
        read = {node.id for node in ast.walk(ast.parse(self.check, mode="eval")) if isinstance(node, ast.Name)}
        varied = tuple(name for name in sorted(names - fixed.keys()) if name in read or name in self.arguments)
        return (Provision(check=self.check, arguments=fixed, parameters=varied),)

    def values(self) -> dict[str, tuple[Scalar, ...]]:
        """Return the values of the parameters for which several are to be tried."""
        return {name: tuple(value) for name, value in self.arguments.items() if not isinstance(value, Scalar)}


def added(
    library: SkillLibrary,
    program: Program,
    promise: Promise,
    *,
    spec: EnvironmentSpec,
    author: str = "",
    tests: Sequence[KeptTest] = (),
) -> Skill:
    """Put a new skill on trial and return it as it is stored; nothing of it is run.

    Args:
        library: Where it goes.
        program: What was written.
        promise: What it is said to do.
        spec: The environment's specification.
        author: Who wrote it, for the ledger.
        tests: Tests that come with it.

    Raises:
        InvalidProgram: It calls itself, or does not fit the environment's primitives, their types, or the facts.
        InvalidRecord: Promise and program contradict each other, or no skill can have its name.
        DuplicateSkill: A skill of that name is there, one whose name looks the same, or one that is the same program.
        CyclicCalls: It would reach a skill of its own name.
    """
    if library.resolve([program.name]):
        raise DuplicateSkill(f"{program.name!r} is there already; change it with: skilllib edit {program.name}")
    contract = Contract(provides=promise.provisions(program))
    drafted = _drafted(library, program, spec, contract=contract, calls={}, description=promise.goal)
    refuse(program.name, library.likenesses(drafted))
    return library.quarantine(drafted, tests=tests, proposer=author or BY_HAND, rationale=drafted.description)


def edited(library: SkillLibrary, old: Skill, program: Program, *, spec: EnvironmentSpec, author: str = "") -> Skill:
    """Put a changed version of a skill on trial and return it as it is stored; nothing of it is run.

    It promises what the old version promised and has to pass that one's kept tests. A name in it stands for the active skill of
    that name, or for what it stood for in the old version.

    Args:
        library: Where it is.
        old: The version that was changed.
        program: What was written.
        spec: The environment's specification.
        author: Who wrote it, for the ledger.

    Raises:
        InvalidProgram: It has another name, calls itself, or does not fit the environment's primitives, their types, or the facts.
        NotVerified: Nothing was changed, and it rests on a skill that was revoked.
        DuplicateSkill: Nothing was changed, or another skill is the same program.
        CyclicCalls: It would reach a skill of its own name.
    """
    if program.name != old.name:
        raise InvalidProgram(f"an edit keeps the name {old.name!r}, this is {program.name!r}; add it as a skill of its own")
    calls = {callee.name: callee.code_hash for callee in old.calls}
    said = old.description if old.program is not None and old.program.doc == program.doc else ""
    drafted = _drafted(library, program, spec, contract=old.contract, calls=calls, description=said, origin=old.provenance)
    if drafted.code_hash == old.code_hash:
        if gone := next((one for one in library.closure([old.code_hash])[:-1] if one.status == "revoked"), None):
            raise NotVerified(_resting(library, old, gone))
        raise DuplicateSkill(f"{old.name!r} (version {old.version}) is as it was; nothing is to be done")
    refuse(program.name, [likeness for likeness in library.likenesses(drafted) if likeness.skill.name != old.name])
    tests = library.tests(old.code_hash)
    return library.quarantine(drafted, tests=tests, proposer=author or BY_HAND, rationale=f"edit of version {old.version}")


def _resting(library: SkillLibrary, old: Skill, gone: Skill) -> str:
    """Return why calling what is active now is no remedy for a skill, and what is."""
    there = f"{old.name!r} (version {old.version}) rests on {gone.name!r} (version {gone.version}), which was revoked"
    if library.resolve([gone.name]):
        return f"{there}; call the active version of that with: skilllib verify {old.name}@{old.version} --activate"
    remedy = f"skilllib verify {gone.name}@{gone.version} --activate, or change it with: skilllib edit {gone.name}@{gone.version}"
    return f"{there}, and no other version of that is active; prove it with: {remedy}"


def _drafted(
    library: SkillLibrary,
    program: Program,
    spec: EnvironmentSpec,
    *,
    contract: Contract,
    calls: Mapping[str, str],
    description: str,
    origin: Provenance | None = None,
) -> Skill:
    refuse_name(program.name)
    if any(node.id == program.name for node in free_names(program.function)):
        raise InvalidProgram(f"{program.name!r} calls itself; a skill has no recursion")
    primitives = {primitive.name for primitive in spec.primitives}
    calls = {**calls, **library.resolve(program.names - primitives)}
    calls = {name: calls[name] for name in sorted(program.names & calls.keys())}
    program.refuse_rebinding(primitives | calls.keys())
    callees = library.closure(calls.values())
    _refuse_misfit(program, spec, [_named(library.version(code_hash), name) for name, code_hash in calls.items()], library)
    capabilities = (program.names & primitives).union(*(callee.contract.capabilities for callee in callees))
    return Skill(
        name=program.name,
        description=description or first_sentence(program.doc),
        program=program,
        contract=contract.model_copy(update={"parameters": program.parameters, "capabilities": tuple(sorted(capabilities))}),
        calls=tuple(Callee(name=name, code_hash=code_hash) for name, code_hash in calls.items()),
        environment=spec.name,
        provenance=(origin or Provenance(environment=spec.name)).model_copy(update={"writer": BY_HAND, "merged_from": ()}),
    )


def _named(skill: Skill, name: str) -> Skill:
    """Return a skill with the signature of another, under the name that a caller has for it."""
    declared = ", ".join(parameter.declaration() for parameter in skill.program.parameters) if skill.program else ""
    return Skill(name=name, program=Program.parse(f'def {name}({declared}):\n    "Stands for it."\n'))


def _refuse_misfit(program: Program, spec: EnvironmentSpec, callees: Sequence[Skill], library: SkillLibrary) -> None:
    """Raise with everything in a program that is certain to fail."""
    with closing(TypeChecker(spec)) as checker:
        problems = checker.problems(program, callees)
        if problems:  # once more with all that could have been meant, so that near names can be told
            others = [skill for skill in library.skills("active") if skill.environment in ("", spec.name)]
            problems = checker.problems(program, [*others, *callees]) or problems
    if problems:
        told = [f"line {line}: {message}" if line else message for line, message in problems]
        raise InvalidProgram("\n".join(told))
