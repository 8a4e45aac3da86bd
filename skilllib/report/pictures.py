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
from skilllib.records.base import Scalar
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
    calls: tuple[tuple[str, Mapping[str, Scalar]], ...]


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
    for _, trace in library.traces(run):
        for attempt in trace.attempts:
            calls = tuple((step.primitive, dict(step.arguments)) for step in attempt.execution.trajectory)
            yield _Acted(number=attempt.number, episode=attempt.episode, seed=attempt.seed, calls=calls)


def _taken(
    environment: Environment, acted: Iterator[_Acted], wanted: Mapping[int, Sequence[str]], deadline: float
) -> Iterator[Picture]:
    if not (environment.spec.renders and environment.spec.seeds and isinstance(environment, Rendering)):
        return
    episode, last = -1, max(wanted)
    for attempt in acted:
        if attempt.number > last or time.monotonic() > deadline:
            return
        if attempt.episode != episode:
            episode = attempt.episode
            environment.reset(attempt.seed)
        for primitive, arguments in attempt.calls:
            outcome = environment.call(primitive, arguments)
            if outcome.terminated or outcome.truncated:
                break
        if attempt.number in wanted:
            names = ", ".join(name.replace("_", " ") for name in wanted[attempt.number])
            yield Picture(caption=f"attempt {attempt.number}: {names}", data=_data_url(environment.render()))


def _data_url(frame: npt.NDArray[np.uint8]) -> str:
    from PIL import Image

    height, width = frame.shape[:2]
    scale = max(1, SIZE // max(height, width))
    buffer = io.BytesIO()
    Image.fromarray(frame).resize((width * scale, height * scale), 0).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
