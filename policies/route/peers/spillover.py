"""fleet-sim's spillover router: by length, but short requests go to the long pool while the short one is full.

Source: vllm-project/semantic-router's fleet-sim (HEAD, 2026-08), SpilloverRouter: `length_split`, except that a short
request goes long when the short pool's pressure is at least spill, 0.85. Meant, by its documentation, is the share of
the pool's slots in use, and that is built here: running + waiting over the slots, of which a replica has as many as
requests of `threshold` tokens fit its KV cache, at most its max_seqs. The code divides by GPUs instead of slots and so
spills at less than one request a GPU; its guides say 1, 2 or 5.
"""

from dataclasses import dataclass
from math import floor
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import KV_TOKENS, MAX_SEQS, POOL, RUNNING, WAITING, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask
from policies.route.peers.length_split import least_queue, short_and_long, total_tokens


@compilable
def pressure(ask: Ask, fleet: Table, pool: float, slot_tokens: float) -> float:
    """Requests in flight over slots, of a pool's eligible replicas together."""
    requests, slots = 0.0, 0.0
    for i in range(len(fleet)):
        if fleet[i, POOL] == pool and eligible(ask, fleet, i):
            requests += fleet[i, RUNNING] + fleet[i, WAITING]
            slots += max(min(floor(fleet[i, KV_TOKENS] / slot_tokens), fleet[i, MAX_SEQS]), 1.0)
    return float(requests / max(slots, 1.0))


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """The least queue of the short pool while the request fits and there is room, else of the long one."""
    short, long = short_and_long(ask, fleet)
    fits = total_tokens(ask) <= settings[0]
    if fits and pressure(ask, fleet, short, settings[0]) < settings[1]:
        return least_queue(ask, fleet, short)
    return least_queue(ask, fleet, long)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class Spillover(Routing):
    """Two pools by total length and room."""

    threshold: float = 4096.0  # B: the most tokens, prompt and output, of the short pool's requests
    spill: float = 0.85  # share of the short pool's slots in use from which short requests go long

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "fleet-sim"
    uses_cached: ClassVar[bool] = False
