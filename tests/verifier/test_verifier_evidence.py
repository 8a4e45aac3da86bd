"""The sequential test, held to its claims by exact computation rather than by simulation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skilllib.errors import InvalidRecord
from skilllib.records.skill import Statistics
from skilllib.verifier.evidence import SequentialTest

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
SCHEDULES = ((5, 8, 12, 16, 20), (20,), (3, 6, 9), (10, 20, 40))
Accepts = Callable[[int, int], bool]


def accepted(rate: float, looks: Sequence[int], accepts: Accepts, stops: Accepts = lambda s, n: False) -> float:
    """Return the exact probability of acceptance at some look, when `stops` may end it in between."""
    law, total, seen = {0: 1.0}, 0.0, 0
    for look in looks:
        n = look - seen
        ahead: dict[int, float] = {}
        for successes, share in law.items():
            for k in range(n + 1):
                ahead[successes + k] = ahead.get(successes + k, 0.0) + share * comb(n, k) * rate**k * (1 - rate) ** (n - k)
        total += sum(share for successes, share in ahead.items() if accepts(successes, look))
        law = {s: share for s, share in ahead.items() if not accepts(s, look) and not stops(s, look)}
        seen = look
    return total


def tail(successes: int, n: int, rate: float) -> float:
    return sum(comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(successes, n + 1))


@pytest.mark.parametrize("looks", SCHEDULES)
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_skill_that_is_no_better_than_the_threshold_is_accepted_at_most_once_in_twenty(
    threshold: float, looks: tuple[int, ...]
) -> None:
    test = SequentialTest(threshold=threshold, looks=looks)
    assert accepted(threshold, looks, test.accepts) <= 0.05 + 1e-12
    assert accepted(threshold * 0.8, looks, test.accepts) < 0.05


def test_looking_after_every_trial_as_if_it_were_the_only_look_accepts_twice_as_often() -> None:
    """The contrast: an honest test at each look, and no account of the looks, at a true rate of one half."""
    naive = accepted(0.5, range(5, 21), lambda successes, n: tail(successes, n, 0.5) <= 0.05)
    assert 0.09 < naive < 0.12
    test = SequentialTest(threshold=0.5)
    assert accepted(0.5, test.looks, test.accepts) <= 0.05 < naive / 1.8


def test_stopping_what_is_hopeless_costs_no_error_and_little_power() -> None:
    for threshold in (0.3, 0.5):
        test = SequentialTest(threshold=threshold)
        assert accepted(threshold, test.looks, test.accepts, test.hopeless) <= 0.05
        good = threshold + 0.3
        assert accepted(good, test.looks, test.accepts, test.hopeless) > accepted(good, test.looks, test.accepts) - 0.02


def test_a_skill_that_always_works_is_accepted_at_the_first_look_that_allows_it() -> None:
    assert SequentialTest(threshold=0.3).accepts(5, 5)
    assert not SequentialTest(threshold=0.5).accepts(5, 5), "five of five happen by chance once in 32"
    assert SequentialTest(threshold=0.5).accepts(8, 8)


@pytest.mark.parametrize("looks", SCHEDULES)
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_whatever_is_accepted_has_its_lower_bound_above_the_threshold(threshold: float, looks: tuple[int, ...]) -> None:
    test = SequentialTest(threshold=threshold, looks=looks)
    for look, critical in zip(looks, test.critical, strict=True):
        for successes in range(critical, look + 1):
            assert test.lower_bound(successes, look) > threshold - 1e-9, (successes, look)


@pytest.mark.parametrize("looks", SCHEDULES)
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_whatever_is_refused_at_the_last_look_has_its_lower_bound_at_most_at_the_threshold(
    threshold: float, looks: tuple[int, ...]
) -> None:
    test = SequentialTest(threshold=threshold, looks=looks)
    for successes in range(min(test.critical[-1], looks[-1] + 1)):
        assert test.lower_bound(successes, looks[-1]) <= threshold + 1e-9


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_more_successes_never_make_it_worse(threshold: float) -> None:
    test = SequentialTest(threshold=threshold)
    assert list(test.critical) == sorted(test.critical)
    for look in test.looks:
        bounds = [test.lower_bound(successes, look) for successes in range(look + 1)]
        assert bounds == sorted(bounds) and bounds[0] >= 0 and bounds[-1] < 1
        accepts = [test.accepts(successes, look) for successes in range(look + 1)]
        assert accepts == sorted(accepts)
        hopeless = [test.hopeless(successes, look) for successes in range(look + 1)]
        assert hopeless == sorted(hopeless, reverse=True)


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_what_is_accepted_was_never_hopeless(threshold: float) -> None:
    """On no way of trials to an acceptance at the next look that fails at most once from here."""
    test = SequentialTest(threshold=threshold)
    for look in test.looks:
        assert not any(test.accepts(s, look) and test.hopeless(s, look) for s in range(look + 1))


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_out_of_reach_is_hopeless(threshold: float) -> None:
    test = SequentialTest(threshold=threshold)
    for look in test.looks:
        for successes in range(look + 1):
            if successes + test.looks[-1] - look < test.critical[-1]:
                assert test.hopeless(successes, look)


def test_between_looks_nothing_is_accepted() -> None:
    test = SequentialTest(threshold=0.3)
    assert not any(test.accepts(n, n) for n in range(1, 21) if n not in test.looks)


def test_the_lower_bound_covers_the_true_rate() -> None:
    """Over all ends of a proof the bound exceeds the true rate at most once in twenty."""
    test = SequentialTest(threshold=0.3)
    for rate in (0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95):
        law, seen, wrong = {0: 1.0}, 0, 0.0
        for look in test.looks:
            n, ahead = look - seen, {}
            for s, share in law.items():
                for k in range(n + 1):
                    ahead[s + k] = ahead.get(s + k, 0.0) + share * comb(n, k) * rate**k * (1 - rate) ** (n - k)
            ended = {s for s in ahead if test.accepts(s, look) or look == test.looks[-1]}
            wrong += sum(ahead[s] for s in ended if test.lower_bound(s, look) > rate)
            law, seen = {s: share for s, share in ahead.items() if s not in ended}, look
        assert wrong <= 0.05 + 1e-9, rate


def test_nothing_proves_nothing() -> None:
    test = SequentialTest()
    assert test.lower_bound(0, 0) == 0 and test.lower_bound(0, 5) == 0 and not test.accepts(0, 5)


@pytest.mark.parametrize(("threshold", "looks"), [(0.9, (5, 20)), (0.8, (3, 6, 9))])
def test_a_threshold_that_the_trials_cannot_show_is_refused(threshold: float, looks: tuple[int, ...]) -> None:
    with pytest.raises(InvalidRecord, match="choose a lower threshold"):
        SequentialTest(threshold=threshold, looks=looks)


def test_the_more_a_skill_proved_itself_the_more_a_repair_must_show() -> None:
    test = SequentialTest()
    bars = [test.for_repair(Statistics(successes=5, trials=5, called=uses, lower_bound=0.55)).threshold for uses in (0, 5, 20, 100)]
    assert test.threshold < bars[0] < bars[1] < bars[2] < bars[3] < 0.55
    assert bars[0] == pytest.approx(0.3 + 5 / 25 * 0.25)


def test_what_never_proved_itself_is_replaced_as_easily_as_anything_is_admitted() -> None:
    test = SequentialTest()
    assert test.for_repair(Statistics()) == test
    assert test.for_repair(Statistics(successes=20, trials=20, lower_bound=0.1)) == test, "never easier than a new skill"


def test_uses_that_failed_do_not_speak_for_a_skill() -> None:
    test = SequentialTest()
    trusted, doubted = (Statistics(successes=5, called=20, failed=failed, lower_bound=0.55) for failed in (0, 20))
    assert test.for_repair(trusted).threshold > test.for_repair(doubted).threshold


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_what_a_repair_must_show_can_always_be_shown(n: int, bound: float) -> None:
    test = SequentialTest().for_repair(Statistics(successes=n, lower_bound=bound))
    assert test.critical[-1] <= test.looks[-1]
