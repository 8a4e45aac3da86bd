"""What happened: steps, executions, verdicts, attempts and traces."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from skilllib.records.base import Json, Record, Scalar
from skilllib.records.experience import Experience
from skilllib.records.model import ModelCall
from skilllib.records.program import Program
from skilllib.records.task import Task
from skilllib.records.world import Failure, Missing, Observation, Outcome


class Limits(Record):
    """Bounds on one execution. All are always in force."""

    wall_s: float = Field(default=120.0, gt=0)
    """Seconds of the wall clock, the environment's own time included; a safety net, not a budget."""
    cpu_s: float = Field(default=10.0, gt=0)
    """Seconds the program itself may compute."""
    turn_s: float = Field(default=5.0, gt=0)
    """Seconds the program may compute between two primitive calls."""
    memory_bytes: int = Field(default=64_000_000, gt=0)
    primitive_calls: int = Field(default=2_000, gt=0)
    """Primitive calls; reading facts counts ten times less."""
    world_steps: int = Field(default=5_000, gt=0)
    recursion: int = Field(default=100, gt=0)
    output_bytes: int = Field(default=65_536, gt=0)


class Step(Record):
    """One primitive call of a program and what came of it."""

    primitive: str
    arguments: dict[str, Scalar] = {}
    outcome: Outcome
    changes: dict[str, tuple[Json, Json]] = {}
    """Facts that changed, by path: (before, after)."""
    within: tuple[str, ...] = ()
    """Names of the skills that were being executed, outermost first; recorded on our side."""


class SkillCall(Record):
    """Entry and exit of a skill inside an execution, recorded on our side."""

    name: str
    code_hash: str
    arguments: dict[str, Scalar] = {}
    depth: int
    """0 for a skill called by the root program itself."""
    entered: int
    """Number of steps taken before it was entered."""
    left: int | None = None
    """Number of steps taken when it was left; None if it never returned."""
    raised: bool = False
    changes: dict[str, tuple[Json, Json]] = {}
    """Net change of facts between entry and exit."""


class ProgramError(Record):
    """Why a program ended early, as data."""

    kind: Literal["syntax", "type", "runtime", "primitive", "grant", "argument", "time", "memory", "recursion", "output", "calls"]
    message: str
    line: int | None = None
    """Line in the program's own source; for an error inside a called skill, the line in that skill."""
    skill: str | None = None
    """Name of the called skill in which it happened; None for the root program."""
    primitive: str | None = None
    """The last primitive call, as written in a trajectory, when one is to blame."""
    failure: Failure | None = None
    """The environment's structured failure, when a primitive failed."""


class Execution(Record):
    """The outcome of running a program: everything recorded on our side of the sandbox."""

    arguments: dict[str, Scalar] = {}
    before: Observation
    after: Observation
    trajectory: tuple[Step, ...] = ()
    skill_calls: tuple[SkillCall, ...] = ()
    value: Json = None
    output: str = ""
    error: ProgramError | None = None
    stopped: Literal["terminated", "truncated", "steps", "deadline"] | None = None
    """Set when the session was discarded: the episode ended, or the step budget or the deadline was reached."""
    world_steps: int = 0
    seconds: float = 0.0

    def missing(self) -> tuple[Missing, ...]:
        """Return what the environment said was missing when the program failed."""
        return self.error.failure.missing if self.error and self.error.failure else ()


class Verdict(Record):
    """Whether a task was solved, decided by the environment's word."""

    solved: bool
    score: float = Field(ge=0, le=1)
    reason: str
    by: Literal["check", "opinion", "nobody"] = "check"
    """`nobody`: there was nothing that could decide, so the verdict is no."""


class Trial(Record):
    """One re-execution on a fresh world."""

    seed: int | None
    prefix: tuple[tuple[str, dict[str, Scalar]], ...] = ()
    """Primitive calls that were made between the reset and the program."""
    arguments: dict[str, Scalar] = {}
    """Arguments of the program; those that the check speaks of among them."""
    check: str | None = None
    """The check that decided, where it is not that of the proof's task (a kept test that was replayed)."""
    solved: bool
    reason: str = ""
    world_steps: int = 0
    called: tuple[str, ...] = ()
    """Names of the skills that were really called."""
    changes: dict[str, tuple[Json, Json]] = {}
    """Net change of facts from reset to end."""
    uses: dict[str, float] = {}
    """What was used up on the way: for each numeric fact the sum of its decreases."""
    gains: dict[str, float] = {}
    """What was gained on the way: for each numeric fact the sum of its increases."""
    error: ProgramError | None = None
    stopped: str | None = None


class Rechecked(Record):
    """Kept tests of a caller, run again with a new version of what it calls."""

    name: str
    old: str
    """Code hash of the caller."""
    new: str
    """Code hash that it has with the new version of its callee."""
    trials: tuple[Trial, ...] = ()
    """One for each test that was run, with its arguments and those of its check."""


class Proof(Record):
    """The evidence of re-execution on fresh worlds and what follows from it."""

    task: Task
    trials: tuple[Trial, ...] = ()
    accepted: bool
    reason: str
    by: Literal["check", "opinion"] = "check"
    """`opinion`: nothing was executed again; a model judged the attempt itself."""
    lower_bound: float = Field(default=0.0, ge=0, le=1)
    """One-sided 95 % lower confidence bound of the success rate, corrected for the looks taken."""
    threshold: float = 0.0
    cut_short: bool = False
    """True if it ended at the first look because fresh worlds named something that a better program would see to."""
    replayed: bool = False
    """True if its trials are the skill's own kept tests, run again, and no fresh worlds."""
    callers: tuple[Rechecked, ...] = ()
    """What became of the callers of the version whose place the skill is to take."""
    kept: tuple[str, ...] = ()
    """Code hashes of the callers that go on with the version they call."""
    rejected_in: int | None = None
    """Number of the ledger's entry that rejected the very same change; nothing was executed then."""
    compared: tuple[Trial, ...] = ()
    """Trials of the skill and of active skills that may do the same, each on kept tests of the other."""
    twin: str | None = None
    """What is said where one does the same, with what can be made of the two."""

    @property
    def world_steps(self) -> int:
        """World steps of everything that was executed for it."""
        callers = (trial for caller in self.callers for trial in caller.trials)
        return sum(trial.world_steps for trial in (*self.trials, *self.compared, *callers))

    @property
    def successes(self) -> int:
        """How many trials were solved."""
        return sum(trial.solved for trial in self.trials)


Route = Literal["run", "adapt", "plan", "repair", "write"]
"""How a program came about: an active skill as it is, one with other arguments, a chain of skills, a repaired skill, new code."""


class Attempt(Record):
    """One write-run-verify round."""

    number: int
    """Counted from 1 over the whole run."""
    program: Program
    rationale: str = ""
    """Why the writer wrote this."""
    route: Route = "write"
    reuses: str | None = None
    """Version hash of the active skill that was run, where the program is one, word for word if it was written."""
    execution: Execution
    verdict: Verdict
    proof: Proof | None = None
    """Re-execution on fresh worlds; present if the verdict was solved and the program is new."""
    advice: str | None = None
    seed: int | None = None
    """Seed of the episode in which it ran."""
    episode: int = 0
    """Which episode of the run that was, counted from 0."""
    retrieved: tuple[str, ...] = ()
    """Names of the skills that were offered to the writer."""
    steps_choosing: int = 0
    """World steps of the runs in which it was chosen among several; the world was put back after each."""
    experience: Experience = Experience()
    """What its executions, those of the proof and of rejected candidates included, showed about single calls."""
    admitted: str | None = None
    """Version hash of the skill it became."""
    model_calls: tuple[ModelCall, ...] = ()
    """Every call to a language model since the attempt before, of whatever stage."""

    @property
    def tokens(self) -> int:
        """Tokens in and out of its model calls."""
        return sum(call.tokens_in + call.tokens_out for call in self.model_calls)

    @property
    def usd(self) -> float:
        """Money its model calls cost."""
        return sum(call.usd for call in self.model_calls)

    @property
    def solved(self) -> bool:
        """True if the environment said so, on fresh worlds too where that was asked."""
        return self.verdict.solved and (self.proof is None or self.proof.accepted)


class Trace(Record):
    """All attempts at one task, append-only."""

    task: Task
    attempts: tuple[Attempt, ...] = ()
    profile: str = ""
    """Hash of everything that shaped the behaviour: writer, limits, environment, options."""
    form: Literal["code", "text", "weights"] = "code"
    model_calls: tuple[ModelCall, ...] = ()
    """Calls to a language model after which there was nothing more to try, so that they belong to no attempt."""

    @property
    def solved(self) -> bool:
        """True if the last attempt solved the task."""
        return bool(self.attempts) and self.attempts[-1].solved

    def plus(self, attempt: Attempt) -> Trace:
        """Return the trace with one more attempt."""
        return self.model_copy(update={"attempts": (*self.attempts, attempt)})
