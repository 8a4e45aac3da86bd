"""Sequential evidence for a success rate: looks fixed in advance, their error spent.

The question is whether a skill's success rate on fresh worlds exceeds a threshold. Looking at the evidence after every
trial as if it were the only look accepts too much, so the looks are fixed in advance and the error of 5 % is spent over
them in proportion to the trials seen (Lan and DeMets 1983, the linear spending function). The critical counts come from
the exact binomial law, by convolution over the looks, not from a normal approximation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from skilllib.errors import InvalidRecord
from skilllib.records.skill import Statistics

MOST = 0.8
"""Highest threshold that is ever asked of a repair; much more could not be shown within the last look."""

Law = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SequentialTest:
    """One-sided test of `rate > threshold` with a fixed schedule of looks."""

    threshold: float = 0.3
    """The success rate that must be exceeded."""
    error: float = 0.05
    """Probability of accepting a skill whose true rate is the threshold, over all looks together."""
    looks: tuple[int, ...] = (5, 8, 12, 16, 20)
    """Numbers of trials after which the evidence is looked at."""

    def __post_init__(self) -> None:
        if self.critical[-1] > self.looks[-1]:
            raise InvalidRecord(
                f"a success rate over {self.threshold:g} cannot be shown with {self.looks[-1]} trials; choose a lower threshold"
            )

    @cached_property
    def critical(self) -> tuple[int, ...]:
        """Successes needed for acceptance at each look; more than the trials seen means that no acceptance is possible."""
        return _critical(self.threshold, self.error, self.looks)

    def for_repair(self, of: Statistics) -> SequentialTest:
        """Return the test that a repair of a skill must pass: the more the skill proved itself, the more it asks.

        The threshold rises from this test's own towards the skill's lower bound, with maturity m = n / (n + k):

            threshold' = threshold + m * max(0, lower bound - threshold)

        where n is the number of its runs that went well, solved trials and later uses together, and k = 20, a full proof. So
        new skills are easily replaced, and what proved itself only by what is as good. The gate is PSN's maturity-aware
        update (arXiv 2601.03509); the weight n / (n + k) is that of n observations against a prior worth k of them
        (Bühlmann 1967, credibility).
        """
        n = of.successes + max(0, of.called - of.failed)
        rise = n / (n + self.looks[-1]) * max(0.0, of.lower_bound - self.threshold)
        return replace(self, threshold=max(self.threshold, min(MOST, round(self.threshold + rise, 6))))

    def accepts(self, successes: int, trials: int) -> bool:
        """Return whether the evidence at a look accepts; False between looks."""
        return trials in self.looks and successes >= self.critical[self.looks.index(trials)]

    def hopeless(self, successes: int, trials: int) -> bool:
        """Return whether to stop early because acceptance is out of reach.

        Either the last look cannot be passed any more, or so few successes would have a probability under 2 % if the true
        rate were the threshold plus a quarter. Stopping in this direction only ever rejects, so it costs no error.
        """
        if self.critical[-1] - successes > self.looks[-1] - trials:
            return True
        from scipy.stats import binom

        return float(binom.cdf(successes, trials, min(0.95, self.threshold + 0.25))) < 0.02

    def lower_bound(self, successes: int, trials: int) -> float:
        """Return the one-sided 95 % lower confidence bound of the rate for evidence that ended at a look.

        It is the rate at which evidence as strong as this, or stronger, has probability `error`, where evidence is ordered
        by the look at which it was accepted and then by its successes (stage-wise ordering, Jennison and Turnbull 1999,
        chapter 8). Evidence that is accepted has a bound above the threshold; evidence that ended early without being
        accepted, or hopeless, may have one as well, since its look had not been given enough of the error.
        """
        if successes == 0 or trials == 0:
            return 0.0
        from scipy.optimize import brentq

        return float(brentq(lambda rate: self._as_strong(rate, successes, trials) - self.error, 1e-9, 1 - 1e-9))

    def _as_strong(self, rate: float, successes: int, trials: int) -> float:
        looks = [look for look in self.looks if look < trials] + [trials]
        crossed, law = 0.0, np.ones(1)
        done = 0
        for look in looks[:-1]:
            law = np.convolve(law, _binomial(look - done, rate))
            critical = self.critical[self.looks.index(look)]
            crossed += float(law[critical:].sum())
            law[critical:] = 0.0
            done = look
        law = np.convolve(law, _binomial(trials - done, rate))
        return crossed + float(law[successes:].sum())


@lru_cache(maxsize=64)
def _critical(threshold: float, error: float, looks: tuple[int, ...]) -> tuple[int, ...]:
    law, done, spent = np.ones(1), 0, 0.0
    critical: list[int] = []
    for look in looks:
        law = np.convolve(law, _binomial(look - done, threshold))
        allowed = error * look / looks[-1] - spent
        tails = np.cumsum(law[::-1])[::-1]  # tails[s] = probability of at least s successes without earlier acceptance
        count = next((s for s in range(look + 1) if tails[s] <= allowed), look + 1)
        spent += float(tails[count]) if count <= look else 0.0
        law[count:] = 0.0
        critical.append(count)
        done = look
    return tuple(critical)


def _binomial(n: int, rate: float) -> Law:
    from scipy.stats import binom

    return np.asarray(binom.pmf(np.arange(n + 1), n, rate), dtype=np.float64)
