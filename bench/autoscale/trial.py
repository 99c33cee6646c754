"""One policy over some days: deadlines kept, GPU-hours, and how often it changed its mind."""

from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

import numpy as np

from bench.autoscale.week import DAY_S, GPUS, TPOT_S, TTFT_S, conditions, fleet
from policies.perf.latency import LatencyModel
from policies.policy import routing
from policies.scale.capacity import Window, capacity
from policies.scale.scaling import History, Scaling, Wish
from sims.arrivals import Arrivals
from sims.engine.run import Floats, Run
from sims.engine.simulate import simulate

FLAP_S = 600.0
UNJUDGED_S = 3600.0
"""Nobody is judged by the first hour, in which a fleet that begins with one replica finds its size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one run."""

    kept: float  # share of requests within both deadlines
    worst_day: float  # the least share kept of a day
    gpu_hours: float
    reversals_a_day: float  # up after down or down after up within ten minutes

    @property
    def late(self) -> float:
        """Share of requests that missed a deadline."""
        return 1.0 - self.kept


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


def run(policy: Scaling, arrivals: Arrivals, seed: int) -> Outcome:
    """Serve some arrivals under a policy."""
    watched = Watched(policy)
    done = simulate(arrivals, fleet(), routing("shortest_ttft"), conditions(seed), scaling=watched)
    days = kept_by_day(arrivals.at, kept(done))
    return Outcome(
        kept=float(days[:, 0].sum() / days[:, 1].sum()),
        worst_day=float((days[:, 0] / np.maximum(days[:, 1], 1.0)).min()),
        gpu_hours=float(done.up_s.sum()) / 3600.0 * GPUS,
        reversals_a_day=reversals(watched.wishes) / len(days),
    )


def kept(done: Run) -> Floats:
    """1 for each request that kept both deadlines, else 0."""
    within = (done.ttft_s <= TTFT_S) & (done.tpot_s <= TPOT_S)
    return within.astype(np.float64)


def kept_by_day(at: Floats, within: Floats) -> Floats:
    """Requests that kept their deadlines and all that are judged, shape [days, 2]."""
    judged = at >= min(UNJUDGED_S, float(at[-1]))
    day = (at[judged] // DAY_S).astype(np.int64)
    return np.stack([np.bincount(day, within[judged]), np.bincount(day).astype(np.float64)], axis=1)


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


def clairvoyant(arrivals: Arrivals, share: float, window_s: float = 1200.0) -> Clairvoyant:
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
