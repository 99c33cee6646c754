"""One rule through some hours on a fleet that is owned: deadlines kept, and where the boundary was."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from policies.fleet import Replica
from policies.perf.profiles import latency_model
from policies.policy import routing
from policies.scale.boundary import ByLength
from policies.scale.scaling import Boundary, History, Wish
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.simulate import simulate

MODEL = "llama-3.1-8b"
POOLS = {"short": ("rtx-4090", 6), "long": ("h100-sxm", 3)}
TTFT_S, TPOT_S = 5.0, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one run."""

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
    """The rule with the deadlines of the contest; all replicas are always there."""
    least = max(most for _, most in POOLS.values())
    return ByLength(ttft_s=TTFT_S, tpot_s=TPOT_S, least=least, **settings)  # type: ignore[arg-type]


def run(scaling: ByLength, arrivals: Arrivals, seed: int) -> Outcome:
    """Serve some hours under a rule; as many prompts may be compressed as the rule believes."""
    watched = Watched(scaling)
    told = Conditions(seed=seed, ttft_slo_s=TTFT_S, tpot_slo_s=TPOT_S, compressible=scaling.compressible)
    done = simulate(arrivals, fleet(), routing("shortest_ttft"), told, scaling=watched)
    return Outcome(
        kept=float(((done.ttft_s <= TTFT_S) & (done.tpot_s <= TPOT_S)).mean()),
        compressed=float((done.prompt_tokens < arrivals.prompt_tokens).mean()),
        boundaries=tuple((at, one.tokens, one.gamma) for at, one in watched.boundaries),
    )
