"""Dynamo's KV router: least blocks to prefill and to decode beside, with credit for the blocks held.

Source: NVIDIA Dynamo 2a6da14 (workspace v1.5.0, 2026-08-21), default worker selector. In blocks,
cost(i) = scale x max(0, (active prefill tokens + prompt) / block - credit) + decode blocks, and
credit = overlap x blocks on the GPU + 0.75 x those in host memory beyond them; there is no disk tier here. The least
cost wins, ties at random; at a temperature above 0, the chance of i is softmax of -cost / temperature, costs stretched
to [0, 1]. Dynamo counts once a block that this request shares with one in flight; which blocks those are no table says,
so the prompt's own blocks are added in full, for every replica alike. Its decay of the credit, its weight for active
requests and its size bands are 0 or off by default and left out.
"""

from dataclasses import dataclass
from math import exp, floor, log
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import HBM, HOST, KV_USED, QUEUED_TOKENS, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import DRAWS, Ask
from policies.ties import better, drawn

UNIT = 2.0**40  # softmax weights are counted in 1/UNIT, whole: a sum of them does not depend on their order


@compilable
def cost_blocks(ask: Ask, fleet: Table, cached: Cached, settings: Settings, i: int) -> float:
    """Replica i's cost for this request, blocks."""
    credit = settings[0] * cached[i, HBM] + settings[1] * (cached[i, HOST] - cached[i, HBM])
    prefill = max(fleet[i, QUEUED_TOKENS] + ask.prompt_tokens - credit, 0.0)
    decode = fleet[i, KV_USED] + ask.prompt_tokens
    return float((settings[2] * prefill + decode) / settings[4])


@compilable
def cost_bounds(ask: Ask, fleet: Table, cached: Cached, settings: Settings) -> tuple[float, float]:
    """The least and the greatest cost of the eligible replicas, blocks."""
    least, most = 1.0e300, 0.0
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            cost = cost_blocks(ask, fleet, cached, settings, i)
            least, most = min(least, cost), max(most, cost)
    return least, most


@compilable
def sampled(ask: Ask, fleet: Table, cached: Cached, settings: Settings) -> tuple[int, float]:
    """A draw from the softmax: the greatest of -cost / temperature plus a Gumbel variate of each replica's own."""
    least, most = cost_bounds(ask, fleet, cached, settings)
    steep = 1.0 / ((most - least) * settings[3]) if most > least else 0.0
    chosen, greatest, mine, total = -1, 0.0, 0.0, 0.0
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            logit = (least - cost_blocks(ask, fleet, cached, settings, i)) * steep
            weight = floor(exp(logit) * UNIT) + 1.0
            total += weight
            logit -= log(-log((drawn(ask, fleet, i) + 0.5) / DRAWS))
            if chosen < 0 or logit > greatest:
                chosen, greatest, mine = i, logit, weight
    return chosen, mine / max(total, 1.0)


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Least cost, or a draw by cost where the temperature is above 0."""
    if settings[3] > 0.0:
        return sampled(ask, fleet, cached, settings)
    best, highest, least, ties = -1, 0.0, 0, 0
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            value = -cost_blocks(ask, fleet, cached, settings, i)
            best, highest, least, ties = better(best, highest, least, ties, i, value, drawn(ask, fleet, i))
    return best, 1.0 / max(ties, 1)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class DynamoCost(Routing):
    """Prefill blocks less the overlap's credit, plus decode blocks."""

    overlap: float = 1.0  # overlap_score_credit: a block held on the GPU, against one to compute
    host: float = 0.75  # host_cache_hit_weight: a block held in host memory
    scale: float = 1.0  # prefill_load_scale: a block to compute, against one in use
    temperature: float = 0.0  # router_temperature; 0: the least cost
    block_tokens: float = 16.0  # tokens of a block: no choice depends on it, only the size of the cost

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "Dynamo"
