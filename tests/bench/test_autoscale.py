"""The autoscaling claim's own arithmetic, on traffic and outcomes made up for it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.autoscale.contest import CONTESTANTS, ORACLE, OURS
from bench.autoscale.fitting import FLAT, Fit, fit
from bench.autoscale.report import TARGETS, figures, holds, interval, told
from bench.autoscale.trial import Outcome, clairvoyant, kept_by_day, reversals, run
from bench.autoscale.week import MOST, START_S, Days, conditions, fleet, recorded_days
from sims.arrivals import Arrivals

DATA = Path(__file__).parents[3] / "shared" / "data"
STEEP = 2.5


def outcome(kept: float, hours: float, flaps: float = 0.0, worst: float = 0.0) -> Outcome:
    return Outcome(kept=kept, worst_day=worst or kept, gpu_hours=hours, reversals_a_day=flaps)


def by_law(setting: float) -> Outcome:
    """A rule that is late as its setting to a power, and takes hours as the setting's inverse."""
    return outcome(1.0 - 0.01 * setting**STEEP, 1000.0 / setting)


def made(kept: float, hours: float, *, keeps: bool = True, slope: float = 0.4) -> Fit:
    return Fit(setting=1.0, outcome=outcome(kept, hours), slope=slope, keeps=keeps)


def drawn(seconds: float, rate: float) -> Arrivals:
    """Requests of the recorded week's mean lengths, independent of each other."""
    rng = np.random.Generator(np.random.PCG64(3))
    at = np.sort(rng.uniform(0.0, seconds, int(seconds * rate)))
    return Arrivals.drawn(at, rng.integers(100, 1800, len(at)), rng.integers(1, 300, len(at)))


def test_a_start_takes_three_minutes_in_all() -> None:
    given, perf = conditions(0), fleet()[0].perf
    assert given.provision_s + perf.load_seconds(given.read_bytes_per_s) == pytest.approx(START_S)


def test_a_reversal_is_the_other_way_within_ten_minutes() -> None:
    up_and_down = [(0.0, 1), (60.0, 2), (120.0, 1), (180.0, 1), (240.0, 2), (5000.0, 1), (5300.0, 1)]
    assert reversals(up_and_down) == 2
    assert reversals([(0.0, 1), (60.0, 2), (120.0, 3)]) == 0


def test_the_first_hour_judges_nobody_and_every_day_is_counted_by_itself() -> None:
    at = np.array([10.0, 3599.0, 3600.0, 7000.0, 90_000.0, 100_000.0, 172_700.0])
    days = kept_by_day(at, np.array([0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0]))
    assert days.tolist() == [[1.0, 2.0], [3.0, 3.0]]


def test_a_trace_of_less_than_an_hour_is_judged_by_its_end() -> None:
    assert kept_by_day(np.array([0.0, 5.0, 9.0]), np.ones(3)).tolist() == [[1.0, 1.0]]


def test_the_clairvoyant_follows_the_requests_of_each_window() -> None:
    at = np.sort(np.concatenate([np.linspace(0.0, 599.0, 600), np.linspace(600.0, 1199.0, 6000)]))
    arrivals = Arrivals.drawn(at, np.full(len(at), 950), np.full(len(at), 180))
    quiet, busy = clairvoyant(arrivals, 0.5, 600.0).replicas
    assert 1 <= quiet < busy <= MOST


def test_a_setting_is_found_at_which_as_much_is_late() -> None:
    found = fit(by_law, 0.3, 3.0, 0.02)
    assert found.keeps
    assert found.outcome.late == pytest.approx(0.02, rel=0.05)
    assert found.setting == pytest.approx(2.0 ** (1.0 / STEEP), rel=0.05)


@given(st.floats(0.002, 0.05))
def test_hours_at_another_lateness_are_those_of_the_law(aim: float) -> None:
    found = fit(by_law, 0.4, 2.5, aim)
    assert found.slope == pytest.approx(1.0 / STEEP, rel=0.01)
    exact = 1000.0 * (0.01 / aim) ** (1.0 / STEEP)
    assert found.hours_at(found.outcome.gpu_hours, found.outcome.late, aim) == pytest.approx(exact, rel=0.02)


def test_a_rule_that_is_late_at_its_most_careful_is_asked_no_more() -> None:
    tried: list[float] = []

    def hopeless(setting: float) -> Outcome:
        tried.append(setting)
        return outcome(0.9, 10.0)

    found = fit(hopeless, 0.1, 1.0, 0.01)
    assert (found.keeps, found.slope, tried) == (False, FLAT, [0.1])


def test_a_search_ends_after_a_few_trials_whatever_it_meets() -> None:
    tried: list[float] = []

    def jumps(setting: float) -> Outcome:
        tried.append(setting)
        return outcome(0.999 if setting < 0.5 else 0.9, 10.0 / setting)

    assert fit(jumps, 0.1, 1.0, 0.01).keeps
    assert len(tried) <= 6


def test_ours_is_compared_at_equal_lateness_with_those_that_keep_it() -> None:
    found = [{
        OURS: outcome(0.991, 80.0, 1.0, 0.99), ORACLE: outcome(0.99, 75.0), "kpa": outcome(0.991, 100.0, 1.0, 0.98),
        "hpa_kv": outcome(0.8, 50.0),
    }] * 2  # fmt: skip
    fits = {OURS: made(0.991, 80.0), ORACLE: made(0.99, 75.0), "kpa": made(0.991, 100.0),
            "hpa_kv": made(0.8, 50.0, keeps=False)}  # fmt: skip
    results = figures(fits, found, Days(first=0, count=1))
    assert results["best"] == "kpa"
    assert results["fewer_than_best"] == pytest.approx(0.2)
    assert results["gpu_hours_over_clairvoyant"] == pytest.approx(80.0 / 75.0, abs=1e-4)
    assert results["fewer_where_every_day_keeps"] == pytest.approx(1.0 - 80.0 / (100.0 * 2.0**0.4), abs=1e-3)
    assert set(TARGETS) <= set(results)
    assert holds(results)


def test_one_that_was_less_late_is_credited_what_it_could_have_saved() -> None:
    found = [{OURS: outcome(0.99, 80.0), ORACLE: outcome(0.99, 75.0), "kpa": outcome(0.995, 100.0)}]
    fits = {OURS: made(0.99, 80.0), ORACLE: made(0.99, 75.0), "kpa": made(0.995, 100.0)}
    results = figures(fits, found, Days(first=0, count=1))
    assert results["fewer_than_best"] == pytest.approx(1.0 - 80.0 / (100.0 * 0.5**0.4), abs=1e-3)


def test_what_knowing_the_requests_beforehand_would_save_is_told_at_our_lateness() -> None:
    found = [{OURS: outcome(0.99, 80.0), ORACLE: outcome(0.98, 70.0), "kpa": outcome(0.99, 100.0)}]
    fits = {OURS: made(0.99, 80.0), ORACLE: made(0.98, 70.0), "kpa": made(0.99, 100.0)}
    results = figures(fits, found, Days(first=0, count=1))
    assert results["clairvoyant_fewer_than_best"] == pytest.approx(1.0 - 70.0 * 2.0**0.4 / 100.0, abs=1e-3)


def test_where_none_of_the_others_keeps_the_deadlines_it_is_said() -> None:
    found = [{OURS: outcome(0.99, 80.0), ORACLE: outcome(0.99, 75.0), "kpa": outcome(0.5, 10.0)}]
    fits = {OURS: made(0.99, 80.0), ORACLE: made(0.99, 75.0), "kpa": made(0.5, 10.0, keeps=False)}
    assert figures(fits, found, Days(first=0, count=1))["best"] == "none keeps the deadlines"


def test_a_target_that_is_missed_is_not_held() -> None:
    good: dict[str, float | str] = {
        "kept": 0.991, "gpu_hours_over_clairvoyant": 1.1, "fewer_than_best": 0.2, "reversals_a_day": 1.0,
    }  # fmt: skip
    assert holds(good)
    for name, value in (("kept", 0.98), ("gpu_hours_over_clairvoyant", 1.2), ("reversals_a_day", 3.0)):
        assert not holds(good | {name: value})


def test_an_interval_is_that_of_the_seeds() -> None:
    assert interval([5.0]) == 0.0
    assert interval([1.0, 1.0, 1.0]) == 0.0
    assert interval([1.0, 3.0]) == pytest.approx(12.71)


def test_every_contestant_is_a_policy_that_takes_its_setting() -> None:
    arrivals = drawn(600.0, 2.0)
    for rule in CONTESTANTS:
        assert rule.low < rule.high
        assert all(rule.policy(setting, arrivals).interval_s > 0.0 for setting in (rule.low, rule.high))


def test_a_minute_is_served_by_ours_and_the_clairvoyant() -> None:
    arrivals = Arrivals.drawn(np.linspace(0.0, 60.0, 20), np.full(20, 200), np.full(20, 3))
    for name in (OURS, ORACLE):
        rule = next(each for each in CONTESTANTS if each.name == name)
        found = run(rule.policy(rule.low, arrivals), arrivals, 0)
        assert 0.0 <= found.worst_day <= found.kept <= 1.0
        assert 0.0 < found.gpu_hours <= 4 * MOST * 0.1
        assert "reversals a day" in told(found)


def test_a_folder_without_the_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="servegen"):
        recorded_days(tmp_path)


@pytest.mark.skipif(not (DATA / "servegen").exists(), reason="needs ../shared/data/servegen")
def test_the_recorded_day_is_drawn_at_the_rate_asked_for() -> None:
    assert recorded_days(DATA) >= 1
    day = Days(first=0, count=1).arrivals(DATA, 0, rate_rps=1.0)
    assert len(day) == pytest.approx(86_400, rel=0.1)
    assert 0.0 <= day.at[0] <= day.at[-1] <= 86_400.0
