"""Pictures of the world, made again from a run's calls: the same seeds and calls give the same world."""

from __future__ import annotations

import base64
import io
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skilllib.errors import SkillLibError
from skilllib.library import SkillLibrary
from skilllib.protocols import Environment, Rendering
from skilllib.records.execution import Step
from skilllib.records.world import Observation
from skilllib.registry import make_environment
from skilllib.report.account import Account, picked

log = logging.getLogger(__name__)

MOST = 8
"""Pictures in a report."""
SECONDS = 8.0
"""Time after which no more calls are made again."""
SIZE = 224
"""Pixels of a picture's longer side."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture of the world at the end of an attempt."""

    caption: str
    data: str
    """A PNG as a data URL."""


@dataclass(frozen=True, kw_only=True)
class _Acted:
    """The calls of one attempt."""

    number: int
    episode: int
    seed: int | None
    before: Observation | None
    """What was there when the episode began; None for a later attempt in it."""
    steps: tuple[Step, ...]


def pictures(account: Account, *, most: int = MOST, seconds: float = SECONDS) -> list[Picture]:
    """Return pictures of the ends of attempts that reached a milestone; none where the world cannot be made again."""
    try:
        wanted = {int(pick["attempt"]): pick["milestones"] for pick in picked(account, most)}
        options: dict[str, Any] = dict(account.options.get("environment_options", {}))
        environment = make_environment(str(account.options["environment"]), **options) if wanted else None
    except SkillLibError as error:
        log.info("no pictures: %s", error)
        return []
    if environment is None:
        return []
    try:
        with SkillLibrary.open(account.library) as library:
            return list(_taken(environment, _acted(library, account.folder.resolve().name), wanted, time.monotonic() + seconds))
    except SkillLibError as error:
        log.info("no pictures: %s", error)
        return []
    finally:
        environment.close()


def _acted(library: SkillLibrary, run: str) -> Iterator[_Acted]:
    episode = -1
    for _, trace in library.traces(run):
        for attempt in trace.attempts:
            done = attempt.execution
            before = done.before if attempt.episode != episode else None
            episode = attempt.episode
            yield _Acted(number=attempt.number, episode=episode, seed=attempt.seed, before=before, steps=done.trajectory)


def _taken(
    environment: Environment, acted: Iterator[_Acted], wanted: Mapping[int, Sequence[str]], deadline: float
) -> Iterator[Picture]:
    if not (environment.spec.renders and environment.spec.seeds and isinstance(environment, Rendering)):
        return
    episode, last, same = -1, max(wanted), True
    for attempt in acted:
        if attempt.number > last or time.monotonic() > deadline:
            return
        if attempt.episode != episode:
            episode = attempt.episode
            same = _same_beginning(environment.reset(attempt.seed), attempt)
        same = same and all(_same_step(environment, step) for step in attempt.steps)
        if not same:
            log.info("attempt %d cannot be made again: the environment answers otherwise than it did", attempt.number)
        elif attempt.number in wanted:
            names = ", ".join(name.replace("_", " ") for name in wanted[attempt.number])
            yield Picture(caption=f"attempt {attempt.number}: {names}", data=_data_url(environment.render()))


def _same_beginning(observation: Observation, attempt: _Acted) -> bool:
    return attempt.before is None or observation.facts == attempt.before.facts


def _same_step(environment: Environment, step: Step) -> bool:
    """Make a call again; an environment that was changed since, or is not deterministic, would show another world."""
    outcome = environment.call(step.primitive, step.arguments)
    return (outcome.steps, outcome.terminated, outcome.value) == (step.outcome.steps, step.outcome.terminated, step.outcome.value)


def _data_url(frame: npt.NDArray[np.uint8]) -> str:
    from PIL import Image

    height, width = frame.shape[:2]
    scale = max(1, SIZE // max(height, width))
    buffer = io.BytesIO()
    Image.fromarray(frame).resize((width * scale, height * scale), 0).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
