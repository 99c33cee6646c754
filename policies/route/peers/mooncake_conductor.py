"""Mooncake's conductor: least time to first token = fetching the prefix + queue + computing the rest.

Source: Mooncake's paper (arXiv 2407.00079), algorithm 1; the open conductor (3b5a594, 2026-08-22) is an index without a
scheduler. For each prefill instance: where the best prefix within reach is less than `balancing` times the local one,
queue + prefill from the local prefix; otherwise transfer of the difference + queue + prefill from the best. Queue is
the time to compute the prompts ahead. The local prefix is in GPU or host memory, whose loading the paper hides behind
the computing; the best is what the replica can fetch over the network, the REMOTE tier: in a fleet that shares no
store, the local one. The paper gives `balancing` no value; 2 is ours. It refuses requests whose forecast misses the
SLO: here that is admission's to say.
"""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import (
    ATTENTION_S,
    HOST,
    PREFILL_BASE_S,
    QUEUED_ATTENDED,
    QUEUED_TOKENS,
    REMOTE,
    REMOTE_LOAD_S,
    SLOWDOWN,
    TOKEN_S,
    WAITING,
    Table,
)
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask
from policies.ties import better, drawn


@compilable
def prefill_seconds(fleet: Table, i: int, prompts: float, tokens: float, attended: float) -> float:
    """Seconds for replica i to compute so many prompts of so many tokens and pairs attended to, in all."""
    tokens_s = fleet[i, TOKEN_S] * tokens + fleet[i, ATTENTION_S] * attended
    return float(fleet[i, SLOWDOWN] * (fleet[i, PREFILL_BASE_S] * prompts + tokens_s))


@compilable
def queue_seconds(fleet: Table, i: int) -> float:
    """Seconds of prefill ahead of a new prompt on replica i."""
    return prefill_seconds(fleet, i, fleet[i, WAITING], fleet[i, QUEUED_TOKENS], fleet[i, QUEUED_ATTENDED])


@compilable
def first_token_seconds(ask: Ask, fleet: Table, cached: Cached, balancing: float, i: int) -> float:
    """Algorithm 1's TTFT of this request on instance i."""
    held, within_reach = cached[i, HOST], cached[i, REMOTE]
    transfer_s = 0.0
    if within_reach > held and within_reach >= balancing * held:
        transfer_s = fleet[i, REMOTE_LOAD_S] * (within_reach - held)
        held = within_reach
    mine = max(ask.prompt_tokens - held, 1.0)
    attended = mine * (ask.prompt_tokens - mine * 0.5)
    return transfer_s + queue_seconds(fleet, i) + prefill_seconds(fleet, i, 1.0, mine, attended)


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Least TTFT; ties by hash."""
    best, highest, least, ties = -1, 0.0, 0, 0
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            value = -first_token_seconds(ask, fleet, cached, settings[0], i)
            best, highest, least, ties = better(best, highest, least, ties, i, value, drawn(ask, fleet, i))
    return best, 1.0 / max(ties, 1)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class MooncakeConductor(Routing):
    """Least TTFT of algorithm 1."""

    balancing: float = 2.0  # kvcache_balancing_threshold: the best prefix over the local one, from which it is fetched

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "Mooncake"
