"""The day's shape, and replicas by the hour."""

import numpy as np
import pytest

from sims.arrivals import Arrivals
from sims.plan.outcome import Part
from sims.plan.programme import Counts
from sims.plan.schedule import HOURS, hourly_load, schedule
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


def planned(load: tuple[float, ...], meets: bool = True) -> tuple[list[float], object]:
    """A schedule for 8 H100s and 4 L40S; what was asked of the simulation."""
    request = asked("h100-sxm", "l40s")
    work = work_of(kinds(request), traffic(rate=150.0).analytic, request)
    counts: Counts = (8, 4)
    parts = [Part(kind=kind, replicas=n) for kind, n in zip(work.kinds, counts, strict=True)]
    heard: list[float] = []

    def verified(fewer: Counts, factor: float) -> bool:
        heard.append(factor)
        return meets or len(heard) > 2

    return heard, schedule(load, parts, counts, work, request, verified)


LOAD = tuple(0.25 if hour < 8 else 1.0 for hour in range(24))


def test_quiet_hours_have_fewer_replicas_and_busy_ones_all() -> None:
    heard, found = planned(LOAD)
    assert found is not None
    assert found.replicas[12] == (8, 4)  # type: ignore[attr-defined]
    assert sum(found.replicas[3]) < 6  # type: ignore[attr-defined]
    assert heard == [0.25, 1.0]


def test_following_the_day_is_cheaper_than_not() -> None:
    _, found = planned(LOAD)
    assert found.usd_per_month < 730.0 * (8 * 4.5 + 4 * 1.86)  # type: ignore[attr-defined]


def test_hours_that_miss_the_deadlines_get_more() -> None:
    _, first = planned(LOAD)
    heard, second = planned(LOAD, meets=False)
    assert len(heard) > 2
    assert sum(second.replicas[3]) >= sum(first.replicas[3])  # type: ignore[attr-defined]


@pytest.mark.parametrize("load", [(), (0.95,) * 24])
def test_a_steady_or_unknown_day_needs_no_schedule(load: tuple[float, ...]) -> None:
    assert planned(load)[1] is None
