"""The life of one task, and of the run it belongs to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from skilllib.agent.keeping import compared, drafted, kept_tests, rechecked
from skilllib.agent.links import PinnedLinks
from skilllib.agent.progress import Progress
from skilllib.agent.selection import Choice, Selection, fitting
from skilllib.critic import FeedbackCritic
from skilllib.errors import BudgetSpent, CyclicCalls, DuplicateSkill, ModelUseless, NotVerified, UnknownSkill
from skilllib.library import SkillLibrary
from skilllib.life import Life
from skilllib.memory import Memory, observed
from skilllib.models.spans import span
from skilllib.protocols import (
    Critic,
    Curriculum,
    Describer,
    Draft,
    Gate,
    Linked,
    Links,
    Prover,
    Recorder,
    Resumable,
    Sandbox,
    Verifier,
    Writer,
)
from skilllib.records.base import Json, Scalar, content_hash
from skilllib.records.blame import broke, unrun
from skilllib.records.execution import Attempt, Execution, Limits, Proof, Trace, Verdict
from skilllib.records.ledger import Change, Decision
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import Observation
from skilllib.seeds import world_seed

USELESS_TASKS = 5
"""Tasks in a row for which a model's replies held no usable program, after which a run ends."""


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
    describer: Describer | None = None
    """Says what a proven program does; its docstring does without one."""
    links: Links | None = None
    """What names in programs stand for; pinned versions by default."""
    selection: Selection | None = None
    """Chooses among the candidates of a round; the first is taken without one."""
    provable: frozenset[str] = frozenset({"check"})
    """Whose verdicts are followed by a proof; what another says solved stays on trial."""
    writer_name: str = "search"
    attempts_per_task: int = 8
    skills_per_task: int = 5
    max_attempts: int | None = None
    max_steps: int | None = None
    max_seconds: float | None = None
    clock: Callable[[], float] = time.monotonic
    _started: float = field(init=False, default=0.0)
    _trace: str = field(init=False, default="")
    _useless: int = field(init=False, default=0)

    def learn(self, unfinished: Trace | None = None) -> None:
        """Propose and solve tasks until nothing is left in reach or a budget is spent.

        Args:
            unfinished: The last trace of a run that is being resumed.

        Raises:
            ModelError: A language model gave no reply, the budget for it is spent, or its replies are of no use; everything
                up to the attempt before is kept, and the run can be resumed.
        """
        self._started = self.clock()
        if unfinished is not None:
            self._trace = f"{self.run}/{self.progress.tasks_proposed}"
        if unfinished is not None and (unfinished.solved or not unfinished.attempts or unfinished.model_calls):
            self.curriculum.record(unfinished)  # it ended; only what there was nothing more to try for is kept without attempts
        elif unfinished is not None:
            self.solve(unfinished.task, unfinished)
        while self._within_budget() and (task := self.curriculum.propose(self.life.wake())) is not None:
            self.progress.proposed()
            self.recorder("task", task=task.id, goal=task.goal, number=self.progress.tasks_proposed, episode=self.life.episode)
            self.solve(task)

    def solve(self, task: Task, trace: Trace | None = None) -> Trace:
        """Try a task until the environment says it is solved, the attempts run out, or nothing is left to try."""
        with span("task", id=task.id, goal=task.goal):
            trace = self._ended(self._tried(task, trace or Trace(task=task, profile=self._profile())))
        self.curriculum.record(trace)
        self.recorder("task_done", task=task.id, solved=trace.solved, attempts=len(trace.attempts))
        self._despair(trace)
        return trace

    def _tried(self, task: Task, trace: Trace) -> Trace:
        query = f"{task.goal}\n{task.context}".strip()
        skills = [hit.skill for hit in self.library.retrieve(query, k=self.skills_per_task)] if self.skills_per_task else []
        while len(trace.attempts) < self.attempts_per_task and not trace.solved and self._within_budget():
            with span("attempt", number=self.progress.attempts + 1):
                draft = self.writer.write(task, skills=skills, trace=trace)
                if draft is None or not self._open(task):
                    break
                trace = trace.plus(self._attempt(task, draft, trace, skills))
        return trace

    def _despair(self, trace: Trace) -> None:
        """End a run whose model answers, task after task, without one program that can be run."""
        asked = sum(call.purpose in ("write", "act") for call in trace.model_calls)
        if trace.attempts:
            self._useless = 0
        elif asked:
            self._useless += 1
        if self._useless >= USELESS_TASKS:
            raise ModelUseless(
                f"for {self._useless} tasks in a row the model's replies held no program that could be run; the library is as it "
                "was. Look at the replies on the tape, and try a stronger model or a longer --reply-tokens"
            )

    def _attempt(self, task: Task, draft: Draft, trace: Trace, skills: Sequence[Skill]) -> Attempt:
        """Run, verify, prove and keep one draft; what it leaves is one transaction."""
        links = self.links or PinnedLinks(self.library)
        choice = self.selection.choose(task, draft, links=links, life=self.life) if self.selection else Choice(draft)
        draft, linked = choice.draft, links.of(choice.draft)
        arguments = fitting(draft, task)
        execution = self._executed(draft, linked, arguments)
        if not execution.trajectory and self._reached_here(trace):
            # It tests for what an earlier program reached in this very world; only another one can show what it does.
            self.life.leave()
            self.life.wake()
            execution = self._executed(draft, linked, arguments)
        verdict = self.verifier.verify(task, execution.model_copy(update={"arguments": {**task.arguments(), **arguments}}))
        attempt = self._described(task, choice, execution, verdict, skills)
        if verdict.solved and draft.reuses is None and task.lasting and verdict.by in self.provable:
            attempt = self._proved(task, draft, attempt, linked)
        attempt = self._kept(task, draft, trace, attempt, linked, skills)
        self.life.took(execution)
        self._noted(task, attempt)
        return attempt

    def _executed(self, draft: Draft, linked: Linked, arguments: Mapping[str, Scalar]) -> Execution:
        return self.sandbox.run(
            draft.program,
            arguments=arguments,
            closure=linked.closure,
            calls=linked.calls,
            environment=self.life.environment,
            limits=self.limits,
        )

    def _reached_here(self, trace: Trace) -> bool:
        """Return whether the task was solved in the present episode before, by a program that was not proven."""
        return any(attempt.verdict.solved and attempt.episode == self.life.episode for attempt in trace.attempts)

    def _ended(self, trace: Trace) -> Trace:
        """Keep that nothing was tried, or nothing more, and what models were asked in vain; a resumed run knows it too."""
        calls = self.progress.account.take()
        if trace.attempts and not calls:
            return trace
        trace = trace.model_copy(update={"model_calls": calls})
        with self.library.transaction():
            if trace.attempts:
                self.library.end_trace(self._trace, calls)
            else:
                self._begun(trace)
                self.library.note(self.run, "episode", self.life.episode)
            self._note_curriculum()
        return trace

    def _begun(self, trace: Trace) -> str:
        """Return the id of the present task's trace; the first time its beginning is written."""
        trace_id = f"{self.run}/{self.progress.tasks_proposed}"
        if self._trace != trace_id:
            self.library.begin_trace(trace_id, run=self.run, trace=trace.model_copy(update={"attempts": ()}))
            self._trace = trace_id
        return trace_id

    def _open(self, task: Task) -> bool:
        """Wake where a task is still to be done: what is there already cannot be learned, so another world is tried."""
        if _holds(task, self.life.wake()):
            self.life.leave()
            return not _holds(task, self.life.wake())
        return True

    def _described(self, task: Task, choice: Choice, execution: Execution, verdict: Verdict, skills: Sequence[Skill]) -> Attempt:
        draft = choice.draft
        return Attempt(
            number=self.progress.attempts + 1,
            program=draft.program,
            rationale=draft.rationale,
            route=draft.route,
            reuses=draft.reuses.version_hash if draft.reuses else None,
            execution=execution,
            verdict=verdict,
            advice=self._advice(task, draft, execution, verdict),
            seed=self.life.world_seed,
            episode=self.life.episode,
            retrieved=tuple(skill.name for skill in skills),
            steps_choosing=choice.world_steps,
            experience=choice.experience.plus(observed(execution, root=draft.reuses)),
        )

    def _advice(self, task: Task, draft: Draft, execution: Execution, verdict: Verdict) -> str | None:
        critic = self.critic if draft.reuses is None else FeedbackCritic()  # nobody rewrites a skill that is run as it is
        try:
            return critic.advise(task, execution, verdict)
        except BudgetSpent:  # what was done in the world counts, advised or not
            return None

    def _proved(self, task: Task, draft: Draft, attempt: Attempt, linked: Linked) -> Attempt:
        """Return an attempt with the evidence for its program and for what would call it; what was rejected is not paid twice."""
        skill = drafted(self.library, task, draft, linked.calls, self._primitives)
        if (earlier := self.library.rejected(self._change(task, draft, skill))) is not None:
            reason = f"this very program was rejected before: {earlier.decision.reason}"
            return attempt.model_copy(update={"proof": Proof(task=task, accepted=False, reason=reason, rejected_in=earlier.number)})
        self.recorder("proving", task=task.id, attempt=attempt.number, program=draft.program.name)
        proven = self.prover.prove(
            draft,
            task,
            execution=attempt.execution,
            closure=linked.closure,
            calls=linked.calls,
            seed=world_seed(self.seed, "prove", attempt.number),
            kept=kept_tests(self.library, task, draft),
        )
        proof = compared(self.library, skill, proven.proof, self.prover) if task.repairs is None else proven.proof
        proof = rechecked(self.library, skill, task, proof, self.prover)
        return attempt.model_copy(update={"proof": proof, "experience": attempt.experience.plus(proven.experience.calls)})

    @property
    def _primitives(self) -> set[str]:
        return {primitive.name for primitive in self.life.environment.spec.primitives}

    def _change(self, task: Task, draft: Draft, skill: Skill, kept: tuple[str, ...] = ()) -> Change:
        return Change(
            kind="activate" if task.repairs is None else "edit",
            targets=(skill.code_hash,),
            base=task.repairs,
            rationale=draft.rationale,
            evidence=(f"{self.run}/{self.progress.tasks_proposed}",),
            proposer=self.writer_name,
            keep=kept,
        )

    def _kept(self, task: Task, draft: Draft, trace: Trace, attempt: Attempt, linked: Linked, offered: Sequence[Skill]) -> Attempt:
        """Write the attempt, and the skill it may have become, in one transaction."""
        opinion = attempt.verdict.solved and attempt.verdict.by == "opinion" and draft.reuses is None and task.lasting
        description = self._description(attempt)
        attempt = attempt.model_copy(update={"model_calls": self.progress.account.take()})
        with self.library.transaction():
            trace_id = self._begun(trace)
            if opinion or (attempt.proof is not None and attempt.proof.rejected_in is None):
                attempt = self._admitted(task, draft, trace, attempt, linked.calls, description)
            self.library.append_attempt(trace_id, attempt)
            self._counted(draft, attempt)
            for skill in offered if not trace.attempts else ():
                self.library.count(skill.code_hash, retrieved=1)
            self._note_curriculum()
        return attempt

    def _note_curriculum(self) -> None:
        if isinstance(self.curriculum, Resumable):
            self.library.note(self.run, "curriculum", self.curriculum.state())

    def _description(self, attempt: Attempt) -> str:
        """Return what a proven program does; where nobody can be asked, its docstring says it."""
        if self.describer is not None and attempt.proof is not None and attempt.proof.accepted:
            with suppress(BudgetSpent):
                return self.describer.describe(attempt.program, attempt.proof)
        return attempt.program.doc.splitlines()[0]

    def _admitted(
        self, task: Task, draft: Draft, trace: Trace, attempt: Attempt, calls: Mapping[str, str], description: str
    ) -> Attempt:
        """Put a program on trial as a skill, and activate it if the gate says so."""
        made = drafted(self.library, task, draft, calls, self._primitives)
        said = {"writer": self.writer_name, "run": self.run, "seed": self.seed}
        try:
            skill = self.library.admit(
                draft.program,
                trace=trace.plus(attempt.model_copy(update={"proof": None})),
                contract=made.contract,
                calls=calls,
                description=description,
                provenance=made.provenance.model_copy(update=said),
                primitives=self._primitives,
            )
        except (DuplicateSkill, CyclicCalls, UnknownSkill) as error:
            return attempt.model_copy(update={"advice": str(error)})
        asked = (*trace.attempts, attempt)
        self.library.count(skill.code_hash, tokens=sum(one.tokens for one in asked), usd=sum(one.usd for one in asked))
        if attempt.proof is None:
            return attempt
        change = self._change(task, draft, skill, attempt.proof.kept)
        decision = self.gate.decide(change, attempt.proof)
        try:
            self.library.commit(change, decision, proof=attempt.proof)
        except NotVerified as error:  # another process was faster: what it calls was revoked, or a new caller is not checked
            decision = Decision(outcome="need_more", codes=("overtaken",), reason=str(error))
            self.library.commit(change, decision, proof=attempt.proof)
        return attempt.model_copy(update={"admitted": skill.version_hash if decision.outcome == "promote" else None})

    def _counted(self, draft: Draft, attempt: Attempt) -> None:
        """Count what was called; a failure counts where it broke, not in what rests on that."""
        calls, error = attempt.execution.skill_calls, attempt.execution.error
        for call in calls:
            self.library.count(call.code_hash, called=1, failed=int(broke(call, calls)))
        if draft.reuses is not None:
            solved, elsewhere = attempt.verdict.solved, error is not None and error.skill is not None
            called = not unrun(attempt.execution)
            failed = called and not solved and not elsewhere and draft.route != "adapt"  # which was a guess
            cost = {"tokens": attempt.tokens, "usd": attempt.usd}
            self.library.count(draft.reuses.code_hash, called=int(called), solved=int(solved), failed=int(failed), **cost)

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
        "reuses": attempt.reuses,
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
