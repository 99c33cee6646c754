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
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import REFUSED, Run
from sims.engine.simulate import simulate
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
    usd_per_thousand: float  # dollars of busy replicas for a thousand requests
    joules_per_request: float
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
    trace = trace_of(task.trace)
    slo = deadlines(fleet, trace)
    arrivals = Arrivals.of(seeded(trace, arrivals_of(task.trace, task.data), task.seed, task.rates))
    conditions = Conditions(seed=task.seed, ttft_slo_s=slo[0], tpot_slo_s=slo[1])
    run = simulate(arrivals, replicas, routing(task.policy), conditions)
    return summed_up(run, WARM_UP * float(arrivals.at[-1]), slo)


def summed_up(run: Run, warm_up_s: float, slo: tuple[float, float]) -> Outcome:
    """The figures of requests that came after the warm-up."""
    refused = run.state == REFUSED
    kept = after_warmup(run.at, warm_up_s) & ~refused
    ttft, tpot, predicted = (column[kept] for column in (run.ttft_s, run.tpot_s, run.predicted_ttft_s))
    prices = np.array([replica.perf.price_per_hour for replica in run.replicas]) / 3600.0
    return Outcome(
        ttft_p50_s=percentile(ttft, 50.0),
        ttft_p90_s=percentile(ttft, 90.0),
        ttft_p99_s=percentile(ttft, 99.0),
        tpot_mean_s=float(tpot.mean()),
        goodput=goodput(ttft, tpot, slo, 1.0).share,
        in_ttft=float(np.mean(ttft <= slo[0])),
        cached=float(run.cached[kept].sum() / run.prompt_tokens[kept].sum()),
        prediction_error=float(np.median(np.abs(predicted - ttft) / ttft)),
        usd_per_thousand=float(1000.0 * (run.busy_s * prices).sum() / (~refused).sum()),
        joules_per_request=float(run.joules.sum() / (~refused).sum()),
        requests=int(kept.sum()),
        refused=int(refused.sum()),
    )
