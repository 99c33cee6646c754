"""What missed its deadlines lately corrects the law that staffs: how many times its replicas are right.

The share of late answers goes as the load of a replica to a power, times what the law does not know of the traffic:
how many answers are so short that one prompt beside them makes them late, how bursty it is. That factor is what is
found here, over a day and over the last hour. The fewest replicas that keep a share over the whole time are not those
that keep it at every time: where lateness is dear to avoid a little more is let happen, so the hour counts for less.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from math import exp, log
from typing import Self

from policies.scale.capacity import Window
from policies.scale.horizontal import recent
from policies.scale.scaling import History, PoolState

STEEP = 2.6
"""The share of late answers goes as the load of a replica to this power: 2.2 to 2.8 over a simulated week."""

BELIEF = 2000.0
"""What was known before weighs as much as so many answers."""

LEAST, MOST = 0.5, 2.0
"""Bounds of the correction, and of what is allowed to make up for the day, in shares of themselves."""

Law = Callable[[Window], float]
"""The replicas that the latency model wants for what came; 0 where it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Answers of a pool that ended over some time, and those expected to be late of them."""

    judged: float
    late: float
    expected: float  # answers that would be late for each that may be, with the replicas there were

    @classmethod
    def of(cls, states: Sequence[PoolState], law: Law) -> Self:
        """Of neighbouring states, the latest first."""
        judged = float(sum(state.judged for state in states))
        ready = sum(state.ready for state in states) / len(states)
        wanted = law(Window.over(states)) if judged and ready else 0.0
        if not wanted:
            return cls(judged=0.0, late=0.0, expected=0.0)
        late = float(sum(state.late for state in states))
        return cls(judged=judged, late=late, expected=judged * exp(STEEP * log(wanted / ready)))

    def factor(self, allowed: float, before: float) -> float:
        """How many times as many are late as the law says, if it was so many times `before`."""
        return (self.late / allowed + BELIEF * before) / (self.expected + BELIEF)


def correction(
    history: History, pool: str, now: float, law: Law, *, allowed: float, hour_s: float, day_s: float
) -> float:
    """How many times the replicas of the law keep the late to a share; 1 where nothing is known of lateness."""
    hours = list(_hours(history, pool, now, law, hour_s, day_s))
    day = Seen(
        judged=sum(each.judged for each in hours),
        late=sum(each.late for each in hours),
        expected=sum(each.expected for each in hours),
    )
    if not day.judged:
        return 1.0
    may = allowance(day, allowed)
    usual = day.factor(may, 1.0)
    times = exp(log(usual) / STEEP + log(hours[0].factor(may, usual) / usual) / (STEEP + 1.0))
    return min(max(times, LEAST), MOST)


def allowance(day: Seen, allowed: float) -> float:
    """The share that may be late from now on, so that as many answers again make up for the day's."""
    found = (day.late / allowed + BELIEF) / (day.judged + BELIEF)
    return allowed * min(max(2.0 - found, LEAST), MOST)


def _hours(history: History, pool: str, now: float, law: Law, hour_s: float, day_s: float) -> list[Seen]:
    states, found = iter(list(recent(history, pool, now, day_s))), list[Seen]()
    count = max(round(hour_s / _interval(history)), 1)
    while part := list(islice(states, count)):
        found.append(Seen.of(part, law))
    return found


def _interval(history: History) -> float:
    later, before = (next(iter(states.values())).at for states in (history[-1], history[-2]))
    return max(later - before, 1e-3)
