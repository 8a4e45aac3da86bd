"""Reports: how a player did over many worlds."""

from __future__ import annotations

from skilllib.records.base import Json, Record


class Life(Record):
    """What one life in one world came to."""

    seed: int
    reached: dict[str, int] = {}
    """Milestone → world steps of this life when it was reached."""
    steps: int = 0
    calls: int = 0
    """Skills run, or primitive calls made where no skill was."""
    ended: str = ""
    """Why it ended: `died`, `time`, `steps`, or `done`."""


class Report(Record):
    """The lives of one player, and the figures that follow from them."""

    environment: str
    player: str
    episodes: int
    rates: dict[str, float]
    """Milestone → share of worlds in which it was reached, in [0, 1]."""
    score: float
    """Geometric mean of the rates in percent: exp(mean(ln(1 + 100 rate))) - 1 (Hafner 2022, section 4)."""
    interval: tuple[float, float]
    """95 % percentile bootstrap interval of the score over worlds."""
    mean_reached: float
    """Mean number of milestones reached in one life."""
    mean_steps: float
    lives: tuple[Life, ...] = ()
    details: dict[str, Json] = {}
    """Seeds, versions and hashes that the figures rest on."""
