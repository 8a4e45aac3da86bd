"""Repair where it broke: a skill that failed inside a program is mended before the program's task is tried again."""

from __future__ import annotations

from skilllib.curriculum.standing import pressing
from skilllib.protocols import Curriculum, Resumable, SkillSource
from skilllib.records.base import Json, Scalar
from skilllib.records.blame import Blame, blamed
from skilllib.records.check import Check
from skilllib.records.execution import Attempt, Trace
from skilllib.records.skill import KeptTest, Provision, Skill
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Observation

IN_VAIN = 2
"""Repairs of a version that may fail in one run; after that its callers have to do without it."""


class RepairingCurriculum:
    """Sets the repair of a broken skill as the next task, then the task again in which it broke.

    The repair is posed as the skill was called: with its arguments, under the check that it promises for them, and with the
    very case in which it failed, so that a solution replaces the skill instead of wrapping it. Vital needs that press come
    first. Everything it knows follows from the traces it was told of, so a resumed run goes on with the same tasks.

    Args:
        inner: Proposes every other task.
        spec: The environment's specification.
        skills: The library.
    """

    def __init__(self, inner: Curriculum, *, spec: EnvironmentSpec, skills: SkillSource) -> None:
        self.inner, self._spec, self._skills = inner, spec, skills
        self._pending: list[Task] = []
        self._in_vain: dict[str, int] = {}
        self._broke_in: dict[str, Task] = {}
        self._episode = -1
        self._calls: list[tuple[str, dict[str, Scalar]]] = []

    def propose(self, observation: Observation) -> Task | None:
        """Return the repair that is due, or the task that waited for one, or what the inner curriculum proposes."""
        if self._pending and not pressing(self._spec, observation.facts):
            return self._pending[0]
        return self.inner.propose(observation) or next(iter(self._pending), None)

    def record(self, trace: Trace) -> None:
        """Take note of how a task went, and of the skill in which it broke."""
        self.inner.record(trace)
        self._settle(trace.task)
        prefix = self._followed(trace)
        blame = blamed(trace.attempts[-1]) if trace.attempts else None
        skill = self._skill(blame) if blame else None
        if skill is not None:
            self._broke_in[skill.code_hash] = trace.task
        if blame is not None and skill is not None and self.mendable(blame):
            waiting = [trace.task] if trace.task.lasting else []
            self._pending = [self._repair(skill, blame, trace.attempts[-1], prefix), *waiting, *self._pending]
        elif trace.task.repairs is not None and not trace.solved:
            self._in_vain[trace.task.repairs] = self._in_vain.get(trace.task.repairs, 0) + 1

    def mendable(self, blame: Blame) -> bool:
        """Return whether a broken skill will be mended: active, called for what it promised, and not given up."""
        skill = self._skill(blame)
        return (
            skill is not None
            and skill.status == "active"
            and self._in_vain.get(skill.code_hash, 0) < IN_VAIN
            and _promised(skill, blame) is not None
        )

    def state(self) -> Json:
        """Return the state of the inner curriculum, where it has one that does not follow from the traces."""
        return self.inner.state() if isinstance(self.inner, Resumable) else None

    def restore(self, state: Json) -> None:
        """Hand the state of an interrupted run on."""
        if isinstance(self.inner, Resumable):
            self.inner.restore(state)

    def _settle(self, task: Task) -> None:
        """Take a task off those that are due."""
        due = self._pending[0].id if self._pending else None
        if task.repairs in self._broke_in and task.id != due:
            # A run is being resumed, and its library has the mended version already, so the repair did not look due.
            waiting = self._broke_in[task.repairs]
            self._pending = [*([waiting] if waiting.lasting else []), *self._pending]
        elif task.id == due:
            self._pending = self._pending[1:]

    def _followed(self, trace: Trace) -> list[tuple[str, dict[str, Scalar]]]:
        """Follow the calls of the present episode, and return those that were made before a trace's last attempt."""
        before: list[tuple[str, dict[str, Scalar]]] = []
        for attempt in trace.attempts:
            if attempt.episode != self._episode:
                self._episode, self._calls = attempt.episode, []
            before = list(self._calls)
            self._calls += _calls(attempt)
        return before

    def _skill(self, blame: Blame) -> Skill | None:
        return next((skill for skill in self._skills.skills() if blame.skill in (skill.code_hash, skill.version_hash)), None)

    def _repair(self, skill: Skill, blame: Blame, attempt: Attempt, prefix: list[tuple[str, dict[str, Scalar]]]) -> Task:
        provision = _promised(skill, blame)
        assert provision is not None  # noqa: S101 - only what is mendable is posed
        case = KeptTest(
            environment=self._spec.name,
            seed=attempt.seed,
            prefix=(*prefix, *_calls(attempt)[: blame.entered]),
            arguments=blame.arguments,
            check=provision.check,
            check_arguments={name: blame.arguments[name] for name in provision.parameters},
        )
        where = f" at line {blame.error.line}" if blame.error.line else ""
        return Task(
            id=f"repair:{skill.name}@{skill.code_hash[:8]}",
            environment=self._spec.name,
            goal=skill.description or skill.name.replace("_", " "),
            check=provision.check,
            parameters={name: self._values(skill, name, blame, provision) for name in blame.arguments},
            context=f"{call_words(skill.name, blame.arguments)} failed{where}: {blame.error.message}",
            repairs=skill.code_hash,
            case=case if attempt.seed is not None else None,
        )

    def _values(self, skill: Skill, name: str, blame: Blame, provision: Provision) -> tuple[Scalar, ...]:
        """Return the values on which a repair is posed: the one that failed, then those for which the skill was proved."""
        proved = [effect.arguments[name] for effect in self._skills.effects(skill.code_hash) if name in effect.arguments]
        return tuple(dict.fromkeys([blame.arguments[name], *(proved if name in provision.parameters else ())]))


def call_words(name: str, arguments: dict[str, Scalar]) -> str:
    """Return a call as text.

    >>> call_words("fetch", {"amount": 2})
    'fetch(amount=2)'
    """
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def _promised(skill: Skill, blame: Blame) -> Provision | None:
    """Return what a skill promised for the arguments with which it was called, unless that was so before."""
    for provision in skill.contract.provides:
        names = set(provision.parameters)
        if not provision.arguments.items() <= blame.arguments.items() or not names <= blame.arguments.keys():
            continue
        if not Check(provision.check, parameters=frozenset(names)).holds(blame.before, blame.before, blame.arguments):
            return provision
    return None


def _calls(attempt: Attempt) -> list[tuple[str, dict[str, Scalar]]]:
    return [(step.primitive, step.arguments) for step in attempt.execution.trajectory]
