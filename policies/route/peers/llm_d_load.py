"""llm-d's load scorers alone: shortest queue and least KV in use, weighed 1 and 1, as the engines last reported.

Source: llm-d-router ebab687 (2026-08-22), queue-scorer, kv-cache-utilization-scorer and max-score picker, which Gateway
API Inference Extension had before it. Over the candidates, score(i) = queue x (max q - q(i)) / (max q - min q) +
kv x (1 - KV used(i)); the queue's part is 1 for all where all queues are equal. The best wins, ties at random.
"""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import HBM, HOST, KV_TOKENS, KV_USED, WAITING, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask
from policies.ties import better, drawn


@compilable
def queue_bounds(ask: Ask, fleet: Table) -> tuple[float, float]:
    """The shortest and the longest queue of the eligible replicas, requests."""
    least, most = 1.0e300, 0.0
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            least, most = min(least, fleet[i, WAITING]), max(most, fleet[i, WAITING])
    return least, most


@compilable
def load_score(fleet: Table, i: int, kv: float, queue: float, least: float, most: float) -> float:
    """Replica i's scores for its KV in use and its queue, each in [0, 1], weighed and added."""
    free = 1.0 - min(fleet[i, KV_USED] / max(fleet[i, KV_TOKENS], 1.0), 1.0)
    spare = (most - fleet[i, WAITING]) / (most - least) if most > least else 1.0
    return float(kv * free + queue * spare)


@compilable
def best_score(
    ask: Ask, fleet: Table, cached: Cached, prefix: float, host: float, kv: float, queue: float, most_tokens: float
) -> tuple[int, float]:
    """The eligible replica of the highest weighted score.

    Its prefix score is the share held of the prompt's first `most_tokens`; a token in host memory counts `host`.
    """
    tokens = max(min(ask.prompt_tokens, most_tokens), 1.0)
    shortest, longest = queue_bounds(ask, fleet)
    best, highest, least, ties = -1, 0.0, 0, 0
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            score = load_score(fleet, i, kv, queue, shortest, longest)
            if prefix > 0.0:
                held = cached[i, HBM] + host * (cached[i, HOST] - cached[i, HBM])
                score += prefix * min(held / tokens, 1.0)
            best, highest, least, ties = better(best, highest, least, ties, i, score, drawn(ask, fleet, i))
    return best, 1.0 / max(ties, 1)


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Highest score for free KV and a short queue."""
    return best_score(ask, fleet, cached, 0.0, 0.0, settings[0], settings[1], 0.0)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class LlmDLoad(Routing):
    """Queue and KV scorers without a prefix scorer."""

    kv: float = 1.0  # weight of the kv-cache-utilization-scorer
    queue: float = 1.0  # weight of the queue-scorer

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "llm-d"
    reads_load: ClassVar[str] = "scraped"
    uses_cached: ClassVar[bool] = False
