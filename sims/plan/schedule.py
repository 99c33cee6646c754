"""Fewer replicas where the day is quiet: how many of each kind every hour needs."""

from collections.abc import Callable, Sequence
from math import ceil

import numpy as np

from sims.arrivals import Arrivals
from sims.plan.outcome import HOURS_A_MONTH, Design, Schedule
from sims.plan.programme import Counts, utilisation
from sims.plan.traffic import Floats
from sims.plan.work import Work

HOURS = 24
LEAST_SPAN_S = 12 * 3600.0
SLICE_S = 600.0
MORE = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
"""What is added to the load, as a share, until the hours that are looked at meet the deadlines."""

STEADY = 0.9
"""A day whose quietest hour has more than this of the busiest needs no schedule."""


def hourly_load(arrivals: Arrivals) -> tuple[float, ...]:
    """The busiest ten minutes of each hour of the day, over the busiest of all; empty where the trace is too short."""
    if arrivals.span_s < LEAST_SPAN_S:
        return ()
    slots = ((arrivals.at - arrivals.at[0]) // SLICE_S).astype(np.int64)
    work: Floats = np.zeros(int(slots[-1]) + 1)
    np.add.at(work, slots, arrivals.prompt_tokens + 4.0 * arrivals.output_tokens)
    hours = (np.arange(len(work)) * SLICE_S // 3600.0).astype(np.int64) % HOURS
    most = np.array([work[hours == hour].max(initial=0.0) for hour in range(HOURS)])
    return tuple((most / most.max()).tolist())


def schedule(
    load: Sequence[float], design: Design, thin: Callable[[float], Counts], meets: Callable[[Counts, float], bool]
) -> Schedule | None:
    """Replicas of each part for each hour, none more than the design has; None where there is nothing to follow.

    That is a steady or unknown day, and one whose hours miss the deadlines with half as much again.

    `thin` says what carries a share of the load; the quietest hour and the one at the middle are simulated, and what
    they lack is added to all hours.
    """
    if not load or min(load) > STEADY:
        return None
    ranked = sorted(range(HOURS), key=lambda hour: load[hour])
    checked = (ranked[0], ranked[HOURS // 2])
    for more in MORE:
        each = tuple(thin(factor * (1.0 + more)) for factor in load)
        if all(meets(each[hour], load[hour]) for hour in checked):
            return Schedule(
                load=tuple(load), replicas=each, usd_per_month=_monthly(design, each), verified_hours=checked
            )
    return None


def _monthly(design: Design, each: Sequence[Counts]) -> float:
    prices = np.array([part.kind.usd_per_hour for part in design.parts])
    return float(np.mean([float(np.dot(prices, one)) for one in each])) * HOURS_A_MONTH


def thinner(work: Work, counts: Counts) -> Callable[[float], Counts]:
    """Takes replicas out, the dearest first, while those left are no busier than all are at the peak."""
    full = utilisation(work, counts)
    return lambda factor: _thinned(work, counts, factor, full)


def pro_rata(counts: Counts) -> Callable[[float], Counts]:
    """Takes the same share out of every pool: each has requests that no other serves."""
    return lambda factor: tuple(min(n, max(ceil(n * factor), 1)) for n in counts)


def _thinned(work: Work, counts: Counts, factor: float, full: float) -> Counts:
    """The plan with replicas taken out, the dearest first, while it stays no busier than `full` at that load."""
    if factor >= 1.0:
        return counts
    part, now = work.at_rate(factor), counts
    order = sorted(range(len(counts)), key=lambda k: -work.kinds[k].usd_per_hour)
    for k in order:
        while now[k] and sum(now) > 1:
            fewer = tuple(n - (i == k) for i, n in enumerate(now))
            if utilisation(part, fewer) > full:
                break
            now = fewer
    return now
