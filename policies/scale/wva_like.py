"""As llm-d's workload-variant autoscaler: one replica more where little is spare, one fewer where the others could."""

from dataclasses import dataclass

from policies.scale.scaling import History, PoolState, Wish, scale


@scale
@dataclass(frozen=True, slots=True, kw_only=True)
class WvaLike:
    """Spare share of KV and spare places in the queue, on average over the replicas that are not saturated."""

    kv: float = 0.8  # share of KV from which a replica is saturated
    queue: float = 5.0  # waiting requests from which it is
    spare_kv: float = 0.1  # less than that spare asks for one replica more
    spare_queue: float = 3.0
    least: int = 1
    interval_s: float = 30.0

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        return Wish(replicas={pool: self._of(state) for pool, state in history[-1].items()})

    def _of(self, state: PoolState) -> int:
        there = state.ready + state.starting
        wanted = there
        if state.ready and self._short(state, state.ready):
            wanted = there if state.starting else there + 1
        elif state.ready > 1 and not state.starting and not self._short(state, state.ready - 1):
            wanted = there - 1
        return min(max(wanted, self.least), state.most)

    def _short(self, state: PoolState, replicas: int) -> bool:
        """Whether so many replicas, with all that is there, would have too little to spare."""
        kv = state.kv_share * state.ready / replicas
        queue = (state.waiting + state.held) / replicas
        return self.kv - kv < self.spare_kv or self.queue - queue < self.spare_queue
