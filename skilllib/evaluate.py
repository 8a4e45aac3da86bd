"""Many worlds, one life in each: how well does a player do? Nothing is written while it is found out.

Players are a frozen library, random primitive calls, and a fixed list of primitive calls, played once or over and over.
Worlds are run in several processes; results do not depend on how many.
"""

from __future__ import annotations

import functools
import json
import pickle
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from skilllib.curriculum.frozen import FrozenCurriculum
from skilllib.curriculum.goals import reached
from skilllib.errors import EnvironmentFault, InvalidRecord
from skilllib.library import SkillLibrary
from skilllib.protocols import Environment, Sandbox
from skilllib.records.base import Scalar
from skilllib.records.execution import Limits
from skilllib.records.report import Life, Report
from skilllib.records.skill import Effect, Skill, Statistics, Status
from skilllib.records.world import EnvironmentSpec, Outcome
from skilllib.seeds import world_seed
from skilllib.verifier.check import CheckVerifier
from skilllib.workers import SandboxMaker, WorldMaker
from skilllib.writer.plan import ground_calls
from skilllib.writer.providers import Known
from skilllib.writer.reuse import reused

RESAMPLES = 2000
"""Resamples of the bootstrap."""
RUNS_PER_LIFE = 400
"""Skills run in one life at most, so that skills that do nothing cannot make it endless."""

Calls: TypeAlias = tuple[tuple[str, dict[str, Scalar]], ...]


@dataclass(frozen=True, kw_only=True)
class FrozenLibrary:
    """The active skills of a library with what was measured of them, detached from the disk."""

    active: tuple[Skill, ...]
    versions: dict[str, Skill]
    measured: dict[str, tuple[Effect, ...]]
    counted: dict[str, Statistics]
    fingerprint: str

    @classmethod
    def of(cls, library: SkillLibrary) -> FrozenLibrary:
        """Read a library."""
        active = tuple(library.skills("active"))
        closure = library.closure(tuple(skill.code_hash for skill in active))
        return cls(
            active=active,
            versions={skill.code_hash: skill for skill in closure},
            measured={skill.code_hash: tuple(library.effects(skill.code_hash)) for skill in active},
            counted={skill.code_hash: library.statistics(skill.code_hash) for skill in active},
            fingerprint=library.fingerprint(),
        )

    def skills(self, status: Status | None = None) -> Sequence[Skill]:
        """Return the active skills."""
        return self.active if status in (None, "active") else ()

    def effects(self, code_hash: str) -> Sequence[Effect]:
        """Return the verified effects of a version."""
        return self.measured.get(code_hash, ())

    def statistics(self, code_hash: str) -> Statistics:
        """Return what was counted of a version."""
        return self.counted.get(code_hash, Statistics())

    def known(self, environment: str) -> list[Known]:
        """Return the skills of an environment in the form in which a writer looks at them."""
        return [
            Known(skill=one, effects=tuple(self.effects(one.code_hash)), world_steps=self.statistics(one.code_hash).world_steps)
            for one in self.active
            if one.environment in ("", environment)
        ]

    def closure(self, skill: Skill) -> tuple[Skill, ...]:
        """Return every version a skill may reach, callees before callers, itself left out."""
        found: dict[str, Skill] = {}

        def visit(one: Skill) -> None:
            for callee in one.calls:
                if callee.code_hash not in found:
                    visit(self.versions[callee.code_hash])
                    found[callee.code_hash] = self.versions[callee.code_hash]

        visit(skill)
        return tuple(found.values())


@dataclass(frozen=True, kw_only=True)
class LibraryPlayer:
    """Runs active skills for goals that the frozen curriculum chooses."""

    library: FrozenLibrary
    limits: Limits
    max_steps: int

    def play(self, environment: Environment, sandbox: Sandbox, seed: int) -> Life:
        """Live one life."""
        spec = environment.spec
        curriculum = FrozenCurriculum(spec, skills=self.library)
        known = self.library.known(spec.name)
        observation = environment.reset(seed if spec.seeds else None)
        steps = runs = 0
        ended = "done"
        verifier = CheckVerifier()
        while runs < RUNS_PER_LIFE and (task := curriculum.propose(observation)) is not None:
            draft = reused(task, known)
            if draft is None or draft.reuses is None:
                raise EnvironmentFault(f"the frozen curriculum proposed {task.id!r}, for which there is no skill")
            names = {parameter.name for parameter in draft.program.parameters}
            execution = sandbox.run(
                draft.program,
                arguments={name: value for name, value in {**draft.arguments, **task.arguments()}.items() if name in names},
                closure=self.library.closure(draft.reuses),
                calls={callee.name: callee.code_hash for callee in draft.reuses.calls},
                environment=environment,
                limits=self.limits.model_copy(update={"world_steps": min(self.limits.world_steps, self.max_steps - steps)}),
            )
            runs += 1
            steps += execution.world_steps
            curriculum.note(task, execution, solved=verifier.verify(task, execution).solved, steps=steps)
            observation = execution.after
            if execution.stopped in ("terminated", "truncated") or steps >= self.max_steps:
                ended = {"terminated": "died", "truncated": "time"}.get(execution.stopped or "", "steps")
                break
        return Life(seed=seed, reached=curriculum.reached, steps=steps, calls=runs, ended=ended)


@dataclass(frozen=True, kw_only=True)
class CallsPlayer:
    """Makes primitive calls: those of a list, once or over and over, or calls drawn at random."""

    calls: Calls | None
    """None: drawn at random from all calls of the specification."""
    loop: bool
    max_steps: int

    def play(self, environment: Environment, sandbox: Sandbox, seed: int) -> Life:
        """Live one life; a call that fails is passed over."""
        spec = environment.spec
        before = environment.reset(seed if spec.seeds else None).facts
        found: dict[str, int] = {}
        steps = made = 0
        ended = "done"
        for name, given in self._sequence(spec, seed):
            outcome = environment.call(name, self._complete(spec, name, given))
            made += 1
            steps += outcome.steps
            after = environment.observe().facts
            for milestone in spec.milestones:
                if milestone.name not in found and reached(milestone.check, before, after):
                    found[milestone.name] = steps
            if (ended := self._ended(outcome, steps)) or len(found) == len(spec.milestones) or made >= self.max_steps:
                break
        return Life(seed=seed, reached=found, steps=steps, calls=made, ended=ended or "done")

    def _complete(self, spec: EnvironmentSpec, name: str, given: dict[str, Scalar]) -> dict[str, Scalar]:
        primitive = spec.primitive(name)
        if primitive is None:
            raise InvalidRecord(f"{spec.name!r} has no primitive {name!r}; it has {[one.name for one in spec.primitives]}")
        return {**{p.name: p.default for p in primitive.parameters if p.default is not None}, **given}

    def _ended(self, outcome: Outcome, steps: int) -> str:
        if outcome.terminated:
            return "died"
        return "time" if outcome.truncated else "steps" if steps >= self.max_steps else ""

    def _sequence(self, spec: EnvironmentSpec, seed: int) -> Iterable[tuple[str, dict[str, Scalar]]]:
        if self.calls is None:
            possible = ground_calls(spec)
            generator = np.random.default_rng(seed)
            while True:
                call = possible[int(generator.integers(len(possible)))]
                yield call.name, dict(call.arguments + call.defaults)
        yield from self.calls
        while self.loop:
            yield from self.calls


Player: TypeAlias = LibraryPlayer | CallsPlayer


def read_calls(path: str | Path) -> Calls:
    """Read a JSON list of primitive calls: `[[name, {argument: value}], ...]`.

    Raises:
        InvalidRecord: The file is missing, does not parse, or is no such list.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        return tuple((str(name), dict(arguments)) for name, arguments in found)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidRecord(f"{str(path)!r} is not a JSON list of [name, {{argument: value}}] pairs: {error}") from error


def evaluate(
    player: Player,
    *,
    name: str,
    world: WorldMaker,
    sandbox: SandboxMaker,
    episodes: int,
    seed: int = 0,
    processes: int = 1,
    progress: Callable[[Life], None] | None = None,
) -> Report:
    """Let a player live one life in each of many fresh worlds.

    Args:
        player: Who plays.
        name: What to call the player in the report.
        world: Makes the environment.
        sandbox: Makes the sandbox.
        episodes: Number of worlds.
        seed: The worlds follow from it; they are never worlds in which skills were written or proved.
        processes: How many worlds at once.
        progress: Is told every life as it ends.

    Raises:
        InvalidRecord: There is nothing to play.
    """
    if episodes < 1:
        raise InvalidRecord(f"an evaluation needs at least one episode, {episodes} were asked for")
    seeds = [world_seed(seed, "evaluate", i) for i in range(episodes)]
    lives: list[Life] = []
    for life in _lives(player, world, sandbox, seeds, processes):
        lives.append(life)
        if progress is not None:
            progress(life)
    environment = world()
    try:
        spec = environment.spec
    finally:
        environment.close()
    return report(spec, name, lives, details={"seed": seed, "environment_version": spec.version})


def report(spec: EnvironmentSpec, player: str, lives: Sequence[Life], *, details: dict[str, Any] | None = None) -> Report:
    """Return the report of some lives: rates, score, and a bootstrap interval over worlds."""
    names = [milestone.name for milestone in spec.milestones]
    hits = np.array([[name in life.reached for name in names] for life in lives], dtype=np.float64).reshape(len(lives), len(names))
    return Report(
        environment=spec.name,
        player=player,
        episodes=len(lives),
        rates={name: float(rate) for name, rate in zip(names, hits.mean(axis=0), strict=True)},
        score=score(hits),
        interval=_interval(hits),
        mean_reached=float(hits.sum(axis=1).mean()),
        mean_steps=float(np.mean([life.steps for life in lives])),
        lives=tuple(lives),
        details=details or {},
    )


def score(hits: npt.NDArray[np.float64]) -> float:
    """Return the geometric mean of success rates in percent, exp(mean(ln(1 + s))) - 1, for hits (worlds, milestones)."""
    if hits.size == 0:
        return 0.0
    return float(np.expm1(np.log1p(100 * hits.mean(axis=0)).mean()))


def _interval(hits: npt.NDArray[np.float64]) -> tuple[float, float]:
    if len(hits) < 2:
        return (score(hits), score(hits))
    generator = np.random.default_rng(0)
    scores = [score(hits[generator.integers(0, len(hits), len(hits))]) for _ in range(RESAMPLES)]
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)


def _lives(player: Player, world: WorldMaker, sandbox: SandboxMaker, seeds: Sequence[int], processes: int) -> Iterable[Life]:
    play = functools.partial(_live, player, world, sandbox)
    if processes <= 1:
        yield from map(play, seeds)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(play, seeds)


_benches: dict[bytes, tuple[Environment, Sandbox]] = {}


def _live(player: Player, world: WorldMaker, sandbox: SandboxMaker, seed: int) -> Life:
    # One environment and one sandbox a process, however many worlds it is given.
    key = pickle.dumps((world, sandbox))
    if key not in _benches:
        _benches[key] = (world(), sandbox())
    return player.play(*_benches[key], seed)
