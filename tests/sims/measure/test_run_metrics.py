"""One run in figures, each of which is told in the head."""

from dataclasses import replace
from itertools import pairwise
from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.engine.run import REFUSED, SHED, UNFINISHED, Run
from sims.measure.metrics import Metrics, Slo, made, metrics
from sims.measure.outcome import outcome, without_timeline
from sims.measure.window import Window, measured
from tests.sims.measure.runs import ended_badly, run, samples

SLO = Slo(1.0, 0.2)


def figures(of: Run, slo: Slo = SLO, warmup: float = 0.0, wall_s: float = 2.0) -> Metrics:
    return metrics(of, measured(of, warmup), slo, wall_s)


def test_latencies_are_of_the_requests() -> None:
    found = figures(run())
    assert (found.ttft_s.mean, found.ttft_s.p99) == (0.5, 0.5)
    assert found.tpot_s.p50 == pytest.approx(0.1)
    assert found.e2e_s.p90 == pytest.approx(1.5)
    assert found.queue_s.mean == 0.25


def test_every_arrival_ends_in_exactly_one_state() -> None:
    bad = ended_badly(ended_badly(ended_badly(run(), SHED, 1), REFUSED, 2), UNFINISHED, 3, 4)
    found = figures(bad)
    assert (found.requests, found.completed, found.shed, found.refused, found.unfinished) == (10, 6, 1, 1, 2)


def test_one_that_was_never_served_is_endlessly_late() -> None:
    found = figures(ended_badly(run(), SHED, 0, 1))
    assert found.ttft_s.p90 == inf
    assert found.ttft_s.p50 == 0.5
    assert found.goodput_share == 0.8


def test_rates_are_over_the_arrivals_and_not_over_the_drain() -> None:
    found = figures(replace(run(11), end_s=1000.0))
    assert found.span_s == 10.0
    assert found.offered_rps == found.goodput_rps == 1.1


def test_who_would_have_come_after_an_early_end_was_not_offered_but_counts_as_unserved() -> None:
    found = figures(replace(ended_badly(run(11), UNFINISHED, 6, 7, 8, 9, 10), end_s=5.0))
    assert (found.span_s, found.offered_rps, found.goodput_rps) == (5.0, 1.2, 1.2)
    assert found.goodput_share == pytest.approx(6 / 11)
    assert found.ttft_s.p90 == inf


def test_goodput_counts_both_deadlines() -> None:
    assert figures(run(), Slo(0.4, 1.0)).goodput_share == 0.0
    assert figures(run(), Slo(1.0, 0.05)).goodput_share == 0.0
    one_late = replace(run(), first=run().first + np.eye(10)[0] * 0.6)
    found = figures(one_late)
    assert (found.goodput_share, found.ttft_slo_share, found.tpot_slo_share) == (0.9, 0.9, 1.0)


def test_cached_tokens_are_shares_of_prompts_and_what_was_believed_stands_beside() -> None:
    found = figures(run())
    assert (found.cached_token_share, found.believed_token_share) == (0.4, 0.5)
    assert found.cached_error_share == pytest.approx(0.1)


def test_what_the_router_foresaw_is_compared_with_what_came() -> None:
    found = figures(run())
    assert found.ttft_error_p50 == pytest.approx(0.2)
    assert found.ttft_bias_s == pytest.approx(-0.1)


def test_a_policy_that_foresees_nothing_has_no_error() -> None:
    found = figures(run(predicted_ttft_s=np.full(10, np.nan)))
    assert isnan(found.ttft_error_p50)
    assert isnan(found.ttft_bias_s)


def test_the_bill_is_of_the_whole_run() -> None:
    found = figures(run(), warmup=0.5)
    assert found.gpu_hours == pytest.approx((10.0 + 2 * 20.0) / 3600.0)
    assert found.energy_joules == 120.0
    assert found.tokens_per_joule == pytest.approx(110.0 / 120.0)
    assert found.usd_per_million_tokens == pytest.approx(1e6 * found.cost_usd / 110.0)
    assert found.utilisation == pytest.approx(8.0 / 30.0)


def test_simulated_requests_are_counted_against_the_wall() -> None:
    assert figures(run()).requests_per_wall_s == 5.0
    assert isnan(figures(run(), wall_s=float("nan")).requests_per_wall_s)


def test_a_run_of_nobody_is_unknown_rather_than_wrong() -> None:
    found = figures(run(0))
    assert (found.requests, found.goodput_rps) == (0, 0.0)
    assert isnan(found.goodput_share)
    assert isnan(found.cached_token_share)


def test_tokens_are_counted_where_they_are_made() -> None:
    window = Window(start_s=1.0, end_s=2.0, counted=np.ones(2, np.bool_))
    two = run(2, first=np.array([0.5, 1.5]), end=np.array([1.5, 2.5]))
    assert made(two, window) == pytest.approx(11.0)  # half of each


def test_a_single_token_is_made_where_it_comes() -> None:
    window = Window(start_s=1.0, end_s=2.0, counted=np.ones(3, np.bool_))
    at = np.array([0.5, 1.5, 2.5])
    assert made(run(3, first=at, end=at, output_tokens=np.ones(3, np.int32)), window) == 1.0


@given(st.floats(0.0, 20.0), st.floats(0.0, 20.0))
def test_windows_side_by_side_hold_all_tokens(first: float, second: float) -> None:
    low, high = sorted((first, second))
    ends = [-1.0, low + 0.001, high + 0.002, 30.0]
    parts = [Window(start_s=a, end_s=b, counted=np.ones(10, np.bool_)) for a, b in pairwise(ends)]
    assert sum(made(run(), part) for part in parts) == pytest.approx(110.0)


def test_an_outcome_keeps_what_the_pictures_need() -> None:
    found = outcome(run(samples=samples(5)), SLO, wall_s=1.0, warmup=0.0)
    assert found.distribution.ttft_s[0] == found.distribution.ttft_s[-1] == 0.5
    assert found.timeline is not None
    assert [pool.name for pool in found.pools] == ["left", "right"]
    assert without_timeline(found).timeline is None
