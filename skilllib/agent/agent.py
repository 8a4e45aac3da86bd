"""The life of one task, and of the run it belongs to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from skilllib.agent.progress import Progress
from skilllib.errors import CyclicCalls, DuplicateSkill
from skilllib.library import SkillLibrary
from skilllib.life import Life
from skilllib.memory import Memory, observed
from skilllib.protocols import Critic, Curriculum, Draft, Gate, Prover, Recorder, Sandbox, Verifier, Writer
from skilllib.records.base import Json, Scalar, content_hash
from skilllib.records.execution import Attempt, Execution, Limits, Trace, Verdict
from skilllib.records.experience import Experience
from skilllib.records.ledger import Change
from skilllib.records.skill import Contract, KeptTest, Provenance, Provision, Skill
from skilllib.records.task import Task
from skilllib.records.world import Observation
from skilllib.seeds import world_seed

KEPT_PER_ARGUMENTS = 2
"""Kept tests replayed, per distinct arguments, when a skill is generalised."""


@dataclass(kw_only=True)
class Agent:
    """The assembly of an agent: its world, its stages, its library, and a few numbers."""

    life: Life
    curriculum: Curriculum
    writer: Writer
    sandbox: Sandbox
    verifier: Verifier
    prover: Prover
    gate: Gate
    critic: Critic
    library: SkillLibrary
    memory: Memory
    progress: Progress
    recorder: Recorder
    run: str
    """Name of the run."""
    seed: int
    limits: Limits
    profile: str = ""
    """Hash of everything else that shapes the behaviour."""
    writer_name: str = "search"
    attempts_per_task: int = 8
    skills_per_task: int = 5
    max_attempts: int | None = None
    max_steps: int | None = None
    max_seconds: float | None = None
    clock: Callable[[], float] = time.monotonic
    _started: float = field(init=False, default=0.0)
    _trace: str = field(init=False, default="")

    def learn(self, unfinished: Trace | None = None) -> None:
        """Propose and solve tasks until nothing is left in reach or a budget is spent.

        Args:
            unfinished: The last trace of a run that is being resumed.
        """
        self._started = self.clock()
        if unfinished is not None:
            self._trace = f"{self.run}/{self.progress.tasks_proposed}"
        if unfinished is not None and unfinished.solved:
            self.curriculum.record(unfinished)
        elif unfinished is not None:
            self.solve(unfinished.task, unfinished)
        while self._within_budget() and (task := self.curriculum.propose(self.life.wake())) is not None:
            self.progress.proposed()
            self.recorder("task", task=task.id, goal=task.goal, number=self.progress.tasks_proposed, episode=self.life.episode)
            self.solve(task)

    def solve(self, task: Task, trace: Trace | None = None) -> Trace:
        """Try a task until the environment says it is solved, the attempts run out, or nothing is left to try."""
        trace = trace or Trace(task=task, profile=self._profile())
        skills = [hit.skill for hit in self.library.retrieve(task.goal, k=self.skills_per_task)]
        while len(trace.attempts) < self.attempts_per_task and not trace.solved and self._within_budget():
            draft = self.writer.write(task, skills=skills, trace=trace)
            if draft is None or not self._open(task):
                break
            trace = trace.plus(self._attempt(task, draft, trace, skills))
        if not trace.attempts:
            self._untried(trace)
        self.curriculum.record(trace)
        self.recorder("task_done", task=task.id, solved=trace.solved, attempts=len(trace.attempts))
        return trace

    def _attempt(self, task: Task, draft: Draft, trace: Trace, skills: Sequence[Skill]) -> Attempt:
        """Run, verify, prove and keep one draft; what it leaves is one transaction."""
        closure, calls = self._linked(draft)
        arguments = _fitting(draft, {**draft.arguments, **task.arguments()})
        execution = self.sandbox.run(
            draft.program,
            arguments=arguments,
            closure=closure,
            calls=calls,
            environment=self.life.environment,
            limits=self.limits,
        )
        verdict = self.verifier.verify(task, execution.model_copy(update={"arguments": {**task.arguments(), **arguments}}))
        attempt = self._described(task, draft, execution, verdict, skills)
        if verdict.solved and draft.reuses is None and task.lasting:
            attempt = self._proved(task, draft, attempt, (closure, calls))
        attempt = self._kept(task, draft, trace, attempt, calls)
        self.life.took(execution)
        self._noted(task, attempt)
        return attempt

    def _untried(self, trace: Trace) -> None:
        """Keep that a task was set and nothing was tried, so that a resumed run knows it too."""
        with self.library.transaction():
            self._begun(trace)
            self.library.note(self.run, "episode", self.life.episode)

    def _begun(self, trace: Trace) -> str:
        """Return the id of the present task's trace; the first time its beginning is written."""
        trace_id = f"{self.run}/{self.progress.tasks_proposed}"
        if self._trace != trace_id:
            self.library.begin_trace(trace_id, run=self.run, task=trace.task, profile=trace.profile)
            self._trace = trace_id
        return trace_id

    def _open(self, task: Task) -> bool:
        """Wake where a task is still to be done: what is there already cannot be learned, so another world is tried."""
        if _holds(task, self.life.wake()):
            self.life.leave()
            return not _holds(task, self.life.wake())
        return True

    def _described(self, task: Task, draft: Draft, execution: Execution, verdict: Verdict, skills: Sequence[Skill]) -> Attempt:
        return Attempt(
            number=self.progress.attempts + 1,
            program=draft.program,
            rationale=draft.rationale,
            route=draft.route,
            reuses=draft.reuses.version_hash if draft.reuses else None,
            execution=execution,
            verdict=verdict,
            advice=self.critic.advise(task, execution, verdict),
            seed=self.life.world_seed,
            episode=self.life.episode,
            retrieved=tuple(skill.name for skill in skills),
            experience=Experience(calls=observed(execution)),
        )

    def _proved(self, task: Task, draft: Draft, attempt: Attempt, linked: tuple[Sequence[Skill], Mapping[str, str]]) -> Attempt:
        self.recorder("proving", task=task.id, attempt=attempt.number, program=draft.program.name)
        proven = self.prover.prove(
            draft,
            task,
            execution=attempt.execution,
            closure=linked[0],
            calls=linked[1],
            seed=world_seed(self.seed, "prove", attempt.number),
            kept=self._kept_tests(draft),
        )
        experience = attempt.experience.plus(proven.experience.calls)
        return attempt.model_copy(update={"proof": proven.proof, "experience": experience})

    def _kept(self, task: Task, draft: Draft, trace: Trace, attempt: Attempt, calls: Mapping[str, str]) -> Attempt:
        """Write the attempt, and the skill it may have become, in one transaction."""
        with self.library.transaction():
            trace_id = self._begun(trace)
            if attempt.proof is not None:
                attempt = self._admitted(task, draft, trace, attempt, calls)
            self.library.append_attempt(trace_id, attempt)
            self._counted(draft, attempt)
        return attempt

    def _admitted(self, task: Task, draft: Draft, trace: Trace, attempt: Attempt, calls: Mapping[str, str]) -> Attempt:
        assert attempt.proof is not None  # noqa: S101 - the caller looked
        primitives = {primitive.name for primitive in self.life.environment.spec.primitives}
        try:
            skill = self.library.admit(
                draft.program,
                trace=trace.plus(attempt.model_copy(update={"proof": None})),
                contract=self._contract(task, draft, calls, primitives),
                calls=calls,
                description=draft.program.doc.splitlines()[0],
                provenance=Provenance(
                    writer=self.writer_name, environment=task.environment, task=task.id, run=self.run, seed=self.seed
                ),
                primitives=primitives,
                merges=[merge.skill.code_hash for merge in draft.merges],
            )
        except (DuplicateSkill, CyclicCalls) as error:
            return attempt.model_copy(update={"advice": str(error)})
        change = Change(
            kind="activate",
            targets=(skill.code_hash,),
            rationale=draft.rationale,
            evidence=(f"{self.run}/{self.progress.tasks_proposed}",),
            proposer=self.writer_name,
        )
        decision = self.gate.decide(change, attempt.proof)
        self.library.commit(change, decision, proof=attempt.proof)
        return attempt.model_copy(update={"admitted": skill.version_hash if decision.outcome == "promote" else None})

    def _contract(self, task: Task, draft: Draft, calls: Mapping[str, str], primitives: set[str]) -> Contract:
        own = Provision(check=task.check or "", arguments=dict(draft.arguments), parameters=tuple(task.parameters))
        inherited = [
            provision.model_copy(update={"arguments": {**provision.arguments, **merge.arguments}})
            for merge in draft.merges
            for provision in merge.skill.contract.provides
        ]
        capabilities = set(draft.program.names) & primitives
        for callee in self.library.closure(tuple(calls.values())):
            capabilities |= set(callee.contract.capabilities)
        return Contract(parameters=draft.program.parameters, provides=(*inherited, own), capabilities=tuple(sorted(capabilities)))

    def _linked(self, draft: Draft) -> tuple[tuple[Skill, ...], dict[str, str]]:
        """Return the closure of a draft and what its names stand for; an active skill keeps its own callees."""
        if draft.reuses is not None:
            calls = {callee.name: callee.code_hash for callee in draft.reuses.calls}
        else:
            calls = self.library.resolve(sorted(draft.program.names))
            for merge in draft.merges:
                calls = {**{callee.name: callee.code_hash for callee in merge.skill.calls}, **calls}
            calls = {name: code_hash for name, code_hash in calls.items() if name in draft.program.names}
        return self.library.closure(tuple(calls.values())), calls

    def _kept_tests(self, draft: Draft) -> list[tuple[KeptTest, dict[str, Scalar]]]:
        """Return tests of generalised skills with the arguments under which the program must pass them."""
        found: list[tuple[KeptTest, dict[str, Scalar]]] = []
        for merge in draft.merges:
            taken: dict[str, int] = {}
            for test in self.library.tests(merge.skill.code_hash):
                key = content_hash(dict(test.arguments))
                taken[key] = taken.get(key, 0) + 1
                if taken[key] <= KEPT_PER_ARGUMENTS:
                    found.append((test, {**test.arguments, **merge.arguments}))
        return found

    def _counted(self, draft: Draft, attempt: Attempt) -> None:
        for call in attempt.execution.skill_calls:
            self.library.count(call.code_hash, called=1, failed=int(call.raised))
        if draft.reuses is not None:
            solved = attempt.verdict.solved
            self.library.count(draft.reuses.code_hash, called=1, solved=int(solved), failed=int(not solved))

    def _noted(self, task: Task, attempt: Attempt) -> None:
        self.memory.record(attempt.experience.calls)
        reached = self.progress.add(task, attempt)
        seconds = round(self.clock() - self._started, 3)
        self.recorder("attempt", **attempt_fields(task, attempt, reached, self.progress.environment_steps), seconds=seconds)

    def _within_budget(self) -> bool:
        progress = self.progress
        return not (
            (self.max_attempts is not None and progress.attempts >= self.max_attempts)
            or (self.max_steps is not None and progress.environment_steps >= self.max_steps)
            or (self.max_seconds is not None and self.clock() - self._started >= self.max_seconds)
        )

    def _profile(self) -> str:
        return content_hash([self.profile, self.library.fingerprint()])


def attempt_fields(task: Task, attempt: Attempt, reached: Sequence[str], steps: int) -> dict[str, Json]:
    """Return what an event log says of an attempt; follows from the attempt and the run so far alone."""
    return {
        "number": attempt.number,
        "task": task.id,
        "program": attempt.program.name,
        "route": attempt.route,
        "solved": attempt.solved,
        "reason": attempt.proof.reason if attempt.proof and attempt.verdict.solved else attempt.verdict.reason,
        "advice": attempt.advice,
        "rationale": attempt.rationale,
        "milestones": list(reached),
        "skill": attempt.program.name if attempt.admitted else None,
        "lower_bound": round(attempt.proof.lower_bound, 4) if attempt.proof else None,
        "steps": steps,
        "episode": attempt.episode,
        "stopped": attempt.execution.stopped,
    }


def _holds(task: Task, observation: Observation) -> bool:
    check = task.parsed_check()
    return check is not None and check.holds(observation.facts, observation.facts, task.arguments())


def _fitting(draft: Draft, arguments: Mapping[str, Scalar]) -> dict[str, Scalar]:
    names = {parameter.name for parameter in draft.program.parameters}
    return {name: value for name, value in arguments.items() if name in names}
