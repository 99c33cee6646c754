"""The least predicted seconds: time to the first token, and a share of the seconds after it, its own and the others'.

Everything else follows: a cached prefix is seconds saved, a queue is seconds spent, a slow GPU is seconds spent. The
time to the first token alone would be selfish: an idle slow replica wins it with a request whose every token is then
slow, a busy fast one with a prompt that stalls everybody decoding there, and the fleet finishes less. Where tokens come
well ahead of their deadline those seconds hardly count: nothing is lost by them, and the first token gets all. A long
prefix that another replica holds is not lightly computed again on a busy one: whoever comes meanwhile waits. Replicas
within a hair of the best are drawn from by hash, so that routers which do not see each other's last sends do not herd.

A prefill replica is priced with the decode replica that is best now, see `policies.split`; it has to be better by more
than the prediction can tell apart, or a transfer is risked for nothing.
"""

from dataclasses import dataclass
from math import exp, log
from math import floor as floor_of
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import (
    ATTENTION_S,
    FRONTEND_S,
    HBM,
    KEY,
    MIXED,
    PREFILL,
    REMOTE,
    ROLE,
    RUNNING,
    SLOWDOWN,
    TOKEN_S,
    TRANSFER_S,
    WAITING,
    Table,
)
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import (
    computes,
    delay_to_others_seconds,
    pressure,
    saved_by_tiers,
    step_at,
    tpot_seconds,
    ttft_seconds,
)
from policies.request import Ask, mix31
from policies.split import COMFORT, NEVER_S, OTHERS, OWN, best_decode, prefill_seconds


@compilable
def later_seconds(ask: Ask, fleet: Table, cached: Cached, settings: Settings, i: int) -> float:
    """Seconds after the first token that count: the request's own decoding, and what it costs those already there."""
    step_s = tpot_seconds(ask, fleet, i)
    own = settings[2] * step_s * ask.expected_tokens
    others = settings[3] * delay_to_others_seconds(ask, fleet, cached, i)
    return float(pressure(ask, step_s, settings[4]) * (own + others))


@compilable
def least_seconds(ask: Ask, fleet: Table, cached: Cached, i: int) -> float:
    """A bound that replica i's seconds are never below, at a fifth of their cost: its own prompt alone."""
    tokens = max(ask.prompt_tokens - max(cached[i, HBM], cached[i, REMOTE]), 0.0)
    return float(fleet[i, FRONTEND_S] + 0.999 * fleet[i, SLOWDOWN] * fleet[i, TOKEN_S] * tokens)


@compilable
def most_held(ask: Ask, fleet: Table, cached: Cached) -> float:
    """The most tokens of the prompt that any replica holds which may serve it."""
    most = 0.0
    for i in range(len(fleet)):
        held = max(cached[i, HBM], cached[i, REMOTE])
        if held > most and computes(ask, fleet, i):
            most = held
    return most


@compilable
def repeated_seconds(ask: Ask, fleet: Table, cached: Cached, held: float, i: int) -> float:
    """Seconds in which replica i computes again what another one, holding so many tokens, need not."""
    here = cached[i, HBM] + saved_by_tiers(ask, fleet, cached, i)[0]
    tokens = max(min(held, ask.prompt_tokens - 1.0) - here, 0.0)
    attended = tokens * (here + 0.5 * tokens)
    return float(fleet[i, SLOWDOWN] * (fleet[i, TOKEN_S] * tokens + fleet[i, ATTENTION_S] * attended))


@compilable
def delay_to_coming_seconds(ask: Ask, fleet: Table, cached: Cached, held: float, i: int) -> float:
    """Seconds that those lose, all together, who come to replica i while it computes again what another one holds.

    As many come in those seconds as leave: all who are there in the time that one answer takes. That time is taken
    without what they attend to, or a replica would be the better the longer the answers of its others take.
    """
    again_s, there = repeated_seconds(ask, fleet, cached, held, i), fleet[i, RUNNING] + fleet[i, WAITING]
    if again_s <= 0.0 or there <= 0.0:
        return 0.0
    answer_s = max(ask.expected_tokens, 1.0) * step_at(fleet, i, there, 0.0, 0.0, 0.0)
    return float(there / answer_s * again_s * again_s)


@compilable
def weighed(
    ask: Ask, fleet: Table, step: float, floor: float, i: int, seconds: float,
    chosen: int, least: int, near: int, best: float, edge: float,
) -> tuple[int, int, int, float, float]:  # fmt: skip
    """The chosen row, its draw, how many are as good, their level and the seconds at its end, replica i seen too."""
    level = float(floor_of(log((seconds + floor) / floor) / step))
    draw = mix31(int(fleet[i, KEY]), int(ask.coin))
    if chosen < 0 or level < best:
        return i, draw, 1, level, exp((level + 1.0) * step) * floor - floor
    if draw < least:
        return i, draw, near + 1, best, edge
    return chosen, least, near + 1, best, edge


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Least predicted seconds, in steps of settings[0] of a second's logarithm; within one step the hash decides.

    Steps rather than distances from the best: the answer does not depend on the order of replicas. Those that only
    compute prompts are looked at in a pass of their own, where there are any.
    """
    step, floor = settings[0], settings[1]
    chosen, least, near, best, edge, parted = -1, 0, 0, 0.0, NEVER_S, False
    held = most_held(ask, fleet, cached)
    for i in range(len(fleet)):
        if fleet[i, ROLE] != MIXED:
            parted = parted or fleet[i, ROLE] == PREFILL
            continue
        if not computes(ask, fleet, i) or least_seconds(ask, fleet, cached, i) >= edge:
            continue
        seconds = ttft_seconds(ask, fleet, cached, i)
        if seconds < edge:
            seconds += settings[5] * delay_to_coming_seconds(ask, fleet, cached, held, i)
            seconds += later_seconds(ask, fleet, cached, settings, i)
        if seconds < edge:
            chosen, least, near, best, edge = weighed(
                ask, fleet, step, floor, i, seconds, chosen, least, near, best, edge
            )
    link_s, after_s = -1.0, NEVER_S  # of the last prefill replica: its link, and the seconds once it has computed
    for i in range(len(fleet) if parted else 0):
        if fleet[i, ROLE] != PREFILL or not computes(ask, fleet, i) or least_seconds(ask, fleet, cached, i) >= edge:
            continue
        if fleet[i, TRANSFER_S] != link_s:
            link_s = fleet[i, TRANSFER_S]
            after_s = best_decode(ask, fleet, link_s, settings[2], settings[3], settings[4])[1]
        seconds = (prefill_seconds(ask, fleet, cached, i) + after_s + floor) * exp(step) - floor
        if seconds < edge:
            chosen, least, near, best, edge = weighed(
                ask, fleet, step, floor, i, seconds, chosen, least, near, best, edge
            )
    return chosen, 1.0 / max(near, 1)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class ShortestTtft(Routing):
    """Predicted seconds; the default."""

    near: float = 0.02  # relative difference that the prediction cannot tell apart ...
    near_s: float = 0.05  # ... for predictions well above so many seconds; near x near_s is the difference at zero
    own: float = OWN  # what a second of the request's own decoding weighs against one before its first token ...
    others: float = OTHERS  # ... and a second that another request loses by it
    comfort: float = COMFORT  # share of the TPOT deadline from which those two count in full
    coming: float = 8.0  # ... and one of those who come while it computes again what another replica holds: half a
    # second each at first, and what a busy replica passes on to those behind them

    kernel: ClassVar[Kernel] = staticmethod(kernel)
