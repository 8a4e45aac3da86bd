"""Kept tests played through call by call: with a model, to see what it is worth, or with the skill itself, to learn from it.

The prompts of training are those of running by construction: the same writer asks the same questions in the same world, and
what answers is once a model and once the trajectory of an execution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skilllib.compiler.dataset import Rehearsal
from skilllib.models.scripted import ScriptedModel
from skilllib.prompts import load
from skilllib.protocols import Environment, LanguageModel, Sandbox
from skilllib.records.base import Scalar
from skilllib.records.execution import Attempt, Execution, Limits, Step, Trace, Verdict
from skilllib.records.model import Reply, Request
from skilllib.records.program import Program
from skilllib.records.skill import KeptTest, Skill
from skilllib.records.task import Task
from skilllib.sandbox.binding import call_text
from skilllib.verifier.check import CheckVerifier
from skilllib.workers import Made
from skilllib.writer.model import WriterOptions
from skilllib.writer.react import ReActWriter

MOST_CALLS = 40
"""Calls of one episode; a skill that makes more is not learned from."""
DONE = "Thought: It is done.\nAction: done"


@dataclass
class Stage:
    """Plays kept tests in one world.

    Args:
        environment: The world.
        sandbox: Runs skills and single calls.
        limits: Of one execution.
        prompt_tokens: Of one prompt.
        reply_tokens: Of one reply.
        prompts: Folder with prompts of the user's own.
    """

    environment: Environment
    sandbox: Sandbox
    limits: Limits
    prompt_tokens: int = 3000
    reply_tokens: int = 64
    prompts: str | None = None

    def rehearse(self, skill: Skill, test: KeptTest, closure: Sequence[Skill], number: int) -> Rehearsal:
        """Run a skill on a kept test, and return what a model would have been asked and should have answered."""
        trajectory = self._trajectory(skill, test, closure)
        script = [f"Thought: This comes next.\nAction: {call_text(step.primitive, step.arguments)}" for step in trajectory]
        exchanges: list[tuple[Request, str]] = []
        lines = iter([*script, DONE])

        def prompter(request: Request) -> Reply:
            line = next(lines, DONE)
            exchanges.append((request, line))
            return Reply(text=line)

        fits = 0 < len(trajectory) <= MOST_CALLS and test.expected
        solved = fits and self.play(ScriptedModel(prompter), skill, test)
        return Rehearsal(
            test=number,
            seed=test.seed,
            solved=solved,
            exchanges=tuple((request.messages, line) for request, line in exchanges),
        )

    def play(self, model: LanguageModel, skill: Skill, test: KeptTest) -> bool:
        """Return whether a model that acts call by call brings about what a kept test expects."""
        task = task_of(skill, test)
        if not self._begun(test):
            return False
        options = WriterOptions(replies=1, prompt_tokens=self.prompt_tokens, reply_tokens=self.reply_tokens)
        writer = ReActWriter(
            self.environment.spec,
            model=model,
            prompt=load("act", self.prompts),
            options=options,
            observe=self.environment.observe,
        )
        trace, steps = Trace(task=task), list[Step]()
        first = last = self.environment.observe()
        for number in range(1, MOST_CALLS + 2):
            draft = writer.write(task, skills=(), trace=trace)
            if draft is None:
                break
            execution = self._ran(draft.program)
            steps += execution.trajectory
            last = execution.after
            verdict = Verdict(solved=False, score=0.0, reason="", by="nobody")
            trace = trace.plus(Attempt(number=number, program=draft.program, execution=execution, verdict=verdict))
            if execution.stopped is not None:
                break
        whole = Execution(before=first, after=last, trajectory=tuple(steps), arguments=test.check_arguments)
        return CheckVerifier().verify(task, whole).solved == test.expected

    def _trajectory(self, skill: Skill, test: KeptTest, closure: Sequence[Skill]) -> tuple[Step, ...]:
        """Return the primitive calls of a skill on a kept test; none where it has no code or the world cannot be brought there."""
        if skill.program is None or not self._begun(test):
            return ()
        calls = {callee.name: callee.code_hash for callee in skill.calls}
        return self._ran(skill.program, test.arguments, closure, calls).trajectory

    def _ran(
        self,
        program: Program,
        arguments: Mapping[str, Scalar] | None = None,
        closure: Sequence[Skill] = (),
        calls: Mapping[str, str] | None = None,
    ) -> Execution:
        return self.sandbox.run(
            program,
            arguments=arguments or {},
            closure=closure,
            calls=calls or {},
            environment=self.environment,
            limits=self.limits,
        )

    def _begun(self, test: KeptTest) -> bool:
        """Bring the world to where a test begins; False if the episode ends on the way."""
        self.environment.reset(test.seed if self.environment.spec.seeds else None)
        return _made(self.environment, test.prefix)


def task_of(skill: Skill, test: KeptTest) -> Task:
    """Return the task that a kept test is, in the words of the skill."""
    given = f" ({', '.join(f'{name}={value!r}' for name, value in test.arguments.items())})" if test.arguments else ""
    return Task(
        id=f"test:{skill.name}",
        environment=test.environment,
        goal=f"{skill.description or skill.name}{given}",
        check=test.check,
        parameters={name: (value,) for name, value in test.check_arguments.items()},
    )


def _made(environment: Environment, prefix: Sequence[Made]) -> bool:
    for primitive, arguments in prefix:
        outcome = environment.call(primitive, arguments)
        if outcome.terminated or outcome.truncated:
            return False
    return True
