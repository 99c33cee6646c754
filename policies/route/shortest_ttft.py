"""The least predicted seconds: time to the first token, and a share of the seconds after it, its own and the others'.

Everything else follows: a cached prefix is seconds saved, a queue is seconds spent, a slow GPU is seconds spent. The
time to the first token alone would be selfish: an idle slow replica wins it with a request whose every token is then
slow, a busy fast one with a prompt that stalls everybody decoding there, and the fleet finishes less. Replicas within
a hair of the best are drawn from by hash, so that routers which do not see each other's last sends do not herd.
"""

from dataclasses import dataclass
from math import exp, log
from math import floor as floor_of
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import FRONTEND_S, HBM, KEY, REMOTE, RUNNING, SEQUENCE_S, SLOWDOWN, TOKEN_S, WAITING, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import delay_to_others_seconds, eligible, tpot_seconds, ttft_seconds
from policies.request import Ask, mix31


@compilable
def later_seconds(ask: Ask, fleet: Table, cached: Cached, settings: Settings, i: int) -> float:
    """Seconds after the first token that count: the request's own decoding, and what it costs those already there."""
    own = settings[2] * tpot_seconds(ask, fleet, i) * ask.expected_tokens
    return float(own + settings[3] * delay_to_others_seconds(ask, fleet, cached, i))


@compilable
def least_seconds(ask: Ask, fleet: Table, cached: Cached, settings: Settings, i: int) -> float:
    """A bound that replica i's seconds are never below, at a third of their cost: its own prompt, and what that and
    its tokens cost the others, but no queue, no attention and no decoding of its own.
    """
    tokens = max(ask.prompt_tokens - max(cached[i, HBM], cached[i, REMOTE]), 0.0)
    prompt_s = fleet[i, SLOWDOWN] * fleet[i, TOKEN_S] * tokens
    others = settings[3] * (fleet[i, RUNNING] + fleet[i, WAITING])
    steps_s = fleet[i, SLOWDOWN] * fleet[i, SEQUENCE_S] * ask.expected_tokens
    return float(fleet[i, FRONTEND_S] + 0.999 * (prompt_s + others * (prompt_s + steps_s)))


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Least predicted seconds, in steps of settings[0] of a second's logarithm; within one step the hash decides.

    Steps rather than distances from the best: one pass, and the answer does not depend on the order of replicas.
    """
    step, floor = settings[0], settings[1]
    chosen, least, near, best, edge = -1, 0, 0, 0.0, 1.0e300
    for i in range(len(fleet)):
        if not eligible(ask, fleet, i) or least_seconds(ask, fleet, cached, settings, i) >= edge:
            continue
        seconds = ttft_seconds(ask, fleet, cached, i)
        if seconds < edge:
            seconds += later_seconds(ask, fleet, cached, settings, i)
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
    own: float = 0.1  # what a second of the request's own decoding weighs against one before its first token ...
    others: float = 0.1  # ... and a second that another request loses by it

    kernel: ClassVar[Kernel] = staticmethod(kernel)
