"""The least replicas that keep an SLO: one pool, two by length, prefill apart from decode."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, inf

from policies.perf.latency import LatencyModel
from sims.analytic.demand import Demand
from sims.analytic.load import Load
from sims.analytic.slo import Infeasible, Slo
from sims.analytic.traffic import Traffic, compressed

HOURS_A_YEAR = 8760.0
MOST_REPLICAS = 100_000
IDLE = 1_000_000_000_000
"""Replicas among which any traffic is nothing."""

MIXED, PREFILL, DECODE = "mixed", "prefill", "decode"


@dataclass(frozen=True, kw_only=True)
class PoolSize:
    """So many replicas of one kind in one role, the load they are under, and what asked for the last of them."""

    role: str  # mixed, prefill or decode
    load: Load
    bound: str  # "utilisation", "memory", "ttft", "tpot", or "" where one replica is enough

    @property
    def replicas(self) -> int:
        """How many."""
        return self.load.replicas

    @property
    def model(self) -> LatencyModel:
        """One replica's latency model."""
        return self.load.demand.model

    @property
    def gpus(self) -> int:
        """GPUs of the whole pool."""
        return self.replicas * self.model.gpus

    @property
    def dollars_per_hour(self) -> float:
        """Of the whole pool."""
        return self.replicas * self.model.price_per_hour

    @cached_property
    def watts(self) -> float:
        """Of the whole pool, on average."""
        return self.replicas * self.load.watts

    @property
    def output_rate(self) -> float:
        """Answer tokens a second made here."""
        return self.load.demand.traffic.output_rate if self.role != PREFILL else 0.0


@dataclass(frozen=True, kw_only=True)
class FleetSize:
    """Pools that serve some traffic together."""

    pools: tuple[PoolSize, ...]
    boundary: float = 0.0  # tokens, prompt and answer, up to which requests are short; 0 without a split
    gamma: float = 1.0  # requests up to so many boundaries are compressed where they can be

    @property
    def replicas(self) -> int:
        """Of all pools."""
        return sum(pool.replicas for pool in self.pools)

    @property
    def gpus(self) -> int:
        """Of all pools."""
        return sum(pool.gpus for pool in self.pools)

    @property
    def dollars_per_hour(self) -> float:
        """Of all pools."""
        return sum(pool.dollars_per_hour for pool in self.pools)

    @property
    def dollars_per_year(self) -> float:
        """Of all pools, running all the time."""
        return self.dollars_per_hour * HOURS_A_YEAR

    @property
    def watts(self) -> float:
        """Of all pools, on average."""
        return sum(pool.watts for pool in self.pools)

    def ttft_exceeds(self, seconds: float) -> float:
        """Share of all requests whose first token takes longer."""
        return _share(self.pools, DECODE, lambda load: load.ttft.exceeds(seconds))

    def tpot_exceeds(self, seconds: float) -> float:
        """Share of all requests whose tokens take longer than that each."""
        return _share(self.pools, PREFILL, lambda load: load.tpot.exceeds(seconds))

    @property
    def tokens_per_joule(self) -> float:
        """Answer tokens a joule."""
        return sum(pool.output_rate for pool in self.pools) / self.watts


def size_pool(
    traffic: Traffic, model: LatencyModel, slo: Slo, *, role: str = MIXED, pooled: bool = True,
    first_wait_s: float = 0.0, most_replicas: int = MOST_REPLICAS,
) -> PoolSize:  # fmt: skip
    """The least replicas of one kind that keep the SLO; raises Infeasible, naming the limit in the way.

    `role` prefill computes prompts only, decode receives their KV and makes answers; `first_wait_s` is added to every
    TTFT, as a transfer that comes before the first token is seen. Traffic without a request needs one replica.
    """
    demand = Demand(traffic=traffic, model=model, prefills=role != DECODE, decodes=role != PREFILL)

    def load(replicas: int, evened: bool = pooled) -> Load:
        return Load(demand=demand, replicas=replicas, pooled=evened, first_wait_s=first_wait_s)

    _refuse_hopeless(load(IDLE, False), slo, role)
    needed = max(ceil(traffic.rate / (load(1).capacity * slo.most_utilisation) - 1e-9), 1)
    low, high, bound = needed - 1, needed, "utilisation" if needed > 1 else ""
    while high <= most_replicas and (reason := lacking(load(high), slo, role)):
        low, high, bound = high, high + max(high - needed, 1), reason
    if high > most_replicas and (reason := lacking(load(most_replicas), slo, role)):
        why = f"{most_replicas:,} replicas are too few ({reason}); allow more, or take a faster kind."
        raise Infeasible("replicas", high, most_replicas, why)
    high = min(high, most_replicas)
    while high - low > 1:
        middle = (low + high) // 2
        reason = lacking(load(middle), slo, role)
        low, high, bound = (middle, high, reason) if reason else (low, middle, bound)
    return PoolSize(role=role, load=load(high), bound=bound)


def lacking(load: Load, slo: Slo, role: str = MIXED) -> str:
    """The first thing that a pool under this load fails to keep, cheapest to check first; empty when it keeps all."""
    if load.utilisation > slo.most_utilisation:
        return "utilisation"
    if load.demand.traffic.rate > load.recovery and load.pressure > slo.most_pressure:
        return "memory"
    if role != DECODE and slo.ttft_s < inf and load.ttft.exceeds(slo.ttft_s) > 1.0 - slo.ttft_share:
        return "ttft"
    if role != PREFILL and slo.tpot_s < inf and load.tpot.exceeds(slo.tpot_s) > 1.0 - slo.tpot_share:
        return "tpot"
    return ""


def two_pools(
    traffic: Traffic, short: LatencyModel, long: LatencyModel, slo: Slo, *, boundary: float, gamma: float = 1.0,
    compressible: float = 0.75, long_slo: Slo | None = None, pooled: bool = True,
) -> FleetSize:  # fmt: skip
    """A pool for requests of at most `boundary` tokens and one for the rest; raises Infeasible.

    Of requests up to `gamma` boundaries the compressible share is compressed and joins the short ones. Each pool keeps
    the SLO on its own, the long one `long_slo` where given. A pool that nobody would use is left out.
    """
    parts = zip(compressed(traffic, boundary, gamma, compressible), (short, long), (slo, long_slo or slo), strict=True)
    pools = tuple(size_pool(part, model, kept, pooled=pooled) for part, model, kept in parts if part is not None)
    return FleetSize(pools=pools, boundary=boundary, gamma=gamma)


def one_pool(traffic: Traffic, model: LatencyModel, slo: Slo, *, pooled: bool = True) -> FleetSize:
    """A single pool for everything; raises Infeasible."""
    return FleetSize(pools=(size_pool(traffic, model, slo, pooled=pooled),))


def disaggregated(
    traffic: Traffic, prefill: LatencyModel, decode: LatencyModel, slo: Slo, *, overlap: float = 0.0,
    pooled: bool = True,
) -> FleetSize:  # fmt: skip
    """Prompts on one pool, answers on another, the KV sent between; raises Infeasible.

    The first token counts as seen once its KV has arrived; `overlap` is the share of the transfer hidden behind the
    prefill. Which pool grows follows from the two sizes: their ratio is prefill to decode.
    """
    transfer_s = (1.0 - overlap) * transfer_seconds(traffic, prefill)
    pools = (
        size_pool(traffic, prefill, slo, role=PREFILL, pooled=pooled, first_wait_s=transfer_s),
        size_pool(traffic, decode, slo, role=DECODE, pooled=pooled),
    )
    return FleetSize(pools=pools)


def _share(pools: tuple[PoolSize, ...], without: str, of: Callable[[Load], float]) -> float:
    counted = [pool.load for pool in pools if pool.role != without]
    return sum(load.demand.traffic.rate * of(load) for load in counted) / sum(
        load.demand.traffic.rate for load in counted
    )


def transfer_seconds(traffic: Traffic, model: LatencyModel) -> float:
    """Mean seconds that the KV of a prompt takes to another replica over an idle link."""
    moved_s = traffic.mean(traffic.prompts) * model.kv_bytes_per_token / model.transfer_bytes_per_s
    return model.transfer_base_s + moved_s


def _refuse_hopeless(idle: Load, slo: Slo, role: str) -> None:
    """Raise Infeasible when even replicas with nothing else to do are too slow."""
    deadlines = {"ttft": (idle.ttft, slo.ttft_s, slo.ttft_share), "tpot": (idle.tpot, slo.tpot_s, slo.tpot_share)}
    deadlines.pop({DECODE: "ttft", PREFILL: "tpot"}.get(role, ""), None)
    for name, (spread, wanted, share) in deadlines.items():
        if wanted < inf and spread.exceeds(wanted) > 1.0 - share:
            best = spread.quantile(share)
            raise Infeasible(
                name, wanted, best,
                f"{name.upper()} p{100.0 * share:g} is {best:.3g} s on idle replicas, {best - wanted:.3g} s over the "
                f"{wanted:g} s asked: take a faster GPU, more GPUs a replica, or allow more.",
            )  # fmt: skip
