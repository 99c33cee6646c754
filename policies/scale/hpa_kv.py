"""A horizontal autoscaler on KV use: each replica's cache may be so full."""

from dataclasses import dataclass

from policies.scale.horizontal import every_pool
from policies.scale.scaling import History, PoolState, Wish, scale


@scale
@dataclass(frozen=True, slots=True, kw_only=True)
class HpaKv:
    """Share of KV tokens in use over a target, as `vllm:kv_cache_usage_perc` is often scaled by."""

    target: float = 0.6  # share of a replica's KV tokens
    least: int = 1
    interval_s: float = 15.0
    down_s: float = 300.0

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        return every_pool(history, now, self._metric, least=self.least, down_s=self.down_s)

    def _metric(self, state: PoolState) -> float:
        return state.kv_share / self.target
