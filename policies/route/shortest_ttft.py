"""The least predicted seconds: time to the first token, and what the request's tokens would take past their deadline.

Everything else follows: a cached prefix is seconds saved, a queue is seconds spent, a slow GPU is seconds spent, and
a full batch is seconds per token. Replicas within a hair of the best are drawn from by hash, so that routers which do
not see each other's last sends do not herd.
"""

from dataclasses import dataclass
from math import exp, log
from math import floor as floor_of
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import KEY, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible, tpot_seconds, ttft_seconds
from policies.request import Ask, mix31


@compilable
def late_seconds(ask: Ask, fleet: Table, settings: Settings, i: int) -> float:
    """Seconds by which replica i's tokens would come after their deadlines, all expected tokens together."""
    late = tpot_seconds(ask, fleet, i) - settings[2] * ask.tpot_deadline_s
    return max(late, 0.0) * ask.expected_tokens


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Least predicted seconds, in steps of settings[0] of a second's logarithm; within one step the hash decides.

    Steps rather than distances from the best: one pass, and the answer does not depend on the order of replicas.
    """
    step, floor = settings[0], settings[1]
    chosen, least, near, best, edge = -1, 0, 0, 0.0, 1.0e300
    for i in range(len(fleet)):
        if not eligible(ask, fleet, i):
            continue
        seconds = ttft_seconds(ask, fleet, cached, i)
        if seconds < edge:
            seconds += late_seconds(ask, fleet, settings, i)
        if seconds >= edge:
            continue
        level = floor_of(log((seconds + floor) / floor) / step)
        draw = mix31(int(fleet[i, KEY]), int(ask.coin))
        if chosen < 0 or level < best:
            chosen, least, near, best = i, draw, 1, level
            edge = exp((level + 1.0) * step) * floor - floor
        else:
            near += 1
            if draw < least:
                chosen, least = i, draw
    return chosen, 1.0 / max(near, 1)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class ShortestTtft(Routing):
    """Predicted seconds; the default."""

    near: float = 0.02  # relative difference that the prediction cannot tell apart ...
    near_s: float = 0.05  # ... for predictions well above so many seconds; near x near_s is the difference at zero
    tpot_margin: float = 0.8  # share of the deadline per token that may be used before lateness counts

    kernel: ClassVar[Kernel] = staticmethod(kernel)
