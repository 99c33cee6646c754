"""One policy over some days: deadlines kept, GPU-hours, and how often it changed its mind."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

import numpy as np

from bench.autoscale.week import GPUS, TPOT_S, TTFT_S, Days, conditions, fleet
from policies.perf.latency import LatencyModel
from policies.policy import routing
from policies.scale.capacity import Window, capacity
from policies.scale.scaling import History, Scaling, Wish
from sims.arrivals import Arrivals
from sims.engine.simulate import simulate

FLAP_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one run."""

    kept: float  # share of requests within both deadlines
    gpu_hours: float
    reversals_a_day: float  # up after down or down after up within ten minutes


@dataclass(slots=True)
class Watched:
    """A policy, and the replicas it wanted over time."""

    policy: Scaling
    wishes: list[tuple[float, int]] = field(default_factory=list)

    @property
    def interval_s(self) -> float:
        """See `Scaling`."""
        return self.policy.interval_s

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        wish = self.policy.wanted(history, now)
        self.wishes.append((now, sum(wish.replicas.values())))
        return wish


def run(policy: Scaling, arrivals: Arrivals, days: Days, seed: int) -> Outcome:
    """Serve some days under a policy."""
    watched = Watched(policy)
    done = simulate(arrivals, fleet(), routing("shortest_ttft"), conditions(seed), scaling=watched)
    tokens = np.maximum(done.output_tokens - 1, 1)
    tpot = (done.end - done.first) / tokens
    kept = np.isfinite(done.first) & (done.ttft_s <= TTFT_S) & ((done.output_tokens < 2) | (tpot <= TPOT_S))
    return Outcome(
        kept=float(kept.mean()),
        gpu_hours=float(done.up_s.sum()) / 3600.0 * GPUS,
        reversals_a_day=reversals(watched.wishes) / days.count,
    )


def reversals(wishes: list[tuple[float, int]]) -> int:
    """How often the replicas wanted went the other way within ten minutes."""
    count, last_at, last_way = 0, -1e18, 0
    for (_, before), (at, now) in pairwise(wishes):
        way = (now > before) - (now < before)
        if way:
            count += way == -last_way and at - last_at <= FLAP_S
            last_at, last_way = at, way
    return count


@dataclass(frozen=True, slots=True, kw_only=True)
class Clairvoyant:
    """Knows the requests of every window beforehand: a schedule, no busier than a share of the replicas' capacity."""

    replicas: tuple[int, ...]
    window_s: float
    interval_s: float = 60.0
    ahead_s: float = 240.0  # so that what is asked for is ready when it is needed

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        first, last = (min(int(at // self.window_s), len(self.replicas) - 1) for at in (now, now + self.ahead_s))
        return Wish(replicas={"pool": max(self.replicas[first : last + 1])})


def clairvoyant(arrivals: Arrivals, share: float, window_s: float = 600.0) -> Clairvoyant:
    """The schedule of some arrivals, at each window's own rate and lengths."""
    perf = fleet()[0].perf
    slots = (arrivals.at // window_s).astype(np.int64)
    count = np.bincount(slots)
    prompts, outputs = (np.bincount(slots, w) for w in (arrivals.prompt_tokens, arrivals.output_tokens))
    needed = [_busy(perf, int(n), p, o, window_s) for n, p, o in zip(count, prompts, outputs, strict=True)]
    return Clairvoyant(replicas=tuple(max(ceil(one / share), 1) for one in needed), window_s=window_s)


def _busy(perf: LatencyModel, count: int, prompts: float, outputs: float, window_s: float) -> float:
    window = Window(seconds=window_s, arrived=count, prompt_tokens=prompts, output_tokens=outputs, ended=max(count, 1))
    served = capacity(perf, window, TTFT_S, TPOT_S)
    return window.rate / served if served else 1.0


Make = Callable[[float], Scaling]
"""A policy from its one setting that is fitted; the higher, the fewer replicas."""


def fitted(make: Make, settings: list[float], arrivals: Arrivals, days: Days, least: float) -> tuple[float, Outcome]:
    """The setting with the fewest GPU-hours that keeps the deadlines; of none, the one that keeps most."""
    tried = [(setting, run(make(setting), arrivals, days, 100)) for setting in settings]
    good = [each for each in tried if each[1].kept >= least]
    return min(good, key=lambda one: one[1].gpu_hours) if good else max(tried, key=lambda one: one[1].kept)
