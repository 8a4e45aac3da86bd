"""Episodes end, the life goes on."""

from __future__ import annotations

from typing import Any

import pytest

from skilllib.life import Life
from skilllib.records.execution import Attempt, Execution, Step, Verdict
from skilllib.records.program import Program
from skilllib.records.world import Observation, Outcome
from skilllib.seeds import world_seed
from skilllib.testing import make_bakery

PROGRAM = Program.parse("def go() -> None:\n    'Go.'\n    walk('field')\n")


class WithoutSeeds:
    """The bakery as a world that cannot be repeated."""

    def __init__(self) -> None:
        self._bakery = make_bakery()
        self.spec = self._bakery.spec.model_copy(update={"seeds": False})
        self.seeds: list[int | None] = []

    def reset(self, seed: int | None = None) -> Observation:
        self.seeds.append(seed)
        return self._bakery.reset(seed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bakery, name)


def execution(stopped: str | None = None) -> Execution:
    nothing = Observation(text="", facts={})
    return Execution.model_validate({"before": nothing, "after": nothing, "stopped": stopped})


def attempt(number: int, episode: int, *calls: tuple[str, str], stopped: str | None = None) -> Attempt:
    steps = tuple(
        Step(primitive=name, arguments={"to" if name == "walk" else "crop": what}, outcome=Outcome()) for name, what in calls
    )
    done = execution(stopped).model_copy(update={"trajectory": steps})
    verdict = Verdict(solved=False, score=0, reason="")
    return Attempt(number=number, program=PROGRAM, execution=done, verdict=verdict, episode=episode)


def test_the_world_goes_on_while_the_episode_lasts() -> None:
    life = Life(make_bakery(), seed=3)
    assert life.episode == -1
    life.wake()
    life.environment.call("walk", {"to": "field"})
    life.took(execution())
    assert life.wake().facts["at"] == "field" and life.episode == 0


@pytest.mark.parametrize("stopped", ["terminated", "truncated"])
def test_after_the_end_of_an_episode_it_wakes_in_a_new_world(stopped: str) -> None:
    life = Life(make_bakery(), seed=3)
    life.wake()
    first = life.world_seed
    life.took(execution(stopped))
    life.wake()
    assert life.episode == 1 and life.world_seed != first


@pytest.mark.parametrize("stopped", ["steps", "deadline"])
def test_a_program_that_was_stopped_has_not_ended_the_episode(stopped: str) -> None:
    life = Life(make_bakery(), seed=3)
    life.wake()
    life.took(execution(stopped))
    life.wake()
    assert life.episode == 0


def test_an_episode_can_be_given_up() -> None:
    life = Life(make_bakery(), seed=3)
    life.wake()
    life.leave()
    life.wake()
    assert life.episode == 1


def test_worlds_follow_from_seed_purpose_and_episode() -> None:
    life = Life(make_bakery(), seed=3)
    life.wake()
    assert life.world_seed == world_seed(3, "write", 0)
    evaluating = Life(make_bakery(), seed=3, purpose="evaluate")
    evaluating.wake()
    assert evaluating.world_seed == world_seed(3, "evaluate", 0)


def test_a_world_without_seeds_is_given_none() -> None:
    world = WithoutSeeds()
    life = Life(world, seed=3)  # type: ignore[arg-type]
    life.wake()
    assert world.seeds == [None] and life.world_seed is None


def test_a_life_is_resumed_in_the_very_world_where_it_was_left() -> None:
    life = Life(make_bakery(), seed=3)
    for episode in (0, 1):
        life.wake()
        life.leave() if episode == 0 else None
    for name, arguments in (
        ("walk", {"to": "field"}),
        ("gather", {"crop": "wheat"}),
        ("walk", {"to": "coop"}),
        ("gather", {"crop": "egg"}),
    ):
        life.environment.call(name, arguments)
    resumed = Life(make_bakery(), seed=3)
    resumed.resume(
        [
            attempt(1, 0, ("walk", "forest")),
            attempt(2, 1, ("walk", "field"), ("gather", "wheat")),
            attempt(3, 1, ("walk", "coop"), ("gather", "egg")),
        ]
    )
    assert resumed.episode == 1 and resumed.wake() == life.wake()


def test_a_life_that_ended_is_resumed_in_a_new_world() -> None:
    life = Life(make_bakery(), seed=3)
    life.resume([attempt(1, 4, ("walk", "field"), stopped="terminated")])
    life.wake()
    assert life.episode == 5


def test_without_seeds_a_resumed_life_begins_anew() -> None:
    world = WithoutSeeds()
    life = Life(world, seed=3)  # type: ignore[arg-type]
    life.resume([attempt(1, 0, ("walk", "field"))])
    assert world.seeds == []
    life.wake()
    assert life.episode == 1


def test_nothing_to_resume_is_a_beginning() -> None:
    life = Life(make_bakery(), seed=3)
    life.resume([])
    life.wake()
    assert life.episode == 0
