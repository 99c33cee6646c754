"""Weir's simulator over one scene: CPU seconds of one core, compilation left out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from policies.cached import Cached
from policies.fleet import READY, RUNNING, WAITING, Replica, Table
from policies.perf.profiles import latency_model
from policies.policy import Routing
from policies.request import Ask
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import SERVED
from sims.engine.simulate import simulate

ROUNDS = 5
CONDITIONS = Conditions(seed=1)

Choice = Routing | Callable[[int, Ask, Table, Cached], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """One scene, measured."""

    requests: int
    cpu_s: float  # the median of the rounds
    served: float  # share of the requests

    @property
    def requests_per_s(self) -> float:
        """Simulated requests a CPU-second."""
        return self.requests / self.cpu_s


def fleet(replicas: int) -> list[Replica]:
    """So many replicas of Llama-3.1-8B on an H100."""
    perf = latency_model("h100-sxm", "llama-3.1-8b")
    return [
        Replica(name=f"r-{i}", address="", pool="r", model="llama-3.1-8b", gpu="h100-sxm", perf=perf)
        for i in range(replicas)
    ]


def least_loaded(index: int, ask: Ask, table: Table, cached: Cached) -> int:
    """A policy in plain Python and numpy, as a user would write one."""
    load = table[:, RUNNING] + table[:, WAITING]
    load[table[:, READY] == 0.0] = np.inf
    return int(load.argmin())


def speed(arrivals: Arrivals, replicas: Sequence[Replica], policy: Choice, rounds: int = ROUNDS) -> Speed:
    """Simulate it some times, once before to warm up."""
    simulate(warm_up(arrivals), replicas, policy, CONDITIONS)
    spent, served = list[float](), 0.0
    for _ in range(rounds):
        begun = time.process_time()
        run = simulate(arrivals, replicas, policy, CONDITIONS)
        spent.append(time.process_time() - begun)
        served = float((run.state == SERVED).mean())
    return Speed(requests=len(arrivals), cpu_s=median(spent), served=served)


def warm_up(arrivals: Arrivals) -> Arrivals:
    """Its first thousand."""
    return arrivals.chosen(np.arange(min(1000, len(arrivals))))
