"""Runs one skill in one fresh world, with a camera if wanted, and draws what it did as a tree."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from rich.text import Text
from rich.tree import Tree

from skilllib.cli.output import arguments_text, change_text
from skilllib.errors import EnvironmentFault, InvalidRecord
from skilllib.protocols import Environment, Guard, Rendering
from skilllib.records.base import Scalar
from skilllib.records.execution import Execution, Limits, Step
from skilllib.records.skill import Skill
from skilllib.records.world import EnvironmentSpec, Observation, Outcome

MAX_FRAMES = 600
"""Frames of a moving picture; later calls are not recorded."""
FRAME_MS = 250
SMALLEST = 256
"""Pixels that the shorter side of a frame has at least."""


class Camera:
    """Takes a picture of a world before and after every primitive call."""

    def __init__(self) -> None:
        self.frames: list[npt.NDArray[np.uint8]] = []

    def shoot(self, environment: Environment) -> None:
        """Take a picture.

        Raises:
            EnvironmentFault: The environment cannot be looked at.
        """
        if not environment.spec.renders or not isinstance(environment, Rendering):
            raise EnvironmentFault(
                f"{environment.spec.name!r} draws no pictures (its specification says renders=False); leave out --gif"
            )
        if len(self.frames) < MAX_FRAMES:
            self.frames.append(environment.render())

    def gif(self) -> bytes:
        """Return the pictures as an animated GIF."""
        from PIL import Image

        factor = max(1, -(-SMALLEST // min(self.frames[0].shape[:2])))
        images = [Image.fromarray(frame).resize((frame.shape[1] * factor, frame.shape[0] * factor), 0) for frame in self.frames]
        buffer = io.BytesIO()
        durations = [FRAME_MS] * (len(images) - 1) + [6 * FRAME_MS]
        images[0].save(buffer, format="GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)
        return buffer.getvalue()


class Filmed:
    """An environment that is looked at after every call; satisfies `protocols.Environment`."""

    def __init__(self, environment: Environment, camera: Camera) -> None:
        self._environment, self._camera = environment, camera

    @property
    def spec(self) -> EnvironmentSpec:
        """What the environment declares."""
        return self._environment.spec

    def reset(self, seed: int | None = None) -> Observation:
        """Begin an episode."""
        observation = self._environment.reset(seed)
        self._camera.shoot(self._environment)
        return observation

    def call(self, primitive: str, arguments: Mapping[str, Scalar]) -> Outcome:
        """Make a call and take a picture."""
        outcome = self._environment.call(primitive, arguments)
        self._camera.shoot(self._environment)
        return outcome

    def observe(self) -> Observation:
        """Return what the environment shows."""
        return self._environment.observe()

    def close(self) -> None:
        """Let go of the environment."""
        self._environment.close()


def perform(
    skill: Skill,
    arguments: Mapping[str, Scalar],
    closure: Sequence[Skill],
    made: Environment,
    *,
    seed: int,
    limits: Limits,
    camera: Camera | None = None,
    guard: Guard | None = None,
) -> Execution:
    """Run a skill from a reset of an environment, and close that.

    Raises:
        InvalidRecord: The skill has no code form.
        EnvironmentFault: There is no such environment, or it breaks its contract.
    """
    from skilllib.build import make_sandbox

    if skill.program is None:
        raise InvalidRecord(f"{skill.name!r} has no code form, so it cannot be run")
    world: Environment = Filmed(made, camera) if camera is not None else made
    sandbox = make_sandbox(guard)
    try:
        world.reset(seed if world.spec.seeds else None)
        return sandbox.run(
            skill.program,
            arguments=arguments,
            closure=closure,
            calls={callee.name: callee.code_hash for callee in skill.calls},
            environment=world,
            limits=limits,
        )
    finally:
        world.close()
        getattr(sandbox, "close", lambda: None)()


def tree(title: str, execution: Execution) -> Tree:
    """Return the calls of an execution, inside the skills that made them, with what each changed."""
    root = Tree(Text(title, style="bold"))
    branches: list[tuple[int | None, Tree]] = [(None, root)]  # (step at which it was left, branch)
    waiting = list(execution.skill_calls)
    for i, step in enumerate(execution.trajectory):
        _leave(branches, i)
        while waiting and waiting[0].entered <= i:
            call = waiting.pop(0)
            label = Text(f"{call.name}({arguments_text(call.arguments)})", style="bold cyan")
            if call.raised:
                label.append("  raised", style="red")
            branch = branches[-1][1].add(label)
            if call.left is None or call.left > i:
                branches.append((call.left, branch))
        branches[-1][1].add(_line(step))
    return root


def _leave(branches: list[tuple[int | None, Tree]], i: int) -> None:
    while branches[-1][0] is not None and branches[-1][0] <= i:
        branches.pop()


def _line(step: Step) -> Text:
    line = Text(f"{step.primitive}({arguments_text(step.arguments)})")
    if step.outcome.failure is not None:
        line.append(f"  {step.outcome.failure.message}", style="red")
    changed = change_text(step.changes, 5)
    line.append(f"  {changed}" if changed else "", style="green")
    return line.append(f"  [{step.outcome.steps} steps]", style="dim")
