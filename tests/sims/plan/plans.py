"""Small requests and traffic for plans, and a simulator that is arithmetic: fleets are late when they are small."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from policies.fleet import Replica
from policies.policy import Routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import SERVED, Run
from sims.plan.asked import Asked, Deadline, Offer, SloClass
from sims.plan.kinds import Kind, kinds_of
from sims.plan.traffic import Sampled
from sims.plan.trial import Simulate

MODEL = "llama-3.1-8b"
TTFT = Deadline(seconds=1.0, percentile=90.0)
TPOT = Deadline(seconds=0.05, percentile=90.0)
BOTH = SloClass(ttft=TTFT, tpot=TPOT)


def offer(gpu: str = "h100-sxm", **more: Any) -> Offer:
    """One GPU a replica unless told."""
    return Offer(**{"gpu": gpu, "sizes": (1,), **more})


def asked(*gpus: str, **more: Any) -> Asked:
    """A request for those GPUs, one a replica."""
    given: dict[str, Any] = {"model": MODEL, "offers": tuple(offer(gpu) for gpu in gpus or ("h100-sxm",)),
                             "classes": (BOTH,), "seeds": 3}  # fmt: skip
    return Asked(**{**given, **more})


def kinds(request: Asked) -> tuple[Kind, ...]:
    """Those that fit."""
    return tuple(kinds_of(request)[0])


def columns(count: int = 400, rate: float = 40.0, prompt: int = 1000, output: int = 200) -> Arrivals:
    """Even arrivals whose lengths go from half to one and a half of those given."""
    shape = 0.5 + (np.arange(count) * 7919 % count) / count
    at = np.arange(count) / rate
    return Arrivals.drawn(at, np.maximum(shape * prompt, 1.0), np.maximum(shape[::-1] * output, 2.0))


def traffic(count: int = 400, rate: float = 40.0, prompt: int = 1000, output: int = 200) -> Sampled:
    """The same, ready for a plan."""
    return Sampled(arrivals=columns(count, rate, prompt, output), said=f"{count} requests")


def capacity(speeds: Mapping[str, float], *, noise: float = 0.0) -> Simulate:
    """A simulator for which a replica on each GPU serves so many requests a second, and no mix is better or worse.

    Latencies are the deadlines times load over capacity, give or take `noise` by seed.
    """

    def simulate(arrivals: Arrivals, fleet: Sequence[Replica], policy: Routing, conditions: Conditions) -> Run:
        able = sum(speeds[replica.gpu] for replica in fleet)
        wobble = 1.0 + noise * ((conditions.seed * 0.37) % 1.0 - 0.5)
        late = wobble * arrivals.rate_rps / max(able, 1e-9)
        return run(arrivals, fleet, ttft_s=late * TTFT.seconds, tpot_s=late * TPOT.seconds)

    return simulate


def run(arrivals: Arrivals, fleet: Sequence[Replica], *, ttft_s: float, tpot_s: float) -> Run:
    """A run in which every request is as late."""
    count, size = len(arrivals), len(fleet)
    first = arrivals.at + ttft_s
    end = first + tpot_s * np.maximum(arrivals.output_tokens - 1, 0)
    none, zero = np.zeros(count), np.zeros(count, np.int32)
    seconds = float(end.max()) if count else 0.0
    return Run(
        replicas=tuple(fleet), prompt_tokens=arrivals.prompt_tokens, output_tokens=arrivals.output_tokens,
        state=np.full(count, SERVED, np.int8), replica=zero, prefill_replica=zero, at=arrivals.at, admitted=arrivals.at,
        first=first, end=end, cached=zero, believed=zero, predicted_ttft_s=none, preemptions=zero,
        requests=np.zeros(size, np.int32), busy_s=np.full(size, 0.5 * seconds), up_s=np.full(size, seconds),
        joules=np.full(size, 300.0 * seconds), end_s=seconds, unstable=False,
    )  # fmt: skip


def counted(simulate: Simulate) -> tuple[Simulate, list[int]]:
    """The simulator, and a list that gains the size of every fleet it is asked for."""
    sizes: list[int] = []

    def counting(arrivals: Arrivals, fleet: Sequence[Replica], policy: Routing, conditions: Conditions) -> Run:
        sizes.append(len(fleet))
        return simulate(arrivals, fleet, policy, conditions)

    return counting, sizes


Cost = Callable[[tuple[int, ...]], float]
