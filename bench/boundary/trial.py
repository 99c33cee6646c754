"""One rule through one day: dollars, deadlines kept, and where the boundary was."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from bench.boundary.traffic import HOUR_S
from policies.fleet import Replica
from policies.perf.profiles import latency_model
from policies.policy import routing
from policies.scale.boundary import ByLength
from policies.scale.scaling import Boundary, History, Wish
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.simulate import simulate

MODEL = "llama-3.1-8b"
POOLS = {"short": ("rtx-pro-6000", 24), "long": ("h100-sxm", 12)}
BEGIN = {"short": 4, "long": 8}
"""Replicas to begin with: a fleet that began with one each would be late for an hour, and make up for it all day."""

TTFT_S, TPOT_S = 5.0, 0.1
START_S, READ_BYTES_PER_S = 180.0, 2.0e9
UNJUDGED_S = HOUR_S
"""Nobody is judged by the first hour, in which a fleet that begins with one replica a pool finds its size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one run."""

    usd: float  # of the day
    kept: float  # share of requests within both deadlines
    compressed: float  # share of requests whose prompts were
    boundaries: tuple[tuple[float, float, float], ...]  # time, tokens and gamma of each

    @property
    def moves(self) -> int:
        """Times that the boundary moved."""
        return len(self.boundaries) - 1

    @property
    def turns(self) -> int:
        """Times that it went back the way it had come."""
        ways = [np.sign(later[1] - before[1]) for before, later in pairwise(self.boundaries) if later[1] != before[1]]
        return sum(one != other for one, other in pairwise(ways))


@dataclass(slots=True)
class Watched:
    """A rule, and the boundaries it wanted over time."""

    rule: ByLength
    boundaries: list[tuple[float, Boundary]] = field(default_factory=list)

    @property
    def interval_s(self) -> float:
        """See `Scaling`."""
        return self.rule.interval_s

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        wish = self.rule.wanted(history, now)
        if len(history) == 1:
            wish = replace(wish, replicas=BEGIN)
        self.boundaries += [(now, boundary) for boundary in wish.boundaries]
        return wish


def fleet() -> list[Replica]:
    """The most replicas there can be."""
    return [
        Replica(name=f"{pool}-{i}", address="", pool=pool, model=MODEL, gpu=gpu, perf=latency_model(gpu, MODEL))
        for pool, (gpu, most) in POOLS.items()
        for i in range(most)
    ]


def rule(**settings: float) -> ByLength:
    """The rule with the deadlines of the contest."""
    return ByLength(ttft_s=TTFT_S, tpot_s=TPOT_S, **settings)  # type: ignore[arg-type]


def run(scaling: ByLength, arrivals: Arrivals, seed: int) -> Outcome:
    """Serve a day under a rule; as many prompts may be compressed as the rule believes."""
    watched, replicas = Watched(scaling), fleet()
    conditions = Conditions(
        seed=seed, ttft_slo_s=TTFT_S, tpot_slo_s=TPOT_S, compressible=scaling.compressible,
        read_bytes_per_s=READ_BYTES_PER_S,
        provision_s=START_S - replicas[0].perf.load_seconds(READ_BYTES_PER_S),
    )  # fmt: skip
    done = simulate(arrivals, replicas, routing("shortest_ttft"), conditions, scaling=watched)
    judged = arrivals.at >= UNJUDGED_S
    within = (done.ttft_s <= TTFT_S) & (done.tpot_s <= TPOT_S)
    hourly = np.array([replica.perf.price_per_hour for replica in replicas])
    return Outcome(
        usd=float(done.up_s @ hourly) / HOUR_S,
        kept=float(within[judged].mean()),
        compressed=float((done.prompt_tokens < arrivals.prompt_tokens).mean()),
        boundaries=tuple((at, one.tokens, one.gamma) for at, one in watched.boundaries),
    )
