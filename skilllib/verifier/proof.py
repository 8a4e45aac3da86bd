"""Re-execution on fresh worlds: what a program must pass before it may become active."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from skilllib.memory import gained, observed, used
from skilllib.protocols import Draft, Proven, SkillSource, Verifier
from skilllib.records.base import Scalar
from skilllib.records.execution import Execution, Limits, Proof, Trial
from skilllib.records.experience import Experience
from skilllib.records.facts import changes
from skilllib.records.program import Program
from skilllib.records.skill import KeptTest, Skill
from skilllib.records.task import Task
from skilllib.seeds import world_seed
from skilllib.verifier.evidence import SequentialTest
from skilllib.workers import Job, Workers, void


@dataclass(frozen=True, kw_only=True)
class ReExecution:
    """Runs a draft from a reset on worlds never used for writing, and accepts it by a sequential test.

    A trial counts only if the check holds at its end and did not at its start, if the program really made calls, and if
    they changed the world. Kept tests of the skills whose place it takes must hold for it as well; for a repair they come with
    the case in which the skill failed, and the test is the stricter the more the skill had proved itself.

    If the first look neither accepts nor is hopeless, and a world named something that was missing, the proof ends there
    without acceptance, so that the writer can see to it; a draft that is `settled` is taken to the end. The first look
    accepts only what succeeded every time, so the chance of a wrong acceptance grows by less than a tenth.
    """

    workers: Workers
    verifier: Verifier
    test: SequentialTest
    limits: Limits
    skills: SkillSource | None = None
    """Tells how much a skill that is to be mended has proved itself."""

    def prove(
        self,
        draft: Draft,
        task: Task,
        *,
        execution: Execution,
        closure: Sequence[Skill],
        calls: Mapping[str, str],
        seed: int,
        kept: Sequence[tuple[KeptTest, Mapping[str, Scalar]]] = (),
    ) -> Proven:
        """Return the evidence; see `protocols.Prover`.

        Args:
            draft: What is to be proved.
            task: The task with the values over which its parameters vary.
            execution: Not used; a success in the world where a program was written proves nothing.
            closure: Every skill version it may reach, callees first.
            calls: Name in the program → code hash in the closure.
            seed: The worlds' seeds follow from it.
            kept: Tests of generalised skills with the arguments under which this program must pass them.
        """
        test = self.test
        if self.skills is not None and task.repairs is not None:
            test = test.for_repair(self.skills.statistics(task.repairs))
        session = _Session(replace(self, test=test), draft.program, closure, calls)
        trials = session.trials(task, draft, seed)
        successes = sum(trial.solved for trial in trials)
        accepted = test.accepts(successes, len(trials))
        lower_bound = test.lower_bound(successes, len(trials))
        reason = f"{successes} of {len(trials)} fresh worlds solved"
        if accepted and kept:
            replays = session.replays(task, kept)
            trials += replays
            if failed := [trial for trial in replays if not trial.solved]:
                accepted, reason = False, f"{len(failed)} of {len(replays)} kept tests fail: {failed[0].reason}"
        proof = Proof(
            task=task,
            trials=tuple(trials),
            accepted=accepted,
            reason=reason,
            lower_bound=lower_bound,
            threshold=test.threshold,
            cut_short=session.cut_short,
        )
        return Proven(proof, session.experience)

    def replay(self, skill: Skill, closure: Sequence[Skill], tests: Sequence[KeptTest], /) -> Sequence[Trial]:
        """Run kept tests again, each on the world it was recorded on; see `protocols.Replaying`."""
        if skill.program is None or not tests:
            return ()
        calls = {callee.name: callee.code_hash for callee in skill.calls}
        goal = skill.description or skill.name
        task = Task(id=f"replay:{skill.name}", environment=skill.environment, goal=goal)
        kept = [(test, {**test.check_arguments, **test.arguments}) for test in tests]
        return _Session(self, skill.program, closure[:-1], calls).replays(task, kept)


@dataclass(frozen=True, kw_only=True)
class NoReExecution:
    """Takes the one execution that solved the task for proof: the ablation, never a default."""

    verifier: Verifier

    def prove(
        self,
        draft: Draft,
        task: Task,
        *,
        execution: Execution,
        closure: Sequence[Skill],
        calls: Mapping[str, str],
        seed: int,
        kept: Sequence[tuple[KeptTest, Mapping[str, Scalar]]] = (),
    ) -> Proven:
        """Return a proof that consists of the execution that is given."""
        arguments = {**draft.arguments, **task.arguments()}
        trial = trial_of(self.verifier, task, execution, arguments=arguments, seed=None)
        proof = Proof(task=task, trials=(trial,), accepted=trial.solved, reason="solved once, not executed again")
        return Proven(proof, Experience())


def trial_of(
    verifier: Verifier,
    task: Task,
    execution: Execution,
    *,
    arguments: dict[str, Scalar],
    seed: int | None,
    kept: KeptTest | None = None,
) -> Trial:
    """Return an execution as a trial, where it was one of a kept test; it counts only if something changed in the world."""
    verdict = verifier.verify(task, execution.model_copy(update={"arguments": arguments}))
    changed = changes(execution.before.facts, execution.after.facts)
    return Trial(
        seed=seed,
        arguments=arguments,
        check=kept.check if kept else None,
        prefix=kept.prefix if kept else (),
        solved=verdict.solved and bool(changed),
        reason="nothing changed in the world" if verdict.solved and not changed else verdict.reason,
        world_steps=execution.world_steps,
        called=tuple(dict.fromkeys(call.name for call in execution.skill_calls)),
        changes=changed,
        uses=used(execution.trajectory),
        gains=gained(execution.trajectory),
        error=execution.error,
        stopped=execution.stopped,
    )


def _instructive(trial: Trial) -> bool:
    """Return whether a trial failed in a way that a better program would avoid: it lacked something, met what passes, or died."""
    failure = trial.error.failure if trial.error else None
    return not trial.solved and (
        trial.stopped == "terminated" or (failure is not None and (bool(failure.missing) or failure.retry))
    )


class _Session:
    """The executions of one proof."""

    def __init__(self, method: ReExecution, program: Program, closure: Sequence[Skill], calls: Mapping[str, str]) -> None:
        self._method, self._program, self._closure, self._calls = method, program, closure, calls
        self.experience = Experience()
        self.cut_short = False

    def trials(self, task: Task, draft: Draft, seed: int) -> list[Trial]:
        test = self._method.test
        trials: list[Trial] = []
        for look in test.looks:
            numbers = range(len(trials), look)
            trials += self._run(
                [_Wanted(task, {**draft.arguments, **task.arguments(i)}, world_seed(seed, "prove", i)) for i in numbers]
            )
            successes = sum(trial.solved for trial in trials)
            if test.accepts(successes, len(trials)) or test.hopeless(successes, len(trials)):
                break
            if not draft.settled and look == test.looks[0] and any(_instructive(trial) for trial in trials):
                self.cut_short = True
                break
        return trials

    def replays(self, task: Task, kept: Sequence[tuple[KeptTest, Mapping[str, Scalar]]]) -> list[Trial]:
        return self._run(
            [
                _Wanted(
                    task=task.model_copy(
                        update={"check": test.check, "parameters": {k: (v,) for k, v in test.check_arguments.items()}}
                    ),
                    arguments=dict(arguments),
                    seed=test.seed or 0,
                    test=test,
                )
                for test, arguments in kept
            ]
        )

    def _run(self, wanted: Sequence[_Wanted]) -> list[Trial]:
        executions = self._method.workers.run([self._job(one) for one in wanted])
        for execution in executions:
            self.experience = self.experience.plus(observed(execution))
        return [
            trial_of(self._method.verifier, one.task, execution, arguments=one.arguments, seed=one.seed, kept=one.test)
            for one, execution in zip(wanted, executions, strict=True)
            if not void(execution)
        ]

    def _job(self, one: _Wanted) -> Job:
        names = {parameter.name for parameter in self._program.parameters}
        return Job(
            program=self._program,
            arguments={name: value for name, value in one.arguments.items() if name in names},
            closure=self._closure,
            calls=self._calls,
            seed=one.seed,
            limits=self._method.limits,
            prefix=one.test.prefix if one.test else (),
        )


class _Wanted(NamedTuple):
    """One execution of a proof, and what is asked of it."""

    task: Task
    arguments: dict[str, Scalar]
    seed: int
    test: KeptTest | None = None
