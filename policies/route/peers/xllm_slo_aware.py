"""xLLM's SLO_AWARE on replicas that do both phases: the shortest prefill queue among those that keep the TPOT.

Source: xLLM's service at HEAD (2026-08) and its report. There, prefill goes to the instance with the least predicted
seconds of unfinished prefills; decode to the first whose TPOT(tokens, requests) with this request keeps target_tpot
(50 ms), else to the least TPOT; prefill spills over to a decode instance past target_ttft, and instances change role.
A replica here does both phases of a request and changes no role, which leaves: of those that keep the target, the least
seconds of prefill ahead; if none does, the least TPOT. The estimates come from the table instead of fits at start: TTFT
quadratic in length, TPOT linear in requests and tokens. The source compares whole milliseconds, takes the first by
index, which packs the low ones, and ignores prefix hits in its queue. None of that is meant: ties go by hash, and
queued tokens are those not cached.
"""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible, tpot_seconds
from policies.request import Ask
from policies.route.peers.mooncake_conductor import queue_seconds
from policies.ties import better, drawn


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Least prefill ahead among replicas whose TPOT keeps the target, else the least TPOT."""
    best, highest, least, ties, keeps = -1, 0.0, 0, 0, False
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            tpot_s = tpot_seconds(ask, fleet, i)
            within = tpot_s <= settings[0]
            if within and not keeps:
                best, keeps = -1, True
            if within == keeps:
                value = -queue_seconds(fleet, i) if keeps else -tpot_s
                best, highest, least, ties = better(best, highest, least, ties, i, value, drawn(ask, fleet, i))
    return best, 1.0 / max(ties, 1)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class XllmSloAware(Routing):
    """Shortest prefill queue that keeps the time per output token."""

    tpot_s: float = 0.05  # target_tpot, seconds

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "xLLM"
    uses_cached: ClassVar[bool] = False
