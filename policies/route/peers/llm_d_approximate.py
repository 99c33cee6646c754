"""llm-d with its approximate prefix scorer: prefix 1, KV 1, queue 1; prefixes from what it sent where.

Source: llm-d-router ebab687 (2026-08-22), prefix-cache-scorer (matchLengthWeight 0) on the approximate producer: to the
load scores (see `llm_d_load`) comes prefix x (blocks matched / blocks of the prompt). The producer keeps the 31,250
blocks of 64 tokens that it last sent to each server, and looks at no more than a prompt's first 2,048 blocks, 131,072
tokens; Gateway API Inference Extension looked at 256.
"""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import Table
from policies.policy import Kernel, Routing, Settings, route
from policies.request import Ask
from policies.route.peers.llm_d_load import best_score

BLOCK_TOKENS = 64
MATCH_TOKENS = 2048 * BLOCK_TOKENS


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Highest score for a prefix sent there before, free KV and a short queue."""
    return best_score(ask, fleet, cached, settings[0], 0.0, settings[1], settings[2], MATCH_TOKENS)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class LlmDApproximate(Routing):
    """Approximate prefix, KV and queue scorers."""

    prefix: float = 1.0  # weight of the prefix-cache-scorer
    kv: float = 1.0  # weight of the kv-cache-utilization-scorer
    queue: float = 1.0  # weight of the queue-scorer

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "llm-d"
    reads_load: ClassVar[str] = "scraped"
    reads_cache: ClassVar[str] = "history"
    history_tokens: ClassVar[int] = 31_250 * BLOCK_TOKENS
    history_match_tokens: ClassVar[int] = MATCH_TOKENS
