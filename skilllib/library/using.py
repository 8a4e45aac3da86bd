"""Using skills from a program: one is run in a world of yours, or all of them leave for another place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from skilllib.errors import InvalidRecord, NotVerified
from skilllib.library import store
from skilllib.library.byname import linked_by_name
from skilllib.library.runs import RunLog
from skilllib.library.upkeep import Upkeep
from skilllib.protocols import Environment, Linked, Sandbox
from skilllib.records.base import Json, Scalar
from skilllib.records.blame import broke, unrun
from skilllib.records.check import Check
from skilllib.records.execution import Execution, Limits
from skilllib.records.skill import Provision, Skill


class Called(NamedTuple):
    """What came of a call: what happened, and whether the skill kept what it promises for these arguments."""

    execution: Execution
    solved: bool | None
    """None where the contract promises nothing for these arguments."""


class Conditions(NamedTuple):
    """Under which a skill was learned; those of a world and a run by default where nothing is known."""

    environment_options: dict[str, Json]
    limits: Limits


class Using(Upkeep, RunLog):
    """The part of a library through which its skills are used."""

    _sandbox: Sandbox | None = None

    def call(self, ref: str, world: Environment | str | None = None, /, **arguments: Scalar) -> Called:
        """Run a skill in the sandbox, with the very versions it calls, and count how it went; waits for nobody who writes.

        What does not tell of the skill is not counted: arguments that it refuses, and another environment than its own.

        Args:
            ref: A reference, as for `get`.
            world: Your instance, after its reset: the skill acts in its present episode. Or the name of a registered
                environment, of which a fresh instance is made and closed again; by default the one the skill is for.
            arguments: The skill's arguments, by name.

        Returns:
            What happened; a failure of the skill, and arguments that it refuses, are `execution.error`, never an exception.

        Raises:
            UnknownSkill: It is not there.
            NotVerified: It, or a skill that it calls, is not proved or was revoked.
            InvalidRecord: It is in words alone.
            EnvironmentFault: The world cannot be made, or breaks its contract.
            SandboxUnavailable: Programs cannot be run at all.
        """
        skill = self.get(ref)
        if skill.program is None:
            raise InvalidRecord(f"{skill.name!r} has no code form, so it cannot be called; its text is for a reader")
        closure, calls = self.linked(skill)
        with self._world(world, skill) as made:
            execution = self._runner().run(
                skill.program,
                arguments=arguments,
                closure=closure,
                calls=calls,
                environment=made,
                limits=self.conditions(skill).limits,
                grants=frozenset(skill.contract.capabilities) if self.policy == "evidence" else None,
            )
            own = skill.environment in ("", made.spec.name)
        found = Called(execution, kept(skill, execution))
        if own and not unrun(execution):
            self._counted(skill, found)
        return found

    def linked(self, skill: Skill, *, trial: bool = False) -> Linked:
        """Return everything a skill may reach and what its names stand for, as of now.

        Args:
            skill: What is to be run.
            trial: Whether it may be on trial itself.

        Raises:
            NotVerified: It, or a skill that it calls, is not proved or was revoked.
        """
        if self.policy == "evidence":
            reached: Sequence[Skill] = self.closure([skill.code_hash])[:-1]
            calls = {callee.name: callee.code_hash for callee in skill.calls}
        else:
            reached, calls = linked_by_name(skill.program.names if skill.program else (), self.skills("active"))
        for one in (*reached, skill):
            unproved = one.status == "trial" and not (trial and one is skill)
            if unproved or one.status == "revoked":
                raise NotVerified(_unproved(skill, one, stand_in=one.name in self.resolve([one.name])))
        return Linked(reached, calls)

    def conditions(self, skill: Skill) -> Conditions:
        """Return under which conditions a skill was learned."""
        run = skill.provenance.run
        options = dict(self.run_options(run)) if run in self.runs() else {}
        return Conditions(dict(options.get("environment_options", {})), Limits.model_validate(options.get("limits", {})))

    def export(self, to: str | Path, names: Sequence[str] = (), *, form: str = "skills") -> tuple[Skill, ...]:
        """Write skills for other people and programs, whole or not at all; return those that were written.

        Args:
            to: A new or empty folder for `skills`, a file for the other forms.
            names: References of skills. Without any: all active ones; for `jsonl` every version that may still be used.
            form: `skills` (SKILL.md folders), `jsonl` (one file to import elsewhere), `tools` (function tools in OpenAI's
                format), `stubs` (a `.pyi`), or one that an installed package registers.

        Raises:
            UnknownSkill: A name is not known.
            InvalidRecord: There is no such form, a skill was revoked, or the folder is not empty.
            StorageFailed: The disk refuses.
        """
        from skilllib.registry import exporter

        return tuple(exporter(form)(self, Path(to).expanduser(), names=tuple(names)))

    @contextmanager
    def _world(self, world: Environment | str | None, skill: Skill) -> Iterator[Environment]:
        if world is not None and not isinstance(world, str):
            yield world
            return
        from skilllib.registry import make_environment

        made = make_environment(world or skill.environment, **self.conditions(skill).environment_options)
        try:
            made.reset()
            yield made
        finally:
            made.close()

    def _runner(self) -> Sandbox:
        if self._sandbox is None:
            from skilllib.sandbox import MontySandbox

            self._sandbox = MontySandbox(guard=self.guard())
        return self._sandbox

    def _counted(self, skill: Skill, found: Called) -> None:
        """Count what was called; a failure counts where it broke, not in what rests on that."""
        calls, error = found.execution.skill_calls, found.execution.error
        failed = found.solved is False if error is None else error.skill is None
        counted = [(call.code_hash, {"called": 1, "failed": int(broke(call, calls))}) for call in calls]
        counted.append((skill.code_hash, {"called": 1, "solved": int(found.solved is True), "failed": int(failed)}))

        def write(connection: sa.Connection) -> None:
            for code_hash, added in counted:
                store.count(connection, code_hash, added)

        self._in_passing(write)

    def _let_go(self) -> None:
        """End the sandbox's processes."""
        getattr(self._sandbox, "close", lambda: None)()
        self._sandbox = None


def _unproved(skill: Skill, one: Skill, *, stand_in: bool) -> str:
    """Return why a skill cannot run for one that it reaches, and what can be done; another version of that may be active."""
    remedy = f"prove it with: skilllib verify {one.name}@{one.version} --activate"
    if one is skill:
        return f"{one.name!r} (version {one.version}) is {one.status}; {remedy}"
    rests = f"{skill.name!r} rests on {one.name!r} (version {one.version}), which is {one.status}"
    if not stand_in:
        return f"{rests}; {remedy}"
    # A proof takes the active version in place of what was revoked, however deep that is called.
    return f"{rests}; {remedy}, or with the version that is active now: skilllib verify {skill.name}@{skill.version} --activate"


def kept(skill: Skill, execution: Execution) -> bool | None:
    """Return whether an execution brought about all that a skill promises for its arguments; None if it promises nothing."""
    values = {p.name: p.default for p in skill.contract.parameters if p.default is not None} | execution.arguments
    promised = [one for one in skill.contract.provides if _promised(one, values)]
    if not promised:
        return None
    before, after = execution.before.facts, execution.after.facts
    checks = [Check(one.check, parameters=frozenset(one.parameters) | frozenset(one.arguments)) for one in promised]
    return all(check.holds(before, after, values) for check in checks)


def _promised(provision: Provision, values: dict[str, Scalar]) -> bool:
    return (
        all(values.get(name) == value for name, value in provision.arguments.items()) and set(provision.parameters) <= values.keys()
    )
