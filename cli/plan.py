"""What a comparison will do: the fleet, the policies, the requests and their rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.door import WrongUse
from cli.rates import fleet_usd_per_hour, model_rps
from cli.traffic import Source, offered, profile
from policies.policy import ROUTES
from sims.arrival import Arrival
from weir.fleetfile import FleetFile, read_fleet

SHARE = 0.8  # of the fleet's capacity
WARM_UP = 0.15  # of the span: queues and caches fill


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One comparison; seconds are emulated ones."""

    fleet_path: Path
    fleet: FleetFile
    policies: Sequence[str]
    source: Source
    arrivals: Sequence[Arrival]
    capacity_rps: dict[str, float]  # by model
    rate_rps: float
    time_scale: float
    span_s: float

    @property
    def warmup_s(self) -> float:
        """Requests before this do not count."""
        return WARM_UP * self.span_s

    @property
    def usd_per_hour(self) -> float:
        """What the fleet costs."""
        return fleet_usd_per_hour(self.fleet)

    def told(self) -> list[str]:
        """The plan in words."""
        pools = "; ".join(
            f"{pool.serves} on {pool.size} × {_gpu(pool.gpus_per_replica, pool.gpu)}" for pool in self.fleet.pools
        )
        capacity, slo = sum(self.capacity_rps.values()), self.fleet.slo
        return [
            f"fleet      {pools}: ${self.usd_per_hour:.2f} an hour",
            f"workload   {self.source.name}: {len(self.arrivals):,} requests",
            f"rate       {self.rate_rps:.1f} a second, {self.rate_rps / capacity:.0%} of what the fleet can serve "
            f"with {slo.tpot_s * 1e3:.0f} ms a token; deadline for the first {slo.ttft_s:g} s",
            f"time       {self.span_s:.0f} s for each of {len(self.policies)} policies, {self.time_scale:g} times as "
            f"fast as real; the first {self.warmup_s:.0f} s do not count",
        ]


def made(
    *,
    fleet_path: Path,
    policies: Sequence[str],
    source: Source,
    rate_rps: float | None,
    time_scale: float,
    span_s: float,
) -> Plan:
    """The plan; raises what is wrong with the fleet file, the trace, a policy's name or the rate."""
    for name in policies:
        ROUTES[name]
    if len(set(policies)) < len(policies):
        raise WrongUse(f"--policies {','.join(policies)}: name each policy once")
    fleet, found = read_fleet(fleet_path), profile(source)
    if any(pool.addresses for pool in fleet.pools):
        raise WrongUse(f"{fleet_path} names live engines: a comparison empties caches, so it emulates its fleet")
    capacity = model_rps(fleet, found.means)
    rate = SHARE * sum(capacity.values()) if rate_rps is None else rate_rps
    if not rate > 0.0:
        raise WrongUse(f"--rate {rate:g}: give requests a second, above 0")
    return Plan(
        fleet_path=fleet_path,
        fleet=fleet,
        policies=policies,
        source=source,
        arrivals=_some(offered(source, rate, found.rate_rps, capacity, span_s), rate, span_s),
        capacity_rps=capacity,
        rate_rps=rate,
        time_scale=time_scale,
        span_s=span_s,
    )


def _some(arrivals: list[Arrival], rate_rps: float, span_s: float) -> list[Arrival]:
    if not arrivals or arrivals[-1].at < WARM_UP * span_s:
        raise WrongUse(f"{rate_rps:g} requests a second for {span_s:g} s are too few to compare anything")
    return arrivals


def _gpu(count: int, name: str) -> str:
    return f"({count} × {name})" if count > 1 else name
