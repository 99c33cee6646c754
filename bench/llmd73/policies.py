"""The benchmark's four policies: Weir's copies of llm-d's scorers with the report's weights, and chance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from bench.llmd73.published import APPROXIMATE, HISTORY_TOKENS, LOAD, MATCH_TOKENS, PRECISE, RANDOM
from policies.cached import Cached
from policies.fleet import Table
from policies.policy import Kernel, Routing, Settings, routing
from policies.request import Ask
from policies.route.peers.llm_d_load import best_score


def _kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    return best_score(ask, fleet, cached, settings[0], 0.0, settings[1], settings[2], float(MATCH_TOKENS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Approximate(Routing):
    """The prefix scorer of September 2025: it hashed characters, and looked at 256 blocks of 64 of them at most."""

    prefix: float = 1.0
    kv: float = 1.0
    queue: float = 1.0

    kernel: ClassVar[Kernel] = staticmethod(_kernel)
    origin: ClassVar[str] = "llm-d"
    reads_load: ClassVar[str] = "scraped"
    reads_cache: ClassVar[str] = "history"
    history_tokens: ClassVar[int] = HISTORY_TOKENS
    history_match_tokens: ClassVar[int] = MATCH_TOKENS


POLICIES: Mapping[str, Routing] = {
    PRECISE: routing("llm_d_precise", {"prefix": 3.0, "kv": 2.0, "queue": 2.0}),
    APPROXIMATE: Approximate(),
    RANDOM: routing("random"),
    LOAD: routing("llm_d_load", {"kv": 1.0, "queue": 1.0}),
}
