"""What tests of the writer with a model need: replies, skills, attempts, and a world of three primitives."""

from __future__ import annotations

import atexit
from collections.abc import Iterable, Sequence
from typing import Any

from skilllib.models.scripted import ScriptedModel
from skilllib.protocols import Draft
from skilllib.records.base import Json
from skilllib.records.execution import Attempt, Execution, ProgramError, Trace, Verdict
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Contract, Effect, Provision, Skill, Statistics, Status
from skilllib.records.task import Task
from skilllib.records.world import Observation
from skilllib.testing import make_bakery
from skilllib.writer.model import ModelWriter, WriterOptions
from skilllib.writer.typecheck import TypeChecker

SPEC = make_bakery().spec
CHECKER = TypeChecker(SPEC)
"""One for all tests: each has a process of its own."""
atexit.register(CHECKER.close)
TASK = Task(id="t", environment="bakery", goal="get wheat", check="after.stock.wheat > before.stock.wheat")
MANY = Task(id="m", environment="bakery", goal="get wheat", check="after.stock.wheat >= amount", parameters={"amount": (1, 3)})
GOOD = "def get_wheat() -> None:\n    'Get wheat.'\n    walk('field')\n    gather('wheat')\n"
OTHER = "def get_wheat() -> None:\n    'Get wheat.'\n    walk('field')\n    gather(crop='wheat')\n"
SEEN = Observation(text="You are at: home.", facts={"at": "home", "stock": {"wheat": 0, "egg": 2}})


class Shelf:
    """A library of a few active skills."""

    def __init__(self, *skills: Skill) -> None:
        self._skills = skills

    def skills(self, status: Status | None = None) -> Sequence[Skill]:
        """Return those of a status."""
        return [skill for skill in self._skills if status in (None, skill.status)]

    def effects(self, code_hash: str) -> Sequence[Effect]:
        """Return nothing."""
        return ()

    def statistics(self, code_hash: str) -> Statistics:
        """Return zeros."""
        return Statistics()


class Notes:
    """A recorder that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Json]]] = []

    def __call__(self, event: str, **fields: Json) -> None:
        """Take note."""
        self.events.append((event, fields))


def block(source: str, *, before: str = "") -> str:
    """Return a reply with one code block."""
    return f"{before}\n```python\n{source}\n```"


def asked(
    lines: Iterable[Any], *skills: Skill, task: Task = TASK, attempts: Sequence[Attempt] = (), **given: Any
) -> tuple[Draft | None, ScriptedModel]:
    """Return what a writer makes of these replies, and the model that gave them."""
    model = ScriptedModel(list(lines))
    retrieved = given.pop("retrieved", skills)
    recorder, observe = given.pop("recorder", None), given.pop("observe", None)
    writer = ModelWriter(
        SPEC, model=model, skills=Shelf(*skills), recorder=recorder, observe=observe, options=WriterOptions(**given)
    )
    writer._checker = CHECKER
    return writer.write(task, skills=retrieved, trace=Trace(task=task, attempts=tuple(attempts))), model


def problem(reply: Any, *skills: Skill, **given: Any) -> str:
    """Return what a model is told of a reply that cannot be used; it is told so in the next request."""
    notes = Notes()
    draft, model = asked([reply, "nothing"], *skills, recorder=notes, replies=2, **given)
    assert draft is None
    told = str(notes.events[0][1]["problem"])
    assert told.replace("<", "&lt;") in model.requests[1].messages[-1].content.replace("<", "&lt;")
    return told


def skill(source: str, *, check: str | None = None, calls: Sequence[Skill] = (), **fields: Any) -> Skill:
    """Return an active skill that provides a check."""
    program = Program.parse(source)
    return Skill(
        name=program.name,
        program=program,
        contract=Contract(parameters=program.parameters, provides=(Provision(check=check),) if check else ()),
        calls=tuple(Callee(name=callee.name, code_hash=callee.code_hash) for callee in calls),
        **{"status": "active", "environment": "bakery", "description": program.doc, **fields},
    )


def failed(source: str, *, reason: str = "it does not hold", line: int | None = None, **fields: Any) -> Attempt:
    """Return an attempt that did not solve the task."""
    error = ProgramError(kind="primitive", message=reason, line=line) if line else None
    execution = fields.pop("execution", Execution(before=SEEN, after=SEEN, error=error))
    verdict = Verdict(solved=False, score=0, reason=reason)
    return Attempt(number=1, program=Program.parse(source), execution=execution, verdict=verdict, **fields)
