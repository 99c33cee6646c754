"""SGLang's cache-aware routing: the longest prefix sent before, unless the fleet is out of balance.

Source: sgl-model-gateway and SMG 73da68c (2026-08-07), cache_aware with the command line's defaults (the library's are
0.5, 32 and 1.1). Out of balance is max load - min load > absolute and max load > relative x min load; then the least
loaded replica. Otherwise the replica of the longest match if that is more than `match` of the prompt, else the least
loaded. Load is the router's own count of requests in flight. Older versions sent a miss to the smallest tree, which fed
on itself ("death spiral"); the trees hold 2^26 characters a worker, 4 to a token here.
"""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import HBM, RUNNING, WAITING, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask
from policies.route.least_loaded import kernel as least_loaded
from policies.ties import better, drawn


@compilable
def load_bounds(ask: Ask, fleet: Table) -> tuple[float, float]:
    """The fewest and the most requests in flight at an eligible replica."""
    least, most = 1.0e300, 0.0
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            load = fleet[i, RUNNING] + fleet[i, WAITING]
            least, most = min(least, load), max(most, load)
    return least, most


@compilable
def longest_match(ask: Ask, fleet: Table, cached: Cached, above: float) -> tuple[int, float]:
    """The eligible replica of the longest match, if that is more than so many tokens; ties by hash."""
    best, highest, least, ties = -1, 0.0, 0, 0
    for i in range(len(fleet)):
        if cached[i, HBM] > above and eligible(ask, fleet, i):
            draw = drawn(ask, fleet, i)
            best, highest, least, ties = better(best, highest, least, ties, i, cached[i, HBM], draw)
    return best, 1.0 / max(ties, 1)


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Longest match above the threshold while the loads are in balance, else least loaded."""
    fewest, most = load_bounds(ask, fleet)
    if not (most - fewest > settings[1] and most > settings[2] * fewest):
        row, propensity = longest_match(ask, fleet, cached, settings[0] * ask.prompt_tokens)
        if row >= 0:
            return row, propensity
    row, propensity = least_loaded(ask, fleet, cached, settings, now)
    return row, propensity


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class SglangCacheAware(Routing):
    """Longest match, or shortest queue out of balance."""

    match: float = 0.3  # cache_threshold: share of the prompt that must match
    absolute: float = 64.0  # balance_abs_threshold: requests between the busiest and the idlest ...
    relative: float = 1.5  # balance_rel_threshold: ... and times as many, before the loads count as out of balance

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "SGLang"
    reads_cache: ClassVar[str] = "history"
    history_tokens: ClassVar[int] = 2**26 // 4
