"""Statistics count the unserved, leave the warm-up out and say how sure they are."""

from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.statistics import (
    UNSERVED,
    after_warmup,
    compare,
    goodput,
    interval,
    percentile,
    served_mean,
    t_975,
)

numbers = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=50)


@given(numbers, st.floats(0.0, 100.0))
def test_a_percentile_of_finite_values_is_numpys(values: list[float], q: float) -> None:
    assert percentile(values, q) == pytest.approx(float(np.percentile(values, q)), rel=1e-9, abs=1e-9)


def test_one_unserved_request_in_a_hundred_decides_the_99th_percentile() -> None:
    assert percentile([1.0] * 99 + [UNSERVED], 99.5) == inf
    assert percentile([1.0] * 99 + [UNSERVED], 50.0) == 1.0


def test_all_unserved_is_endless_not_unknown() -> None:
    assert percentile([UNSERVED] * 4, 50.0) == inf


def test_no_values_have_no_percentile() -> None:
    assert isnan(percentile([], 50.0))


def test_a_percentile_does_not_mind_order() -> None:
    assert percentile([3.0, 1.0, 2.0], 50.0) == 2.0


def test_the_mean_is_over_those_served() -> None:
    assert served_mean([1.0, 3.0, UNSERVED]) == 2.0
    assert isnan(served_mean([UNSERVED]))


def test_the_warm_up_is_left_out() -> None:
    assert after_warmup([0.0, 9.9, 10.0, 30.0], 10.0).tolist() == [False, False, True, True]


def test_the_end_can_be_left_out_too() -> None:
    assert after_warmup([0.0, 10.0, 30.0], 5.0, 30.0).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("freedom", "t"),
    [(1, 12.7062), (7, 2.3646), (30, 2.0423), (31, 2.0395), (60, 2.0003), (120, 1.9799), (10_000, 1.9602)],
)
def test_students_t_is_the_tabled_one(freedom: int, t: float) -> None:
    assert t_975(freedom) == pytest.approx(t, abs=1e-4)


@given(st.integers(1, 500))
def test_students_t_falls_with_freedom(freedom: int) -> None:
    assert t_975(freedom) > t_975(freedom + 1) > 1.9599


def test_students_t_needs_some_freedom() -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        t_975(0)


def test_an_interval_over_eight_seeds() -> None:
    found = interval([10.0, 12.0, 9.0, 11.0, 10.0, 13.0, 8.0, 11.0])
    assert (found.mean, found.seeds) == (10.5, 8)
    assert found.half == pytest.approx(2.3646 * 1.6035675 / 8**0.5, rel=1e-4)
    assert (found.low, found.high) == (found.mean - found.half, found.mean + found.half)


def test_one_seed_says_nothing_of_chance() -> None:
    assert interval([3.0]).half == inf
    assert not interval([3.0]).apart_from_zero


def test_no_seeds_are_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        interval([])


def test_an_endless_seed_makes_the_interval_endless() -> None:
    found = interval([1.0, inf])
    assert (found.mean, found.half) == (inf, inf)


def test_an_unknown_seed_makes_the_interval_unknown() -> None:
    assert isnan(interval([1.0, nan]).half)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20), st.floats(-1e3, 1e3))
def test_shifting_every_seed_shifts_the_interval(values: list[float], by: float) -> None:
    moved = interval([value + by for value in values])
    assert moved.mean == pytest.approx(interval(values).mean + by, abs=1e-6)
    assert moved.half == pytest.approx(interval(values).half, abs=1e-6)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    draws = [interval(rng.normal(5.0, 2.0, 8).tolist()) for _ in range(2000)]
    hits = sum(found.low <= 5.0 <= found.high for found in draws)
    assert hits / 2000 == pytest.approx(0.95, abs=0.015)


def test_goodput_needs_both_deadlines_met() -> None:
    found = goodput([1.0, 3.0, 1.0, UNSERVED], [0.05, 0.05, 0.5, UNSERVED], (2.0, 0.1), 10.0)
    assert (found.share, found.rps) == (0.25, 0.1)


def test_a_deadline_met_exactly_is_met() -> None:
    assert goodput([2.0], [0.1], (2.0, 0.1), 1.0).share == 1.0


def test_goodput_of_nothing_is_unknown() -> None:
    found = goodput([], [], (2.0, 0.1), 0.0)
    assert isnan(found.share)
    assert found.rps == 0.0


def test_pairing_sees_what_lies_under_the_noise_of_seeds() -> None:
    noise = [0.0, 50.0, -30.0, 20.0, 70.0, -10.0, 5.0, 40.0]
    first, second = [100.0 + n for n in noise], [103.0 + n + n / 100.0 for n in noise]
    found = compare(first, second)
    assert found.decided
    assert found.difference.mean == pytest.approx(-3.0, abs=0.5)
    assert found.wins == 8
    assert found.ratio == pytest.approx(0.97, abs=0.01)


def test_no_difference_is_not_decided() -> None:
    assert not compare([1.0, 2.0, 3.0], [2.0, 1.0, 3.0]).decided


def test_a_comparison_needs_the_same_seeds() -> None:
    with pytest.raises(ValueError, match="same seeds on both sides, not 1 and 2"):
        compare([1.0], [1.0, 2.0])


def test_a_ratio_to_nothing_is_unknown() -> None:
    assert isnan(compare([1.0, 2.0], [0.0, 0.0]).ratio)
