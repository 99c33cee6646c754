"""What is compared: the fleet, the traces, the seeds, and one run of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bench.policies.workload import TRACES, WARM_UP, Trace, seeded
from policies.fleet import Replica
from policies.policy import routing
from sims.arrival import Arrival
from sims.replay import Result, replay
from sims.statistics import after_warmup, goodput, percentile
from weir.codec import replica
from weir.fleetfile import FleetFile, message, read_fleet

FLEET = Path(__file__).parents[2] / "examples" / "demo-fleet.yaml"
LOAD = 0.8  # share of the fleet's capacity that is offered


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One replay: plain data, so that another process can do it."""

    data: Path
    fleet: Path
    trace: str
    policy: str
    seed: int
    rates: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The figures of one replay, warm-up removed."""

    ttft_p50_s: float
    ttft_p90_s: float
    ttft_p99_s: float
    tpot_mean_s: float
    goodput: float  # share of all arrivals within both deadlines
    in_ttft: float  # share within the deadline for the first token
    cached: float  # share of prompt tokens that were not computed
    prediction_error: float  # median of |predicted - actual| / actual TTFT
    requests: int
    refused: int  # of the whole replay: longer than the model's context


def trace_of(name: str) -> Trace:
    """The trace of that name."""
    return next(trace for trace in TRACES if trace.name == name)


@cache
def arrivals_of(name: str, data: Path) -> list[Arrival]:
    """The whole of a trace; read once a process."""
    return trace_of(name).arrivals(data)


@cache
def fleet_of(path: Path) -> tuple[FleetFile, list[Replica]]:
    """The fleet file and its replicas, as the live pool would describe them."""
    fleet = read_fleet(path)
    return fleet, [replica(message(pool, i, "")) for pool in fleet.pools for i in range(pool.size)]


def deadlines(fleet: FleetFile, trace: Trace) -> tuple[float, float]:
    """(ttft, tpot) in seconds that an answer to this trace must keep."""
    return fleet.slo.ttft_s * trace.ttft_factor, fleet.slo.tpot_s


def perform(task: Task) -> Outcome:
    """Do one replay and sum it up."""
    fleet, replicas = fleet_of(task.fleet)
    slo = deadlines(fleet, trace_of(task.trace))
    arrivals = seeded(arrivals_of(task.trace, task.data), task.seed, task.rates)
    policy = routing(task.policy)
    result = replay(arrivals, replicas, policy, seed=task.seed, ttft_slo_s=slo[0], tpot_slo_s=slo[1])
    return summed_up(result, WARM_UP * arrivals[-1].at, slo)


def summed_up(result: Result, warm_up_s: float, slo: tuple[float, float]) -> Outcome:
    """The figures of requests that came after the warm-up."""
    kept = after_warmup([one.at for one in result.served], warm_up_s)
    served = [one for one, keep in zip(result.served, kept, strict=True) if keep]
    ttft, tpot = np.array([one.ttft_s for one in served]), np.array([one.tpot_s for one in served])
    predicted = np.array([one.predicted_ttft_s for one in served])
    return Outcome(
        ttft_p50_s=percentile(ttft, 50.0),
        ttft_p90_s=percentile(ttft, 90.0),
        ttft_p99_s=percentile(ttft, 99.0),
        tpot_mean_s=float(tpot.mean()),
        goodput=goodput(ttft, tpot, slo, 1.0).share,
        in_ttft=float(np.mean(ttft <= slo[0])),
        cached=sum(one.cached_tokens for one in served) / sum(one.prompt_tokens for one in served),
        prediction_error=float(np.median(np.abs(predicted - ttft) / ttft)),
        requests=len(served),
        refused=result.refused,
    )
