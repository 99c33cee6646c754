"""As many replicas as keep the requests of each at a share of its places: what a horizontal autoscaler does."""

from dataclasses import dataclass
from math import ceil

from policies.scale.scaling import History, PoolState, Wish, scale


@scale
@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLoad:
    """Requests in flight over target x places; up at once, down to the most that was wanted in the last `down_s`."""

    target: float = 0.6  # share of a replica's places
    tolerance: float = 0.1  # a share by which the load may differ before anything is done
    least: int = 1  # replicas of a pool, and to begin with
    interval_s: float = 15.0
    down_s: float = 300.0

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        return Wish(replicas={pool: self._of(pool, history, now) for pool in history[-1]})

    def _of(self, pool: str, history: History, now: float) -> int:
        latest = history[-1][pool]
        recent = [states[pool] for states in history if states[pool].at > now - self.down_s]
        there = latest.ready + latest.starting
        most = max(self._needed(state) for state in [*recent, latest])
        return min(max(self._needed(latest), min(most, there), self.least), latest.most)

    def _needed(self, state: PoolState) -> int:
        there = state.ready + state.starting
        exact = (state.running + state.waiting + state.held) / (self.target * state.slots)
        if there and abs(exact / there - 1.0) <= self.tolerance:
            return there
        return ceil(exact)
