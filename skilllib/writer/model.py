"""The writer with a language model: it asks for a function, reads the reply strictly, and says what is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from skilllib.prompts import Part, Prompt, load
from skilllib.protocols import Draft, LanguageModel, Recorder, SkillSource
from skilllib.records.base import Scalar, content_hash
from skilllib.records.execution import Trace
from skilllib.records.model import Purpose, Reply, Request
from skilllib.records.normal import normal
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Observation, Parameter
from skilllib.writer.affordances import Affordances
from skilllib.writer.fit import Faulty, Fit, Repeated
from skilllib.writer.naming import free_name
from skilllib.writer.offer import (
    Code,
    attempt_parts,
    call_parts,
    fact_parts,
    filled,
    observation_parts,
    refused_parts,
    skill_parts,
    task_parts,
    world_parts,
)
from skilllib.writer.reply import Unusable, program_in, rationale_in, spoken
from skilllib.writer.salvage import cut
from skilllib.writer.typecheck import TypeChecker

RISING = (0.0, 0.4, 0.8, 1.0)
"""Temperature after so many replies could not be used, or the same program came back so many times."""
VARIED = 0.7
"""Least temperature of the second candidate and those after it: at 0 they would be the first again."""


@dataclass(frozen=True, kw_only=True)
class WriterOptions:
    """How a model is asked."""

    temperature: float = 0.0
    """Of the first candidate, as long as nothing comes back."""
    candidates: int = 1
    """Programs asked for in each round."""
    replies: int = 2
    """Rounds of asking for one draft: after the first, the model is told what was wrong."""
    prompt_tokens: int = 3000
    """Tokens of a prompt, as estimated."""
    reply_tokens: int = 800
    """Tokens of a reply."""
    code: Code = "budget"
    """When the code of skills is shown."""
    overwrites: bool = False
    """Whether a program takes the name of a skill that does something else: a baseline, never a default."""


@dataclass(kw_only=True)
class Asked:
    """One conversation about one draft: asks, tells what was wrong, and rises in temperature with every reply in vain."""

    model: LanguageModel
    prompt: Prompt
    purpose: Purpose
    options: WriterOptions
    origin: tuple[str, int]
    """Where the seeds come from: the task's id, and the number of attempts before."""
    parts: Sequence[Part]
    recorder: Recorder | None = None
    repeats: int = 0
    """How often the same came back."""
    _refused: tuple[str, str] | None = None
    _replies: set[str] = field(default_factory=set)

    def reply(self, round_: int, candidate: int = 0) -> Reply:
        """Ask once."""
        again = round_ > 0 and self._refused is not None
        refused = refused_parts(*self._refused) if again and self._refused else ()
        parts = [part for part in (*self.parts, *refused) if part.slot in self.prompt.slots]
        temperature = max(
            self.options.temperature, RISING[min(max(round_, self.repeats), len(RISING) - 1)], VARIED if candidate else 0.0
        )
        return self.model.complete(
            Request(
                purpose=self.purpose,
                prompt=self.prompt.hash,
                messages=filled(self.prompt, parts, tokens=self.options.prompt_tokens, again=again),
                temperature=temperature,
                max_tokens=self.options.reply_tokens,
                seed=seed_of(*self.origin, round_, candidate),
            )
        )

    def refuse(self, reply: Reply, problem: Unusable) -> None:
        """Take note of what was wrong with a reply; the next request tells it."""
        self.repeats += isinstance(problem, Repeated) or reply.text in self._replies
        self._replies.add(reply.text)
        # A program that was shown already is not shown twice: models are prone to copy.
        self._refused = "(the program that failed before)" if isinstance(problem, Repeated) else spoken(reply), str(problem)
        if self.recorder is not None:
            digest = hashlib.sha256(reply.text.encode()).hexdigest()
            self.recorder("refused_reply", purpose=self.purpose, problem=str(problem), reply=digest)


class ModelWriter:
    """Asks a language model for programs; satisfies `protocols.Writer`. What it remembers of a task is read from the trace.

    Args:
        spec: The environment's specification.
        model: Is asked.
        skills: The library; only its active skills may be called.
        prompt: The prompt `write`, or one with the same slots.
        options: How the model is asked.
        observe: Returns what is there now; without it the state after the last attempt is shown.
        affordances: Names calls that may be of use, with what was seen of them.
        recorder: Is told of every reply that could not be used.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        *,
        model: LanguageModel,
        skills: SkillSource,
        prompt: Prompt | None = None,
        options: WriterOptions | None = None,
        observe: Callable[[], Observation] | None = None,
        affordances: Affordances | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._spec, self._model, self._skills, self._affordances = spec, model, skills, affordances
        self._prompt, self._options = prompt or load("write"), options or WriterOptions()
        self._observe, self._recorder = observe, recorder
        self._checker = TypeChecker(spec)

    def write(self, task: Task, *, skills: Sequence[Skill], trace: Trace) -> Draft | None:
        """Return the next draft, or None when no reply could be used.

        Args:
            task: The task.
            skills: Those of use for it, the best first; what the library does not have as active is not shown.
            trace: The attempts so far.

        Raises:
            ModelError: There is no reply.
            PromptError: What cannot be left out of the prompt is longer than it may be.
        """
        known = [skill for skill in self._skills.skills("active") if skill.program and skill.environment in ("", self._spec.name)]
        fit = Fit(self._spec, self._checker, known, task, trace, overwrites=self._options.overwrites)
        asked = Asked(
            model=self._model,
            prompt=self._prompt,
            purpose="write",
            options=self._options,
            origin=(task.id, len(trace.attempts)),
            parts=list(self._parts(task, skills, known, trace)),
            recorder=self._recorder,
            repeats=min(sum(attempt.route == "write" for attempt in trace.attempts), 1),
        )
        faulty: list[Faulty] = []
        for round_ in range(self._options.replies):
            candidates = self._options.candidates if round_ == 0 else 1
            drafts: dict[str, Draft] = {}
            for candidate in range(candidates):
                reply = asked.reply(round_, candidate)
                try:
                    draft = fit.draft(program_in(reply), rationale_in(reply))
                except Unusable as problem:
                    asked.refuse(reply, problem)
                    faulty += [problem] if isinstance(problem, Faulty) else []
                else:
                    drafts.setdefault(normal(draft.program), draft)
            if drafts:
                first, *others = drafts.values()
                return replace(first, alternatives=tuple(others))
        return next(_salvaged(fit, faulty), None)

    def close(self) -> None:
        """End the type checker's process; a later draft starts it again."""
        self._checker.close()

    def _parts(self, task: Task, skills: Sequence[Skill], known: Sequence[Skill], trace: Trace) -> Iterator[Part]:
        callable_ = {skill.code_hash for skill in known}
        mended = next((skill for skill in known if skill.code_hash == task.repairs), None)
        taken = {*(primitive.name for primitive in self._spec.primitives), *(skill.name for skill in known)}
        yield from world_parts(self._spec)
        yield from fact_parts(self._spec.facts)
        yield from skill_parts([skill for skill in skills if skill.code_hash in callable_], code=self._options.code)
        yield from task_parts(task, mended.signature() if mended else signature(task, taken), mended)
        yield from observation_parts(observed(self._observe, trace), relevant(task, trace))
        if self._affordances is not None:
            yield from call_parts(self._affordances.lines(task, trace))
        yield from attempt_parts(trace.attempts)


def _salvaged(fit: Fit, faulty: Sequence[Faulty]) -> Iterator[Draft]:
    """Yield what programs amount to up to the line at which they are certain to fail, the newest first, where that fits."""
    for problem in reversed(faulty):
        if problem.line is not None and (program := cut(problem.program, problem.line)) is not None:
            with suppress(Unusable):
                yield fit.draft(program, f"cut off before a mistake: {str(problem).splitlines()[0]}")


def observed(observe: Callable[[], Observation] | None, trace: Trace) -> Observation | None:
    """Return what is there now, or was after the last attempt."""
    if observe is not None:
        return observe()
    return trace.attempts[-1].execution.after if trace.attempts else None


def relevant(task: Task, trace: Trace) -> tuple[str, ...]:
    """Return the facts that a task's check reads and those that the last program lacked."""
    check = task.parsed_check()
    lacked = [missing.fact for missing in trace.attempts[-1].execution.missing() if missing.fact] if trace.attempts else []
    return (*(check.facts() if check else ()), *lacked)


def signature(task: Task, taken: set[str]) -> str:
    """Return a signature that a function for a task may have."""
    parameters = ", ".join(_parameter(name, values).declaration() for name, values in task.parameters.items())
    return f"{free_name(task.goal, taken)}({parameters})"


def seed_of(task: str, attempts: int, reply: int, candidate: int) -> int:
    """Return the seed of a request, 31 bits: the same in a resumed run."""
    return int(content_hash([task, attempts, reply, candidate])[:8], 16) >> 1


def _parameter(name: str, values: Sequence[Scalar]) -> Parameter:
    value = values[0]
    if isinstance(value, str):
        return Parameter(name=name, choices=tuple(dict.fromkeys(values)))
    kind = "boolean" if isinstance(value, bool) else "number" if any(isinstance(v, float) for v in values) else "integer"
    return Parameter(name=name, type=kind)  # type: ignore[arg-type]
