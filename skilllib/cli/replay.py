"""Runs kept tests again, also with one callee replaced by a skill that does nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from skilllib.build.replaying import WorkersMaker, replayer
from skilllib.library import SkillLibrary
from skilllib.library.relinking import various
from skilllib.records.execution import Trial
from skilllib.records.program import Program
from skilllib.records.skill import Callee, KeptTest, Skill

SPARE_CALLS = 100
"""Primitive calls that a skill without its callee may make beyond twice the world steps of its recorded runs."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a skill's kept tests."""

    skill: Skill
    without: Skill | None
    """The callee that was replaced by a skill that does nothing."""
    tests: tuple[KeptTest, ...]
    trials: tuple[Trial, ...]

    @property
    def passed(self) -> int:
        """How many came out as expected."""
        return sum(trial.solved == test.expected for trial, test in zip(self.trials, self.tests, strict=True))

    @property
    def same(self) -> int:
        """How many passed and changed the very facts that the recorded run changed."""
        pairs = zip(self.trials, self.tests, strict=True)
        return sum(trial.solved == test.expected and trial.changes == test.changes for trial, test in pairs)

    def reasons(self) -> dict[str, int]:
        """Return why tests failed → how often."""
        found: dict[str, int] = {}
        for trial, test in zip(self.trials, self.tests, strict=True):
            if trial.solved != test.expected:
                reason = trial.reason if test.expected else "solved, which was not expected"
                found[reason] = found.get(reason, 0) + 1
        return found


class Replay:
    """Replays kept tests on fresh worlds; one set of workers per environment and options.

    Args:
        library: Where skills and tests come from.
        jobs: Processes that run tests.
        workers: Makes workers for worlds that are not registered.
        most: At most so many tests of a skill; None for all.
    """

    def __init__(
        self, library: SkillLibrary, *, jobs: int = 1, workers: WorkersMaker | None = None, most: int | None = None
    ) -> None:
        self._library, self._most, self._stack = library, most, ExitStack()
        self._replayer = self._stack.enter_context(replayer(library, jobs=jobs, workers=workers))

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, skill: Skill, *, without: Skill | None = None) -> Result:
        """Run the kept tests of a skill, or as many as were asked for."""
        tests = various(self._library.tests(skill.code_hash))[: self._most]
        closure = self._library.closure([skill.code_hash])
        changed = closure if without is None else knocked_out(closure, without)
        bounds = self._library.conditions(skill).limits
        if without is not None:
            bounds = bounds.model_copy(update={"primitive_calls": min(bounds.primitive_calls, _enough(tests))})
        trials = self._replayer.trials(changed[-1], changed, tests, limits=bounds)
        return Result(skill=skill, without=without, tests=tests, trials=trials)


def _enough(tests: Sequence[KeptTest]) -> int:
    """Return primitive calls that suffice for the recorded runs by far; a loop that waits for a callee in vain makes more."""
    return SPARE_CALLS + 2 * max((test.world_steps for test in tests), default=0)


def callees(library: SkillLibrary, skill: Skill) -> Iterator[Skill]:
    """Yield the versions that a skill calls directly."""
    for code_hash in dict.fromkeys(callee.code_hash for callee in skill.calls):
        yield library.version(code_hash)


def knocked_out(closure: Sequence[Skill], victim: Skill) -> tuple[Skill, ...]:
    r"""Return a closure in which one skill does nothing, callees first; its callers are rebuilt upon it.

    >>> one = Skill(name="one", program=Program.parse('def one(n: int = 1):\n    "One."\n    walk()\n'))
    >>> two = Skill(name="two", program=Program.parse('def two():\n    "Two."\n    one()\n'),
    ...             calls=(Callee(name="one", code_hash=one.code_hash),))
    >>> idle, caller = knocked_out([one, two], one)
    >>> print(idle.program.source)
    def one(n: int = 1):
        "Does nothing."
        return None
    <BLANKLINE>
    >>> caller.calls[0].code_hash == idle.code_hash != one.code_hash
    True
    """
    renamed: dict[str, str] = {}
    made: list[Skill] = []
    for skill in closure:
        new = _idle(skill) if skill.code_hash == victim.code_hash else _recalling(skill, renamed)
        renamed[skill.code_hash] = new.code_hash
        made.append(new)
    return tuple(made)


def _idle(skill: Skill) -> Skill:
    source = f'def {skill.signature()}:\n    "Does nothing."\n    return None\n'
    return _made(skill, program=Program.parse(source), calls=())


def _recalling(skill: Skill, renamed: Mapping[str, str]) -> Skill:
    calls = tuple(Callee(name=callee.name, code_hash=renamed.get(callee.code_hash, callee.code_hash)) for callee in skill.calls)
    return skill if calls == skill.calls else _made(skill, calls=calls)


def _made(skill: Skill, **changed: object) -> Skill:
    # Not `model_copy`: it would carry over the hashes that were already computed.
    return Skill.model_validate({**{name: getattr(skill, name) for name in Skill.model_fields}, **changed})
