"""The seams: each stage is a protocol with one to four methods.

Stages never know each other; they speak through these protocols and the records. An environment is asked for little
and declares the rest in its specification: with `snapshots` it also satisfies `Snapshotting`, with `renders` `Rendering`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from skilllib.records.adapter import CompileRequest, LoraWeights
from skilllib.records.base import Json, Scalar
from skilllib.records.execution import Execution, Limits, Proof, Route, Trace, Trial, Verdict
from skilllib.records.experience import Experience
from skilllib.records.ledger import Change, Decision
from skilllib.records.model import Reply, Request
from skilllib.records.program import Program
from skilllib.records.query import Hit as Hit
from skilllib.records.query import Query
from skilllib.records.skill import Effect, KeptTest, Skill, Statistics, Status
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Observation, Outcome

Vectors: TypeAlias = npt.NDArray[np.float32]
"""Unit vectors, (n, d) float32."""


class Environment(Protocol):
    """One owned instance of a world. Calls come on one thread, one at a time."""

    @property
    def spec(self) -> EnvironmentSpec:
        """What the environment declares; constant over its life."""

    def reset(self, seed: int | None = None) -> Observation:
        """Begin an episode. With `spec.seeds`, the same seed gives the same world in every process.

        Raises:
            EnvironmentLost: The world itself is gone.
        """

    def call(self, primitive: str, arguments: Mapping[str, Scalar]) -> Outcome:
        """Make one primitive call. The arguments were validated against the specification.

        A call that cannot do its work changes nothing it need not change and returns a failure that names what is missing.

        Raises:
            ResetNeeded: Before the first reset, or after an outcome that was terminated or truncated.
            EnvironmentLost: The world itself is gone.
        """

    def observe(self) -> Observation:
        """Return what the environment shows now; no world step passes."""

    def close(self) -> None:
        """Let go of everything; harmless when called twice."""


@runtime_checkable
class Snapshotting(Protocol):
    """An environment whose state can be kept and put back within one process."""

    def snapshot(self) -> object:
        """Return a token for the present state."""

    def restore(self, token: object) -> None:
        """Return to the state of a token; it can be used any number of times."""


@runtime_checkable
class Rendering(Protocol):
    """An environment that can be looked at."""

    def render(self) -> npt.NDArray[np.uint8]:
        """Return a picture, (height, width, 3) uint8; the world is not disturbed."""


class EnvironmentFactory(Protocol):
    """What the entry point `skilllib.environments` names: makes one owned instance. Picklable by name."""

    def __call__(self, **options: Any) -> Environment:
        """Make an instance; options are the environment's own."""


class Sandbox(Protocol):
    """Runs programs under limits, with the world on our side."""

    def run(
        self,
        program: Program,
        *,
        arguments: Mapping[str, Scalar],
        closure: Sequence[Skill],
        calls: Mapping[str, str],
        environment: Environment,
        limits: Limits,
        grants: frozenset[str] | None = None,
    ) -> Execution:
        """Run a program once in the environment's present episode.

        What is refused before its first line (arguments that do not fit, a program that was revoked) comes back as an error of
        the kind `argument` or `grant` without a line.

        Args:
            program: The root program.
            arguments: Arguments of its public function.
            closure: Every skill version it may reach, callees before callers.
            calls: Name in the root program → code hash of the version in the closure it stands for.
            environment: The world, already reset.
            limits: Bounds; a program that breaks one comes back as data.
            grants: Primitives it may call; None grants all.

        Raises:
            SandboxUnavailable: Programs cannot be run at all.
            EnvironmentFault: The environment broke its contract or is lost.
        """


class Guard(Protocol):
    """Is asked before each call whether it may be made."""

    def refusal(self, skill: Skill) -> str | None:
        """Return why a skill must not be run, None if it may."""

    def refusal_of(self, program: Program, calls: Mapping[str, str]) -> str | None:
        """Return why a program must not be run as a root, with what its names stand for; None if it may."""


class Verifier(Protocol):
    """Decides whether an execution solved a task, from what was recorded on our side."""

    def verify(self, task: Task, execution: Execution) -> Verdict:
        """Return the verdict; fail closed."""


class Merge(NamedTuple):
    """A skill that a program generalises, and the arguments under which the program does the same."""

    skill: Skill
    arguments: Mapping[str, Scalar]


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What a writer hands over: a program, and how it is to be run."""

    program: Program
    arguments: Mapping[str, Scalar] = field(default_factory=dict)
    """Arguments for this task that are not among the task's own parameters."""
    reuses: Skill | None = None
    """An active skill that is to be run as it is; then `program` is its program."""
    merges: tuple[Merge, ...] = ()
    """Active skills that the program generalises; they retire when it becomes active."""
    settled: bool = False
    """True if the writer cannot do better, so that the evidence is to be taken to its end."""
    rationale: str = ""
    route: Route = "write"
    alternatives: tuple[Draft, ...] = ()
    """Other drafts for the same round; execution chooses among them and this one."""


class Linked(NamedTuple):
    """Everything a program may reach, and what its own names stand for."""

    closure: Sequence[Skill]
    """Every skill version it may reach, callees before callers."""
    calls: Mapping[str, str]
    """Name in the program → code hash of the version in the closure."""


class Links(Protocol):
    """Decides what the names in a draft stand for."""

    def of(self, draft: Draft) -> Linked:
        """Return the closure of a draft and what its names stand for."""


class Proven(NamedTuple):
    """A proof, and what its executions showed about single calls."""

    proof: Proof
    experience: Experience


class Prover(Protocol):
    """Executes a draft again on fresh worlds before it may become active."""

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
        """Return the evidence.

        Args:
            draft: What is to be proved, with the arguments that are fixed for this task.
            task: The task it must solve, with the values over which its parameters vary.
            execution: The execution that solved the task; never evidence by itself.
            closure: As for `Sandbox.run`.
            calls: As for `Sandbox.run`.
            seed: The worlds' seeds follow from it; they are never those of an episode in which something was written.
            kept: Tests of generalised skills, with the arguments under which the draft must pass them.
        """


@runtime_checkable
class Replaying(Protocol):
    """Runs kept tests again, each on a fresh world brought to where the test begins."""

    def replay(self, skill: Skill, closure: Sequence[Skill], tests: Sequence[KeptTest], /) -> Sequence[Trial]:
        """Return a trial for each test; fewer where a world could not be brought to the test's beginning.

        Args:
            skill: What is run; it need not be stored.
            closure: Every version it may reach, callees before callers; it is the last one itself.
            tests: Tests of it, or of the version that it is but for its callees.
        """


class Critic(Protocol):
    """Gives advice in words for the next attempt; never a verdict."""

    def advise(self, task: Task, execution: Execution, verdict: Verdict) -> str | None:
        """Return advice, or None."""


class Describer(Protocol):
    """Says in one sentence what a proven program does."""

    def describe(self, program: Program, proof: Proof) -> str:
        """Return a description that claims no more than the code and the proof show."""


class Writer(Protocol):
    """Turns a task, skills and what happened so far into the next program."""

    def write(self, task: Task, *, skills: Sequence[Skill], trace: Trace) -> Draft | None:
        """Return the next draft, or None when there is nothing left to try."""


class Curriculum(Protocol):
    """Chooses the next task."""

    def propose(self, observation: Observation) -> Task | None:
        """Return the next task, or None when nothing is left in reach."""

    def record(self, trace: Trace) -> None:
        """Take note of how a task went."""


@runtime_checkable
class Resumable(Protocol):
    """A curriculum with a state that does not follow from the traces; it is kept with every attempt."""

    def state(self) -> Json:
        """Return the state."""

    def restore(self, state: Json) -> None:
        """Take over the state of an interrupted run."""


class Retriever(Protocol):
    """Finds skills."""

    def retrieve(self, query: str | Query, *, k: int) -> list[Hit]:
        """Return at most k active skills, best first."""


class SkillSource(Protocol):
    """What writers and curricula read of a library."""

    def skills(self, status: Status | None = None) -> Sequence[Skill]:
        """Return the skills of a status."""

    def effects(self, code_hash: str) -> Sequence[Effect]:
        """Return the verified effects of a version."""

    def statistics(self, code_hash: str) -> Statistics:
        """Return what was counted of a version."""


class Embedder(Protocol):
    """Texts → unit vectors."""

    @property
    def fingerprint(self) -> str:
        """Identifies the weights; vectors of different fingerprints are never compared."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector per text, (n, d) float32."""


class Index(Protocol):
    """Vectors by key; derived, can be rebuilt."""

    def put(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Store or replace vectors."""

    def drop(self, keys: Sequence[str]) -> None:
        """Forget keys; unknown ones are ignored."""

    def nearest(self, vector: Vectors, *, k: int) -> list[tuple[str, float]]:
        """Return at most k (key, cosine) pairs, best first; `vector` is (d,)."""

    def keys(self) -> set[str]:
        """Return all keys."""


class Gate(Protocol):
    """Decides about a change."""

    def decide(self, change: Change, proof: Proof) -> Decision:
        """Return the decision with its figures."""


class LanguageModel(Protocol):
    """Answers one question. What is wrapped around a model (retries, a tape, a budget) is a model too."""

    @property
    def name(self) -> str:
        """The model's name, as given by the user."""

    def complete(self, request: Request) -> Reply:
        """Return the reply to a request.

        Raises:
            ModelError: There is none; the subclass says why.
        """


class Recorder(Protocol):
    """Watches a run; never changes it."""

    def __call__(self, event: str, **fields: Json) -> None:
        """Take note of one event."""


class Compiler(Protocol):
    """A skill's text and examples → weights."""

    @property
    def name(self) -> str:
        """The backend's name."""

    @property
    def configuration(self) -> Mapping[str, Json]:
        """Every option that shapes the weights; hashed into what they are stored under."""

    def compile(self, request: CompileRequest, *, workspace: Path | None = None, progress: Recorder | None = None) -> LoraWeights:
        """Return the weights of a skill for the request's base model.

        Args:
            request: The text, the examples, the base and the seed.
            workspace: A folder of its own, for checkpoints: called again with the same request, it goes on from there.
            progress: Is told of every step as `progress("step", step=…, of=…, …)`.

        Raises:
            CompileError: There are none; the subclass says why.
        """


class Base(Protocol):
    """A base model, loaded when it is first needed."""

    @property
    def name(self) -> str:
        """As the user named it: a hub id, a folder or a GGUF file."""

    @property
    def hash(self) -> str:
        """SHA-256 over its weights and its configuration."""

    def loaded(self) -> tuple[Any, Any]:
        """Return the model and its tokenizer, of transformers.

        Raises:
            BaseRefused: It is not there, too big for the memory, or of an unknown architecture.
        """


class CompilerFactory(Protocol):
    """What the entry point `skilllib.compilers` names: makes a compiler for a base model."""

    def __call__(self, base: Base, **options: Any) -> Compiler:
        """Make one; options are the compiler's own."""
