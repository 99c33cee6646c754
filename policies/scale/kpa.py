"""Knative's autoscaler: concurrency averaged over a stable minute, and over a panic window where that runs away."""

from dataclasses import dataclass
from math import ceil

from policies.scale.horizontal import recent
from policies.scale.scaling import History, PoolState, Wish, scale


@scale
@dataclass(frozen=True, slots=True, kw_only=True)
class Kpa:
    """Requests at a replica over a target; in panic it only goes up, until the stable window has seen none."""

    target: float = 20.0  # requests at a replica at once
    stable_s: float = 60.0
    panic_s: float = 6.0
    panic: float = 2.0  # the panic window asks for so many times what is there
    down_rate: float = 2.0  # at most to 1/rate of what is there, a decision
    least: int = 1
    interval_s: float = 15.0
    down_s: float = 300.0  # delay of every step down (`scale-down-delay`)

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        return Wish(replicas={pool: self._of(pool, history, now) for pool in history[-1]})

    def _of(self, pool: str, history: History, now: float) -> int:
        latest = history[-1][pool]
        there = latest.ready + latest.starting
        stable = self._needed(list(recent(history, pool, now, self.stable_s)))
        burst = self._needed(list(recent(history, pool, now, self.panic_s)))
        wanted = max(stable, burst, there) if burst >= self.panic * max(latest.ready, 1) else stable
        if wanted < there:
            held = max(self._needed([state]) for state in recent(history, pool, now, self.down_s))
            wanted = min(max(wanted, held, int(there / self.down_rate)), there)
        return min(max(wanted, self.least), latest.most)

    def _needed(self, states: list[PoolState]) -> int:
        load = sum(state.running + state.waiting + state.held for state in states) / len(states)
        return ceil(load / self.target)
