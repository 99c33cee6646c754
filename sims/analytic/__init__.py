"""Fleet sizes by formula: how many replicas some traffic needs, told in milliseconds.

    traffic = Traffic.of(arrivals)                                  # or .from_totals(published("azure"), rate=100)
    h100 = latency_model("h100-sxm", "llama-3.1-70b", 4)            # from policies.perf.profiles
    slo = Slo(ttft_s=2.0, tpot_s=0.1)                               # p99 both, at most 85 % utilised
    one_pool(traffic, h100, slo)                                    # the least replicas, or Infeasible with the reason
    two_pools(traffic, h100, h100, slo, boundary=4096, gamma=1.5)   # by length, compressing what is just above
    disaggregated(traffic, h100, h100, slo)                         # prompts apart from answers
    fleet.gpus, fleet.dollars_per_year, fleet.watts, fleet.tokens_per_joule, fleet.ttft_exceeds(2.0)
    fleet.pools[0].load.ttft.quantile(0.99)                         # also utilisation, batch, prefill_share, pressure
    guarded(fleet.replicas, available=0.99, confidence=0.999)       # with spares

How: `queueing` (Erlang, Allen-Cunneen, Kimura), `lengths` and `traffic` (what arrives), `demand` (what it asks of one
replica), `load` (the steady state of so many replicas), `spread` (its tails), `size` (the least that is enough).

What it leaves out: prefix hits other than those told in `Traffic.cached`, the thrashing of engines whose memory is full
(it keeps clear of that, see `Load.pressure`), routers that see no load (`pooled=False` stands for those), and traffic
that drifts: size `busiest(arrivals, seconds)` or each of `windows` then.

How close: against `sims.replay` with `shortest_ttft`, Poisson arrivals of three published length distributions and four
replicas of an 8B, a 70B and a 30B expert model at 30, 60 and 80 % of capacity, TTFT (mean, p90, p99) is 16 % too low to
2 % too high and mean TPOT 1 to 16 % too high; p99 TPOT is 6 % too low to 8 % too high, on LMSYS up to 30 % too high. On
Azure's conversation trace, which drifts, both are within a tenth at half of capacity except p99 (16 % too low), and at
three quarters p90 is up to 30 % and p99 up to 36 % too low. Azure's code trace comes in bursts that no formula here
follows. Verify by simulation what you are going to buy.

`paper` holds fleet-sim's own arithmetic, to compare with its tables; nothing here depends on it.
"""

from sims.analytic.demand import Demand
from sims.analytic.lengths import LengthCdf, published
from sims.analytic.load import Load
from sims.analytic.size import FleetSize, PoolSize, disaggregated, lacking, one_pool, size_pool, two_pools
from sims.analytic.slo import Infeasible, Slo
from sims.analytic.spares import availability, guarded, stocked
from sims.analytic.traffic import Traffic, compressed, together
from sims.analytic.windows import busiest, windows

__all__ = [
    "Demand",
    "FleetSize",
    "Infeasible",
    "LengthCdf",
    "Load",
    "PoolSize",
    "Slo",
    "Traffic",
    "availability",
    "busiest",
    "compressed",
    "disaggregated",
    "guarded",
    "lacking",
    "one_pool",
    "published",
    "size_pool",
    "stocked",
    "together",
    "two_pools",
    "windows",
]
