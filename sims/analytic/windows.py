"""Traffic that does not stay the same: a trace cut into windows, each sized as if it lasted."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from sims.analytic.traffic import Traffic
from sims.arrival import Arrival


def windows(arrivals: Iterable[Arrival], seconds: float) -> Iterator[Traffic]:
    """The traffic of each window of so many seconds, in order of time; windows with fewer than 2 requests are left out.

    The rate is the window's own; arrivals within it count as Poisson where they are calmer, because calm is what a
    short window shows by chance. Raises ValueError for a window that is not above 0.
    """
    if not seconds > 0.0:
        raise ValueError(f"a window lasts more than 0 s, not {seconds}")
    for _, group in groupby(arrivals, lambda one: int(one.at // seconds)):
        rows = list(group)
        if len(rows) > 1:
            yield _window(rows, seconds)


def busiest(arrivals: Iterable[Arrival], seconds: float) -> Traffic:
    """The window with the most tokens a second; raises ValueError when no window holds 2 requests."""
    found = max(windows(arrivals, seconds), key=lambda one: one.rate * one.mean(one.totals), default=None)
    if found is None:
        raise ValueError(f"no window of {seconds:g} s holds 2 arrivals: give a longer trace or window")
    return found


def _window(rows: list[Arrival], seconds: float) -> Traffic:
    traffic = Traffic.of(rows, rate=len(rows) / seconds)
    return replace(traffic, arrival_cv2=max(traffic.arrival_cv2, 1.0))
