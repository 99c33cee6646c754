"""Fewer replicas where the day is quiet: how many of each kind every hour needs."""

from collections.abc import Callable, Sequence

import numpy as np

from sims.arrivals import Arrivals
from sims.plan.asked import Asked
from sims.plan.outcome import HOURS_A_MONTH, Part, Schedule
from sims.plan.programme import Counts, utilisation
from sims.plan.traffic import Floats
from sims.plan.work import Work

HOURS = 24
LEAST_SPAN_S = 12 * 3600.0
SLICE_S = 600.0
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
    load: Sequence[float], parts: Sequence[Part], counts: Counts, work: Work, asked: Asked,
    meets: Callable[[Counts, float], bool],
) -> Schedule | None:  # fmt: skip
    """Replicas for each hour, none more than the plan has; None where the day is steady or unknown.

    An hour's fleet is as busy, by the corrected programme, as the plan's is at the peak; the quietest hour and the one
    at the middle are simulated, and what they lack is added to all hours.
    """
    if not load or min(load) > STEADY:
        return None
    full = utilisation(work, counts)
    used = [k for k, n in enumerate(counts) if n]
    ranked = sorted(range(HOURS), key=lambda hour: load[hour])
    checked = (ranked[0], ranked[HOURS // 2])
    more = 0.0
    while True:
        each = [_thinned(work, counts, factor * (1.0 + more), full) for factor in load]
        if more >= 0.5 or all(meets(each[hour], load[hour]) for hour in checked):
            break
        more += 0.1
    prices = np.array([kind.usd_per_hour for kind in work.kinds])
    usd = float(np.mean([float(np.dot(prices, one)) for one in each])) * HOURS_A_MONTH
    assert len(parts) == len(used)
    return Schedule(
        load=tuple(load), replicas=tuple(tuple(one[k] for k in used) for one in each), usd_per_month=usd,
        verified_hours=checked,
    )  # fmt: skip


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
