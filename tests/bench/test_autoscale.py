"""The autoscaling claim's own arithmetic, on traffic made up for it."""

import numpy as np
import pytest

from bench.autoscale.__main__ import CONTESTANTS, TARGETS, figures
from bench.autoscale.trial import Outcome, clairvoyant, reversals
from bench.autoscale.week import MOST, START_S, Days, conditions, fleet
from sims.arrivals import Arrivals


def outcome(kept: float, hours: float, flaps: float = 0.0) -> Outcome:
    return Outcome(kept=kept, gpu_hours=hours, reversals_a_day=flaps)


def test_a_start_takes_three_minutes_in_all() -> None:
    given, perf = conditions(0), fleet()[0].perf
    assert given.provision_s + perf.load_seconds(given.read_bytes_per_s) == pytest.approx(START_S)


def test_a_reversal_is_the_other_way_within_ten_minutes() -> None:
    up_and_down = [(0.0, 1), (60.0, 2), (120.0, 1), (180.0, 1), (240.0, 2), (5000.0, 1), (5300.0, 1)]
    assert reversals(up_and_down) == 2
    assert reversals([(0.0, 1), (60.0, 2), (120.0, 3)]) == 0


def test_the_clairvoyant_follows_the_requests_of_each_window() -> None:
    at = np.sort(np.concatenate([np.linspace(0.0, 599.0, 600), np.linspace(600.0, 1199.0, 6000)]))
    arrivals = Arrivals.drawn(at, np.full(len(at), 950), np.full(len(at), 180))
    quiet, busy = clairvoyant(arrivals, 0.5).replicas
    assert 1 <= quiet < busy <= MOST


def test_only_those_who_keep_the_deadlines_are_rivals() -> None:
    found = {
        "slo_model": [outcome(0.991, 80.0, 1.0)], "clairvoyant": [outcome(0.99, 75.0)],
        "kpa": [outcome(0.99, 100.0)], "hpa_kv": [outcome(0.8, 50.0)],
    }  # fmt: skip
    told = figures(found, Days(first=0, count=1), 1)
    assert told["fewer_than_best"] == pytest.approx(0.2)
    assert told["gpu_hours_over_clairvoyant"] == pytest.approx(80.0 / 75.0, abs=1e-4)
    assert set(TARGETS) <= set(told)


def test_every_contestant_is_a_policy_that_takes_its_setting() -> None:
    for maker, tried in CONTESTANTS.values():
        assert all(maker(setting).interval_s > 0.0 for setting in tried)
