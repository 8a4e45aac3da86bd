"""A curriculum with a scripted model, on the toy world, and traces to feed it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from skilllib.curriculum.frontier import FrontierCurriculum
from skilllib.curriculum.honing import Honing
from skilllib.curriculum.model import ModelCurriculum
from skilllib.curriculum.questions import Questions
from skilllib.memory import Memory, observed
from skilllib.models.scripted import Script, ScriptedModel
from skilllib.prompts.role import Role
from skilllib.records.execution import Attempt, Execution, Step, Trace, Verdict
from skilllib.records.program import Program
from skilllib.records.skill import Contract, Effect, Provision, Skill, Statistics, Status
from skilllib.records.task import Task
from skilllib.records.world import Failure, Missing, Observation, Outcome
from skilllib.testing import HashingEmbedder, make_bakery

SPEC = make_bakery().spec
PROGRAM = Program.parse('def go() -> None:\n    """Go."""\n    walk("home")\n')


def start(seed: int = 0, **changed: Any) -> Observation:
    """What the bakery shows at the beginning, with some facts changed (`stock__egg=2`), and no words that speak for a goal."""
    facts = make_bakery().reset(seed).facts
    for path, value in changed.items():
        group, _, leaf = path.rpartition("__")
        (facts[group] if group else facts)[leaf] = value
    return Observation(text="", facts=facts)


class Shelf:
    """A library of given skills."""

    def __init__(self, *skills: Skill, effects: dict[str, Sequence[Effect]] | None = None, **statistics: Statistics) -> None:
        self.all, self._effects, self._statistics = list(skills), effects or {}, statistics

    def skills(self, status: Status | None = None) -> Sequence[Skill]:
        return [skill for skill in self.all if status in (None, skill.status)]

    def effects(self, code_hash: str) -> Sequence[Effect]:
        return self._effects.get(self._name(code_hash), ())

    def statistics(self, code_hash: str) -> Statistics:
        return self._statistics.get(self._name(code_hash), Statistics(lower_bound=0.9, called=3))

    def _name(self, code_hash: str) -> str:
        return next(skill.name for skill in self.all if skill.code_hash == code_hash)


def skill(source: str, *provides: Provision, parameters: tuple[str, ...] = ()) -> Skill:
    """An active skill for the bakery."""
    program = Program.parse(source)
    return Skill(
        name=program.name,
        description=program.doc,
        program=program,
        contract=Contract(parameters=program.parameters, provides=provides),
        status="active",
        environment="bakery",
    )


def curriculum(
    script: Script, *, shelf: Shelf | None = None, memory: Memory | None = None, honing: float = 0.0, **options: Any
) -> ModelCurriculum:
    """A curriculum whose model follows a script."""
    model, shelf, memory = ScriptedModel(script), shelf or Shelf(), memory or Memory()
    when = options.pop("when", "never")
    return ModelCurriculum(
        spec=SPEC,
        role=Role(model=model, purpose="propose", prompt_tokens=options.pop("prompt_tokens", 3000)),
        frontier=FrontierCurriculum(SPEC, memory=memory, skills=shelf),
        skills=shelf,
        memory=memory,
        embedder=HashingEmbedder(),
        honing=Honing(SPEC, shelf, honing),
        questions=Questions(role=Role(model=model, purpose="answer"), when=when, known="walk(to)"),
        **options,
    )


def requests(of: ModelCurriculum) -> list[str]:
    """What the model was asked, the last message of each request."""
    assert isinstance(of.role.model, ScriptedModel)
    return [request.messages[-1].content for request in of.role.model.requests]


def trace(
    task: Task,
    *,
    solved: bool = False,
    missing: Iterable[Missing] = (),
    advice: str | None = None,
    before: Observation | None = None,
) -> Trace:
    """A trace of one attempt at a task."""
    failure = None if solved else Failure(message="it does not work", missing=tuple(missing))
    seen = before or start()
    execution = Execution(before=seen, after=seen, trajectory=(Step(primitive="walk", outcome=Outcome(failure=failure)),))
    verdict = Verdict(solved=solved, score=float(solved), reason="done" if solved else "not done")
    return Trace(task=task, attempts=(Attempt(number=1, program=PROGRAM, execution=execution, verdict=verdict, advice=advice),))


def experience(**changes: dict[str, tuple[float, float]]) -> Memory:
    """A memory of one successful call of each primitive, with the facts it changed."""
    memory = Memory()
    for primitive, changed in changes.items():
        step = Step(primitive=primitive, outcome=Outcome(), changes=dict(changed))
        memory.record(observed(Execution(before=start(), after=start(), trajectory=(step,))))
    return memory
