"""Seeds: no world serves two purposes."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skilllib.seeds import Purpose, world_seed

PURPOSES = get_args(Purpose)
PINNED = [1484405852, 1961651321, 480164918]
runs, places = st.integers(0, 2**31 - 1), st.lists(st.integers(0, 2**31 - 1), max_size=3)


@given(runs, places, runs, places)
def test_worlds_of_two_purposes_are_never_the_same(seed: int, path: list[int], other: int, elsewhere: list[int]) -> None:
    for one in PURPOSES:
        for two in PURPOSES:
            if one != two:
                assert world_seed(seed, one, *path) != world_seed(other, two, *elsewhere)


@given(runs, places, st.sampled_from(PURPOSES))
def test_a_seed_is_a_31_bit_number_and_always_the_same(seed: int, path: list[int], purpose: Purpose) -> None:
    drawn = world_seed(seed, purpose, *path)
    assert 0 <= drawn < 2**31 and drawn == world_seed(seed, purpose, *path)


def test_worlds_of_one_run_differ() -> None:
    assert len({world_seed(0, "prove", attempt, trial) for attempt in range(40) for trial in range(20)}) == 800


def test_runs_differ_in_their_worlds() -> None:
    assert len({world_seed(seed, "write", 0) for seed in range(500)}) == 500


def test_seeds_stay_what_they_are_so_that_old_runs_can_be_repeated() -> None:
    assert [world_seed(0, "write", 0), world_seed(0, "prove", 1, 2), world_seed(3, "evaluate")] == PINNED


def test_an_unknown_purpose_is_refused() -> None:
    with pytest.raises(KeyError):
        world_seed(0, "play")  # type: ignore[arg-type]
