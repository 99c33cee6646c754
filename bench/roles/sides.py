"""Who competes: fleets that stay as they are, the policy, and an oracle that has seen what is to come."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from policies.fleet import Replica
from policies.perf.profiles import latency_model
from policies.policy import routing
from policies.scale.scaling import History, Scaling, Wish
from policies.scale.splits import Split, moves, split_of
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import Run
from sims.engine.simulate import simulate

GPU, MODEL, GPUS, REPLICAS = "h100-sxm", "qwen3-32b", 2, 8
TTFT_S, TPOT_S = 1.0, 0.05  # xLLM's target_ttft and target_tpot
CONDITIONS = Conditions(ttft_slo_s=TTFT_S, tpot_slo_s=TPOT_S)
ROUTE, MIN_LOAD = "shortest_ttft", "least_loaded"
MIXED = Split(0, 0, REPLICAS)
APART = tuple(Split(prefill, REPLICAS - prefill, 0) for prefill in range(1, REPLICAS))
SPLITS = (*APART, MIXED)


def fleet(split: Split) -> list[Replica]:
    """Eight replicas alike, a pool a role."""
    perf = latency_model(GPU, MODEL, GPUS)
    return [
        Replica(name=f"{role}-{i}", address="", pool=role, model=MODEL, gpu=GPU, perf=perf, role=role)
        for role, count in zip(Split._fields, split, strict=True)
        for i in range(count)
    ]


def fixed(arrivals: Arrivals, split: Split, route: str = ROUTE) -> Run:
    """A fleet that stays as it is."""
    return simulate(arrivals, fleet(split), routing(route), CONDITIONS)


def good(run: Run) -> npt.NDArray[np.bool_]:
    """Which requests kept both deadlines; one never served did not."""
    return (run.ttft_s <= TTFT_S) & (run.tpot_s <= TPOT_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreknowing:
    """Switches as each phase begins to the split that is best for it: it has seen the phase."""

    plan: tuple[tuple[float, Split], ...]  # from when on; the first from 0 on
    drains: bool
    interval_s: float = 5.0

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        latest = history[-1]
        here, there = split_of(latest), [split for at, split in self.plan if at <= now][-1]
        if here == there or here.replicas != there.replicas:
            return Wish(replicas={})
        return Wish(replicas={}, moves=moves(latest, here, there, drains=self.drains))


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A scaling policy, and when it had which split."""

    scaling: Scaling
    splits: list[tuple[float, Split]] = field(default_factory=list)
    why: list[tuple[float, str]] = field(default_factory=list)

    @property
    def interval_s(self) -> float:
        """See `Scaling`."""
        return self.scaling.interval_s

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        here = split_of(history[-1])
        if len(history) > 1 and (not self.splits or self.splits[-1][1] != here):
            self.splits.append((now, here))
        wish = self.scaling.wanted(history, now)
        if wish.moves:
            self.why.append((now, wish.why))
        return wish


def switched(arrivals: Arrivals, first: Split, scaling: Scaling) -> tuple[Run, Noted]:
    """A fleet whose roles change, and how they did."""
    noted = Noted(scaling=scaling)
    return simulate(arrivals, fleet(first), routing(ROUTE), CONDITIONS, scaling=noted), noted
