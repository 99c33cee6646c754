"""One fleet under the traffic of one seed: how far from each deadline its percentiles are, what it draws."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from math import inf, log
from typing import Protocol

from policies.fleet import Replica
from policies.policy import Routing, routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import Run
from sims.plan.asked import Asked
from sims.plan.kinds import Kind
from sims.plan.programme import Counts
from sims.plan.traffic import Bools, Sampled
from sims.statistics import percentile
from weir.codec import replica
from weir.fleetfile import message

WARM_UP = 0.15
"""Share of a window that is not counted: queues and caches fill."""

WORST = 3.0
"""Margins beyond this say no more: 20 times too late, or never."""


class Simulate(Protocol):
    """Serves arrivals by a fleet under a policy: `sims.engine.simulate.simulate` or what behaves like it."""

    def __call__(
        self, arrivals: Arrivals, fleet: Sequence[Replica], policy: Routing, conditions: Conditions
    ) -> Run:  # fmt: skip
        """Run to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One seed: logarithms of percentile over deadline, negative where kept, and what it took."""

    margins: tuple[float, ...]  # one a class and deadline, in order
    joules_per_token: float  # over all output tokens
    watts: float
    tokens_per_s: float
    cached_share: float  # of prompt tokens
    utilisation: float  # share of the time that replicas compute

    @property
    def worst(self) -> float:
        """The deadline that is missed most or kept least."""
        return max(self.margins)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """The traffic, the deadlines and the simulator: everything of a trial but fleet and seed."""

    asked: Asked
    kinds: tuple[Kind, ...]
    traffic: Sampled
    simulate: Simulate

    @cached_property
    def policy(self) -> Routing:
        """The one that will run live."""
        return routing(self.asked.policy, dict(self.asked.settings))

    def drawn(self, seed: int) -> Arrivals:
        """A seed's arrivals; the same for every fleet."""
        return _drawn(self.traffic, seed)

    def fleet(self, counts: Counts) -> list[Replica]:
        """The replicas as a live pool would describe them."""
        return [_replica(kind, i) for n, kind in zip(counts, self.kinds, strict=True) for i in range(n)]

    def score(self, counts: Counts, seed: int) -> Score:
        """Simulate one seed."""
        run = self.run(counts, seed)
        return scored(run, self.asked)

    def run(self, counts: Counts, seed: int) -> Run:
        """One seed's simulation."""
        ttft_s, tpot_s = self.asked.slo
        conditions = Conditions(seed=seed, ttft_slo_s=ttft_s, tpot_slo_s=tpot_s)
        return self.simulate(self.drawn(seed), self.fleet(counts), self.policy, conditions)


def scored(run: Run, asked: Asked) -> Score:
    """What a run says about the deadlines, after the warm-up."""
    start = float(run.at.min()) if len(run.at) else 0.0
    counted = run.at >= start + WARM_UP * (float(run.at.max()) - start)
    seconds, tokens = max(run.end_s, 1e-9), float(run.output_tokens.sum())
    joules = float(run.joules.sum())
    return Score(
        margins=tuple(margins(run, counted, asked)),
        joules_per_token=joules / max(tokens, 1.0),
        watts=joules / seconds,
        tokens_per_s=tokens / seconds,
        cached_share=float(run.cached.sum()) / max(float(run.prompt_tokens.sum()), 1.0),
        utilisation=float(run.busy_s.sum()) / max(float(run.up_s.sum()), 1e-9),
    )


def margins(run: Run, counted: Bools, asked: Asked) -> list[float]:
    """One figure a class and deadline: the logarithm of the percentile over the deadline, at most WORST."""
    found: list[float] = []
    left = counted.copy()
    for one in asked.classes:
        mine = left & (run.prompt_tokens <= one.most_prompt)
        left &= ~mine
        for what, limit in one.limits:
            values = run.ttft_s[mine] if what == "ttft" else run.tpot_s[mine & (run.output_tokens > 1)]
            found.append(margin(percentile(values, limit.percentile) if len(values) else 0.0, limit.seconds))
    return found


def margin(seconds: float, limit: float) -> float:
    """The logarithm of seconds over limit, within ±WORST."""
    if seconds == inf:
        return WORST
    return max(-WORST, min(WORST, log(max(seconds, 1e-9) / limit)))


@lru_cache(maxsize=64)
def _drawn(traffic: Sampled, seed: int) -> Arrivals:
    return traffic.drawn(seed)


@cache
def _replica(kind: Kind, index: int) -> Replica:
    return replace(replica(message(kind.pool, index, "")), perf=kind.perf)
