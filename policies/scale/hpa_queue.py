"""A horizontal autoscaler on the queue: so many requests may wait for each replica."""

from dataclasses import dataclass

from policies.scale.horizontal import every_pool
from policies.scale.scaling import History, PoolState, Wish, scale


@scale
@dataclass(frozen=True, slots=True, kw_only=True)
class HpaQueue:
    """Waiting requests a replica over a target, as `vllm:num_requests_waiting` is often scaled by."""

    target: float = 2.0  # waiting requests a replica
    least: int = 1
    interval_s: float = 15.0
    down_s: float = 300.0

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        return every_pool(history, now, self._metric, least=self.least, down_s=self.down_s)

    def _metric(self, state: PoolState) -> float:
        return (state.waiting + state.held) / (self.target * max(state.ready, 1))
