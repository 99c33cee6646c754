"""Percentiles are those of sims.statistics, for many shares at once."""

from itertools import pairwise
from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.measure.quantiles import SHARES, Spread, quantiles
from sims.statistics import percentile

LATE = st.one_of(st.floats(0.0, 1e6), st.just(inf))


@given(st.lists(LATE, min_size=1, max_size=40), st.floats(0.0, 1.0))
def test_a_quantile_is_the_percentile(values: list[float], share: float) -> None:
    found = quantiles(np.sort(values), [share])[0]
    assert found == pytest.approx(percentile(values, 100.0 * share), rel=1e-9, abs=1e-9)


@given(st.lists(LATE, min_size=1, max_size=40))
def test_quantiles_never_fall(values: list[float]) -> None:
    found = quantiles(np.sort(values), SHARES)
    assert all(low <= high for low, high in pairwise(found))


def test_of_nothing_nothing_is_known() -> None:
    assert isnan(quantiles(np.zeros(0), [0.5])[0])
    assert isnan(Spread.of(np.zeros(0)).mean)


def test_the_mean_is_of_those_served_and_percentiles_are_of_all() -> None:
    spread = Spread.of(np.array([1.0, 2.0, 3.0, inf]))
    assert (spread.mean, spread.p50, spread.p99) == (2.0, 2.5, inf)


def test_where_nobody_was_served_there_is_no_mean() -> None:
    spread = Spread.of(np.array([inf, inf]))
    assert isnan(spread.mean)
    assert spread.p50 == inf


def test_endless_neighbours_are_not_subtracted() -> None:
    with np.errstate(all="raise"):
        assert quantiles(np.array([1.0, inf, inf]), [0.0, 0.6, 0.75]).tolist() == [1.0, inf, inf]
