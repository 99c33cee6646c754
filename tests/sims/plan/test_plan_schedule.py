"""The day's shape, and replicas by the hour."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.arrivals import Arrivals
from sims.plan.outcome import Design, Part, Schedule
from sims.plan.programme import Counts
from sims.plan.schedule import HOURS, MORE, hourly_load, pro_rata, schedule, thinner
from sims.plan.work import work_of
from tests.sims.plan.plans import asked, columns, kinds, traffic


def day(low: float = 1.0, high: float = 4.0) -> Arrivals:
    """A day whose nights are quiet."""
    rates = np.where((np.arange(24) >= 8) & (np.arange(24) < 20), high, low) / 60.0
    at = np.concatenate([3600.0 * hour + np.arange(int(3600 * rate)) / rate for hour, rate in enumerate(rates)])
    return Arrivals.drawn(at, np.full(len(at), 500), np.full(len(at), 50))


def test_a_short_trace_has_no_daily_shape() -> None:
    assert hourly_load(columns(100)) == ()


def test_a_day_has_24_numbers_with_the_busiest_at_one() -> None:
    load = hourly_load(day())
    assert len(load) == HOURS
    assert max(load) == 1.0
    assert load[3] == pytest.approx(0.25, abs=0.03)
    assert load[12] == pytest.approx(1.0, abs=0.03)


def planned(load: tuple[float, ...], meets: bool = True) -> tuple[list[float], Schedule | None]:
    """A schedule for 8 H100s and 4 L40S; what was asked of the simulation."""
    request = asked("h100-sxm", "l40s")
    work = work_of(kinds(request), traffic(rate=150.0).analytic, request)
    counts: Counts = (8, 4)
    parts = [Part(kind=kind, replicas=n) for kind, n in zip(work.kinds, counts, strict=True)]
    heard: list[float] = []
    design = Design(name="mixed", parts=tuple(parts))

    def verified(fewer: Counts, factor: float) -> bool:
        heard.append(factor)
        return meets or len(heard) > 2

    return heard, schedule(load, design, thinner(work, counts), verified)


LOAD = tuple(0.25 if hour < 8 else 1.0 for hour in range(24))


def test_quiet_hours_have_fewer_replicas_and_busy_ones_all() -> None:
    heard, found = planned(LOAD)
    assert found is not None
    assert found.replicas[12] == (8, 4)
    assert sum(found.replicas[3]) < 6
    assert heard == [0.25, 1.0]


def test_following_the_day_is_cheaper_than_not() -> None:
    _, found = planned(LOAD)
    assert found is not None
    assert found.usd_per_month < 730.0 * (8 * 4.5 + 4 * 1.86)


def test_hours_that_miss_the_deadlines_get_more() -> None:
    _, first = planned(LOAD)
    heard, second = planned(LOAD, meets=False)
    assert len(heard) > 2
    assert first is not None
    assert second is not None
    assert sum(second.replicas[3]) >= sum(first.replicas[3])


@pytest.mark.parametrize("load", [(), (0.95,) * 24])
def test_a_steady_or_unknown_day_needs_no_schedule(load: tuple[float, ...]) -> None:
    assert planned(load)[1] is None


def test_hours_that_miss_whatever_is_added_have_no_schedule_rather_than_an_unverified_one() -> None:
    (kind,) = kinds(asked())
    design = Design(name="one", parts=(Part(kind=kind, replicas=8),))
    tried: list[Counts] = []

    def never(fewer: Counts, factor: float) -> bool:
        tried.append(fewer)
        return False

    assert schedule(LOAD, design, pro_rata((8,)), never) is None
    assert len(tried) == len(MORE)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=4), st.floats(0.01, 2.0))
def test_pools_that_shrink_alike_keep_one_replica_and_never_more_than_all(counts: list[int], factor: float) -> None:
    thin = pro_rata(tuple(counts))
    for n, left in zip(counts, thin(factor), strict=True):
        assert 1 <= left <= n
        assert left >= min(n, factor * n) - 1e-9
    assert thin(1.0) == tuple(counts)


def test_a_schedule_names_the_hours_that_were_simulated() -> None:
    load = tuple(0.2 + 0.03 * hour for hour in range(24))
    _, found = planned(load)
    assert found is not None
    quietest, middle = found.verified_hours
    assert quietest == 0
    assert middle == 12


def test_the_load_of_an_hour_is_its_busiest_ten_minutes_whatever_the_day() -> None:
    burst = np.concatenate([day().at, 3600.0 * 4 + np.arange(400) * 0.1])
    at = np.sort(burst)
    load = hourly_load(Arrivals.drawn(at, np.full(len(at), 500), np.full(len(at), 50)))
    assert load[4] == 1.0
    assert load[3] < 0.5
