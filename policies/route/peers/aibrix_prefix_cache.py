"""AIBrix's prefix-cache: the best match among replicas no busier than the mean and one standard deviation.

Source: AIBrix e3e10f9 (2026-08-22), prefix-cache with the code's defaults (its README says 16 requests and 2
deviations). If max - min requests in flight > spread: the fewest in flight. Otherwise replicas that match, by whole
percents of the prompt, then by load; the first with load <= mean + deviations x sigma over all candidates; if none, the
fewest in flight. Requests in flight are the gateway's own running count, not a scraped one; its table holds 200,000
blocks of 128 characters, 32 tokens each, for all replicas together, here for each.
"""

from dataclasses import dataclass
from math import floor, sqrt
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import HBM, RUNNING, WAITING, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask
from policies.route.least_loaded import kernel as least_loaded
from policies.route.peers.sglang_cache_aware import load_bounds
from policies.ties import better, drawn

LOADS = 2.0**20  # more requests than a replica ever has in flight: a percent of match outweighs any load


@compilable
def load_bound(ask: Ask, fleet: Table, deviations: float) -> float:
    """Mean + so many standard deviations of the requests in flight, over the eligible replicas.

    Sums of whole numbers, so that the order of the replicas does not matter.
    """
    n, total, squares = 0.0, 0.0, 0.0
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            load = fleet[i, RUNNING] + fleet[i, WAITING]
            n, total, squares = n + 1.0, total + load, squares + load * load
    n = max(n, 1.0)
    return float((total + deviations * sqrt(max(n * squares - total * total, 0.0))) / n)


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Best match within the bound on load, unless the loads lie far apart or nobody matches."""
    fewest, most = load_bounds(ask, fleet)
    best, highest, least, ties = -1, 0.0, 0, 0
    if most - fewest <= settings[0]:
        bound = load_bound(ask, fleet, settings[1])
        for i in range(len(fleet)):
            load = fleet[i, RUNNING] + fleet[i, WAITING]
            if cached[i, HBM] > 0.0 and load <= bound and eligible(ask, fleet, i):
                percent = floor(100.0 * cached[i, HBM] / max(ask.prompt_tokens, 1.0))
                value = percent * LOADS - load
                best, highest, least, ties = better(best, highest, least, ties, i, value, drawn(ask, fleet, i))
    if best >= 0:
        return best, 1.0 / ties
    row, propensity = least_loaded(ask, fleet, cached, settings, now)
    return row, propensity


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class AibrixPrefixCache(Routing):
    """Best match within a bound on load."""

    spread: float = 8.0  # requests between the busiest and the idlest above which load alone decides
    deviations: float = 1.0  # standard deviations above the mean load that a match may have

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "AIBrix"
    breaks: ClassVar[dict[str, str]] = {
        "load_repels": "a replica that takes on more work can narrow the spread of loads, or raise the fewest in "
        "flight, and so put another's match out of bounds or end the rule of load alone: it may then be chosen itself"
    }
    reads_cache: ClassVar[str] = "history"
    history_tokens: ClassVar[int] = 200_000 * 32
