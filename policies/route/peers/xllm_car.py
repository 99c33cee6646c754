"""xLLM's CAR: the share of the prompt held, less KV in use, less the share of the longest queue.

Source: xLLM's service at HEAD (2026-08), cache-aware routing as meant: among the instances that hold any of the prompt
in any tier, score(i) = blocks held on the GPU / blocks of the prompt - KV used(i) - waiting(i) / max waiting; if none
holds any, the least KV in use. The load comes with the instances' heartbeats. The source divides integers, so that a
prefix counts only when whole and a queue only when the longest; forgets the longest queue where nobody matches; and
finds nobody in a pool that is full. None of that is meant.
"""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import HBM, KV_TOKENS, KV_USED, REMOTE, WAITING, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask
from policies.route.peers.llm_d_load import queue_bounds
from policies.ties import better, drawn


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Highest score among the holders; without any, least KV in use."""
    _, longest = queue_bounds(ask, fleet)
    best, highest, least, ties, anybody = -1, 0.0, 0, 0, False
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            holds = cached[i, REMOTE] > 0.0
            if holds and not anybody:
                best, anybody = -1, True
            if holds == anybody:
                score = -fleet[i, KV_USED] / max(fleet[i, KV_TOKENS], 1.0)
                if holds:
                    score += min(cached[i, HBM] / max(ask.prompt_tokens, 1.0), 1.0)
                    score -= fleet[i, WAITING] / max(longest, 1.0)
                best, highest, least, ties = better(best, highest, least, ties, i, score, drawn(ask, fleet, i))
    return best, 1.0 / max(ties, 1)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class XllmCar(Routing):
    """Cache-aware routing of xLLM, repaired."""

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "xLLM"
    reads_load: ClassVar[str] = "scraped"
