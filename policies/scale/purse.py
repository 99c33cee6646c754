"""What all pools together may cost: dollars an hour and GPUs, spent pool by pool."""

from dataclasses import dataclass, replace
from math import inf
from typing import Self

from policies.perf.latency import LatencyModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """What is left of a budget and a quota; 0 to begin with is no bound, so what is spent is counted apart."""

    usd_per_hour: float = 0.0
    gpus: int = 0
    spent_usd: float = 0.0
    spent_gpus: int = 0

    def buys(self, wanted: int, perf: LatencyModel | None, least: int) -> tuple[int, Self]:
        """As many of the replicas wanted as can be paid, `least` whatever they cost, and what is left then."""
        if perf is None:
            return wanted, self
        by_usd = (self.usd_per_hour - self.spent_usd) / perf.price_per_hour if self.usd_per_hour else inf
        by_gpus = (self.gpus - self.spent_gpus) // perf.gpus if self.gpus else inf
        bought = int(max(min(wanted, by_usd, by_gpus), least))
        spent = replace(
            self,
            spent_usd=self.spent_usd + bought * perf.price_per_hour,
            spent_gpus=self.spent_gpus + bought * perf.gpus,
        )
        return bought, spent
