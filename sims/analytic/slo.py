"""What a pool must keep, and the sentence when none can."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Deadlines in seconds, the share of requests that must meet each, and how full a replica may be."""

    ttft_s: float = inf
    ttft_share: float = 0.99
    tpot_s: float = inf
    tpot_share: float = 0.99
    most_utilisation: float = 0.85
    most_pressure: float = 0.01  # chance that a replica's memory is full, where it would not recover from that

    def __post_init__(self) -> None:
        shares = (self.ttft_share, self.tpot_share)
        if not all(0.0 < one < 1.0 for one in (*shares, self.most_utilisation)) or not 0.0 < self.most_pressure <= 1.0:
            raise ValueError("ttft_share, tpot_share, most_utilisation and most_pressure must lie between 0 and 1")
        if not self.ttft_s > 0.0 or not self.tpot_s > 0.0:
            raise ValueError("ttft_s and tpot_s must be above 0")


class Infeasible(ValueError):
    """No number of replicas is enough; says which limit stands in the way and by how much."""

    def __init__(self, limit: str, wanted: float, best: float, why: str) -> None:
        super().__init__(why)
        self.limit = limit  # "ttft", "tpot", "kv" or "replicas"
        self.wanted = wanted  # what was asked: seconds, tokens or replicas
        self.best = best  # what could be had
