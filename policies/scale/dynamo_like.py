"""As NVIDIA Dynamo's SLA planner: the next interval is predicted to be as the last one, and profiles say what it takes.

Its profiles give the throughput of a replica at which the deadlines are kept; here the latency model says it. A factor
corrects it by what was measured, which this leaves out: the model here is the simulation's own. Nor does the planner
start anybody from zero: here `waking` does, as for every policy.
"""

from dataclasses import dataclass
from math import ceil

from policies.scale.capacity import Window, capacity
from policies.scale.scaling import History, Wish, scale


@scale
@dataclass(frozen=True, slots=True, kw_only=True)
class DynamoLike:
    """One look an interval of minutes; what comes between is not seen."""

    ttft_s: float = 2.0
    tpot_s: float = 0.1
    utilisation: float = 0.8  # share of the profiled throughput that is planned with
    least: int = 1
    interval_s: float = 180.0

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        return Wish(replicas={pool: self._of(pool, history, now) for pool in history[-1]})

    def _of(self, pool: str, history: History, now: float) -> int:
        latest, window = history[-1][pool], Window.of(history, pool, now, self.interval_s)
        served = capacity(latest.perf, window, self.ttft_s, self.tpot_s)
        if not served:
            return max(latest.ready + latest.starting, self.least)
        return min(max(ceil(window.rate / (served * self.utilisation)), self.least), latest.most)
