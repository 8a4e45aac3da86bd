"""Seeds: every world follows from the run's seed, and no world serves two purposes.

The two lowest bits of a world's seed say what it is for, so worlds in which skills are written, proved and evaluated can
never be the same.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Purpose = Literal["write", "prove", "evaluate", "solve"]
_BITS: dict[Purpose, int] = {"write": 0, "prove": 1, "evaluate": 2, "solve": 3}


def world_seed(seed: int, purpose: Purpose, *path: int) -> int:
    """Return the seed of one world, in [0, 2**31).

    Args:
        seed: The run's seed.
        purpose: What the world is for.
        path: Which world of that purpose, such as (attempt, trial).
    """
    drawn = int(np.random.SeedSequence([abs(seed), _BITS[purpose], *path]).generate_state(1)[0])
    return (drawn >> 1) & ~3 | _BITS[purpose]
