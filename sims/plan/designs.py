"""The archetypes side by side: each GPU alone, kinds mixed, prefill apart from decode."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import inf
from statistics import fmean, median

import numpy as np

from sims.analytic.size import disaggregated
from sims.analytic.slo import Infeasible, Slo
from sims.plan.asked import Asked
from sims.plan.judge import Judge, Verdict
from sims.plan.kinds import Kind, refusal
from sims.plan.outcome import Design, Part
from sims.plan.search import BUDGET, FILL, Budget, Search, Told
from sims.plan.traffic import Sampled
from sims.plan.trial import Simulate, Trial
from sims.plan.work import Work, work_of

SIZES_TRIED = 1.25
"""Sizes of a replica are simulated whose analytic cost is at most this many times that of the GPU's best size."""

UNSIMULATED = "by the latency model alone"

HOPELESS = 2.0
"""A GPU whose analytic cost is more than this many times that of the best one's whole replicas is not simulated."""


@dataclass(kw_only=True)
class Bench:
    """What designs are made with: one traffic, its kinds, one search over them."""

    asked: Asked
    kinds: tuple[Kind, ...]
    traffic: Sampled
    simulate: Simulate
    budget: Budget = BUDGET
    told: Told = lambda said: None
    search: Search = field(init=False)
    refused: dict[int, str] = field(init=False)  # by kind: why it cannot serve alone
    judges: list[Judge] = field(default_factory=list)  # whose trials were of other pools than these kinds'

    def __post_init__(self) -> None:
        trial = Trial(asked=self.asked, kinds=self.kinds, traffic=self.traffic, simulate=self.simulate)
        self.search = Search(
            judge=Judge(trial=trial), work=work_of(self.kinds, self.traffic.analytic, self.asked), asked=self.asked,
            budget=self.budget, told=self.told,
        )  # fmt: skip
        whys = ((k, refusal(kind, self.asked, self.traffic.analytic)) for k, kind in enumerate(self.kinds))
        self.refused = {k: why for k, why in whys if why}

    @property
    def work(self) -> Work:
        """Of all kinds."""
        return self.search.work

    @property
    def judge(self) -> Judge:
        """Who runs the trials."""
        return self.search.judge

    @property
    def simulated(self) -> tuple[int, int]:
        """(fleets, seeds) simulated so far, by all judges."""
        judges = [self.judge, *self.judges]
        return sum(len(one.known) for one in judges), sum(one.simulated for one in judges)

    def fill(self, kind: Kind) -> float:
        """How busy a pool of a kind may be by the model and still meet the deadlines when simulated."""
        factors = {id(self.kinds[k]): factor for k, factor in self.search.factors.items()}
        return 1.0 / factors.get(id(kind), median(factors.values()) if factors else 1.0 / FILL)

    def analytic_cost(self, k: int) -> float:
        """What kind k alone costs an hour by the latency model, replicas not being whole."""
        return inf if k in self.refused else self.work.alone(k) * self._each(k)

    def _whole_cost(self, k: int) -> float:
        """The same of whole replicas: what the best of them can be had for, where a share of one would do."""
        return inf if k in self.refused else float(np.ceil(self.work.alone(k))) * self._each(k)

    def _each(self, k: int) -> float:
        kind = self.kinds[k]
        return self.asked.objective.hourly(kind.usd_per_hour, kind.watts)

    def singles(self, hopeless: float = HOPELESS) -> Iterator[tuple[Design, Verdict | None]]:
        """The cheapest fleet of each GPU alone, the most promising first."""
        costs = {k: self.analytic_cost(k) for k in range(len(self.kinds))}
        best = min(self._whole_cost(k) for k in costs)
        for rows in sorted(self._by_offer(), key=lambda rows: min(costs[k] for k in rows)):
            least = min(costs[k] for k in rows)
            name = f"only {self.kinds[rows[0]].offer.name}"
            if least == inf or least > hopeless * best:
                yield self._unsimulated(name, rows, costs), None
                continue
            tried = [k for k in rows if costs[k] <= SIZES_TRIED * least]
            found = [verdict for k in tried if (verdict := self.search.alone(k))]
            chosen = min(found, key=lambda one: self.search.cost(one.counts), default=None)
            yield self.design(name, chosen), chosen

    def design(self, name: str, verdict: Verdict | None) -> Design:
        """What a verdict says of a fleet."""
        if verdict is None:
            return Design(name=name, why="more replicas than the limits allow miss the deadlines still")
        return designed(name, self.kinds, verdict)

    def _by_offer(self) -> list[list[int]]:
        offers = {id(kind.offer): [] for kind in self.kinds}  # type: dict[int, list[int]]
        for k, kind in enumerate(self.kinds):
            offers[id(kind.offer)].append(k)
        return list(offers.values())

    def _unsimulated(self, name: str, rows: Sequence[int], costs: dict[int, float]) -> Design:
        best = min(rows, key=lambda k: costs[k])
        if costs[best] == inf:
            return Design(name=name, why=self.refused.get(best, "a request does not fit"))
        n = int(np.ceil(self.work.alone(best)))
        return Design(
            name=name, parts=(Part(kind=self.kinds[best], replicas=n),), why="far dearer by the latency model"
        )


def designed(name: str, kinds: Sequence[Kind], verdict: Verdict) -> Design:
    """A design from what simulation said of it."""
    return Design(
        name=name,
        parts=tuple(
            Part(kind=kind, replicas=n, role=kind.pool.role) for kind, n in zip(kinds, verdict.counts, strict=True) if n
        ),
        meets=verdict.meets,
        simulated=True,
        why="" if verdict.meets else "misses a deadline",
        seeds=len(verdict.scores),
        bound=verdict.bound,
        margins=tuple(
            float(np.exp(fmean(column))) for column in zip(*(s.margins for s in verdict.scores), strict=True)
        ),
        watts=verdict.mean(lambda s: s.watts),
        joules_per_token=verdict.mean(lambda s: s.joules_per_token),
        cached_share=verdict.mean(lambda s: s.cached_share),
        utilisation=verdict.mean(lambda s: s.utilisation),
    )


def apart(bench: Bench, promising: Sequence[Kind]) -> Design | None:
    """Prefill apart from decode, the cheapest pair of kinds by the latency model, as full as one pool could be."""
    found: list[Design] = []
    for pair in product(promising, repeat=2):
        try:
            slo = slo_of(bench.asked, bench.fill(pair[1]))
            size = disaggregated(bench.traffic.analytic, pair[0].perf, pair[1].perf, slo)
        except Infeasible:
            continue
        parts = tuple(
            Part(kind=pooled(kind, pool.role, role=pool.role), replicas=pool.replicas, role=pool.role)
            for kind, pool in zip(pair, size.pools, strict=True)
        )
        found.append(Design(
            name="prefill apart from decode", parts=parts, meets=True, watts=size.watts,
            why=UNSIMULATED,
        ))  # fmt: skip
    return min(found, key=lambda one: one.cost(bench.asked.objective), default=None)


def pooled(kind: Kind, suffix: str, **more: str) -> Kind:
    """The kind in a pool of its own name; `more` replaces what the fleet file says of that pool."""
    pool = kind.pool.model_copy(update={**more, "name": f"{kind.pool.name}-{suffix}"})
    return replace(kind, pool=pool)


def slo_of(asked: Asked, most_utilisation: float) -> Slo:
    """The tightest deadlines in the analytic part's terms."""
    ttft = [one.ttft for one in asked.classes if one.ttft]
    tpot = [one.tpot for one in asked.classes if one.tpot]
    ttft_s, tpot_s = asked.slo
    return Slo(
        ttft_s=ttft_s if ttft else inf,
        ttft_share=max((one.percentile for one in ttft), default=90.0) / 100.0,
        tpot_s=tpot_s if tpot else inf,
        tpot_share=max((one.percentile for one in tpot), default=90.0) / 100.0,
        most_utilisation=min(max(most_utilisation, 0.3), 0.95),
    )
