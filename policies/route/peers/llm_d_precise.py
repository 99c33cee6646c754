"""llm-d with its precise prefix scorer: prefix 3, KV 2, queue 2; prefixes from KV events, load as last scraped.

Source: llm-d-router ebab687 (2026-08-22), precise-prefix-cache-scorer with the default profile's weights. To the load
scores (see `llm_d_load`) comes prefix x (blocks held / blocks of the prompt): the longest run from the first block on,
a block in GPU memory counts 1.0, one in host memory 0.8. Older releases stretched the scores of the replicas that hold
anything to [0, 1] by their least and greatest, so that the shortest of two prefixes was worth nothing: left out.
Speculative entries, off by default, are left out too.
"""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import Table
from policies.policy import Kernel, Routing, Settings, route
from policies.request import Ask
from policies.route.peers.llm_d_load import best_score


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Highest score for a held prefix, free KV and a short queue."""
    return best_score(ask, fleet, cached, settings[0], settings[3], settings[1], settings[2], ask.prompt_tokens)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class LlmDPrecise(Routing):
    """Precise prefix, KV and queue scorers."""

    prefix: float = 3.0  # weight of the precise-prefix-cache-scorer
    kv: float = 2.0  # weight of the kv-cache-utilization-scorer
    queue: float = 2.0  # weight of the queue-scorer
    host: float = 0.8  # what a block in host memory counts beside one in GPU memory

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "llm-d"
    reads_load: ClassVar[str] = "scraped"
