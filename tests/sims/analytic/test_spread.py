"""Tails of latencies: the shares that exceed, and the percentiles they mean."""

from math import exp, inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.analytic.queueing import ENDLESS, NONE, Wait
from sims.analytic.spread import Scattered, Waited, both_exceed, least

waits = st.builds(Wait, probability=st.floats(0.0, 1.0), mean_s=st.floats(0.001, 5.0))
shares = st.floats(0.01, 0.999)


def waited(*pair: Wait, own: tuple[float, ...] = (1.0,)) -> Waited:
    weights = np.full(len(own), 1.0 / len(own))
    return Waited(own=np.array(own), weights=weights, waits=(pair[0], pair[1]))


def test_without_waits_a_latency_is_its_own_times() -> None:
    spread = waited(NONE, NONE, own=(1.0, 2.0, 3.0, 4.0))
    assert spread.mean_s == pytest.approx(2.5)
    assert spread.exceeds(2.5) == pytest.approx(0.5)
    assert spread.quantile(0.5) == pytest.approx(2.0)
    assert spread.quantile(0.99) == pytest.approx(4.0)


def test_one_wait_shifts_its_exponential_tail() -> None:
    spread = waited(Wait(probability=0.5, mean_s=2.0), NONE)
    assert spread.exceeds(0.5) == 1.0
    assert spread.exceeds(3.0) == pytest.approx(0.5 * exp(-1.0))
    assert spread.mean_s == pytest.approx(2.0)


@given(waits, waits)
def test_two_waits_are_longer_than_either_and_have_the_sum_of_their_means(one: Wait, other: Wait) -> None:
    seconds = np.linspace(0.0, 200.0, 40_001)
    tail = both_exceed((one, other), seconds)
    assert np.all(np.diff(tail) <= 1e-12)
    assert np.all(tail >= np.maximum(one.probability * np.exp(-seconds / one.mean_s), 0.0) - 1e-9)
    assert np.trapezoid(tail, seconds) == pytest.approx(one.overall_s + other.overall_s, rel=1e-3, abs=2e-3)


@given(st.floats(0.01, 5.0), st.floats(0.0, 1e-6))
def test_equal_waits_make_erlangs_tail(mean: float, apart: float) -> None:
    pair = (Wait(probability=1.0, mean_s=mean), Wait(probability=1.0, mean_s=mean * (1.0 + apart)))
    assert both_exceed(pair, np.array([mean]))[0] == pytest.approx(2.0 * exp(-1.0), rel=1e-4)


@given(waits, waits, shares)
def test_the_quantile_is_where_the_tail_is_what_is_left(one: Wait, other: Wait, share: float) -> None:
    spread = waited(one, other, own=(0.5, 1.0, 4.0))
    seconds = spread.quantile(share)
    assert spread.exceeds(seconds) <= 1.0 - share + 1e-9
    assert spread.exceeds(seconds * (1.0 - 1e-6)) >= 1.0 - share - 1e-6


def test_an_endless_wait_has_no_quantile() -> None:
    spread = waited(ENDLESS, Wait(probability=0.5, mean_s=1.0))
    assert spread.quantile(0.5) == inf
    assert spread.exceeds(1e6) == 1.0


def test_scatter_keeps_its_mean() -> None:
    spread = Scattered(mean_s=0.05, deviations=np.array([0.01, 0.05]), weights=np.array([0.5, 0.5]))
    seconds = np.linspace(0.0, 2.0, 20_001)
    assert np.trapezoid([spread.exceeds(s) for s in seconds.tolist()], seconds) == pytest.approx(0.05, rel=1e-3)
    assert spread.quantile(0.5) < 0.05 < spread.quantile(0.9) < spread.quantile(0.99)


def test_without_scatter_everybody_has_the_mean() -> None:
    spread = Scattered(mean_s=0.05, deviations=np.zeros(1), weights=np.ones(1))
    assert spread.exceeds(0.049) == 1.0
    assert spread.exceeds(0.051) == 0.0
    assert spread.quantile(0.99) == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize("mean", [0.0, inf])
def test_no_time_and_endless_time_are_themselves(mean: float) -> None:
    spread = Scattered(mean_s=mean, deviations=np.zeros(1), weights=np.ones(1))
    assert spread.quantile(0.9) == mean
    assert spread.exceeds(1.0) == float(mean > 1.0)


def test_halving_finds_the_least() -> None:
    assert least(lambda x: x >= 3.0, 0.0, 10.0) == pytest.approx(3.0)
    assert least(lambda _: False, 0.0, 10.0) == 10.0
