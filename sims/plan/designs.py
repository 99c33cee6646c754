"""The archetypes side by side: each GPU alone, kinds mixed, two pools by length, prefill apart from decode."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from statistics import fmean

import numpy as np

from sims.analytic.size import disaggregated
from sims.analytic.slo import Infeasible, Slo
from sims.plan.asked import Asked
from sims.plan.judge import Judge, Verdict
from sims.plan.kinds import Kind, fits_longest, refusal
from sims.plan.outcome import Design, Part
from sims.plan.search import BUDGET, Budget, Search, Told
from sims.plan.traffic import Sampled
from sims.plan.trial import Simulate, Trial
from sims.plan.work import Work, work_of

SIZES_TRIED = 1.25
"""Sizes of a replica are simulated whose analytic cost is at most this many times that of the GPU's best size."""

HOPELESS = 2.0
"""A GPU whose analytic cost is more than this many times the best one's is not simulated."""

BOUNDARIES = (0.5, 0.75, 0.9, 0.95)
"""Shares of requests below the boundaries of two pools that are looked at."""


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

    def analytic_cost(self, k: int) -> float:
        """What kind k alone costs an hour by the latency model, replicas not being whole."""
        return inf if k in self.refused else self.work.alone(k) * self._each(k)

    def _each(self, k: int) -> float:
        kind = self.kinds[k]
        return self.asked.objective.hourly(kind.usd_per_hour, kind.watts)

    def singles(self, hopeless: float = HOPELESS) -> Iterator[tuple[Design, Verdict | None]]:
        """The cheapest fleet of each GPU alone, the most promising first."""
        costs = {k: self.analytic_cost(k) for k in range(len(self.kinds))}
        best = min(costs.values())
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


def two_pools(
    bench: Bench, best_cost: float, most: int = 2, compressible: float = 0.0, most_gamma: float = 1.0
) -> Design | None:
    """The cheapest two pools by prompt length, of few boundaries; None where none looks better than twice the best."""
    prompts = bench.traffic.arrivals.prompt_tokens
    if not np.isnan(bench.traffic.arrivals.after_s).all():
        return None  # turns that wait for one another must not be dealt out to parts that are simulated apart
    edges = sorted({int(np.quantile(prompts, share)) for share in BOUNDARIES})
    gammas = [1.0] if compressible <= 0.0 else sorted({1.0, (1.0 + most_gamma) / 2.0, most_gamma})
    choices = [(edge, gamma) for edge in edges if 0 < edge < prompts.max() for gamma in gammas]
    benches = {choice: _divided(bench, *choice, compressible) for choice in choices}
    rough = {choice: sum(_cheapest_rough(each) for each in pair) for choice, pair in benches.items()}
    found: list[Design] = []
    for choice in sorted(rough, key=lambda one: rough[one])[:most]:
        if rough[choice] > 2.0 * best_cost:
            break
        bench.told(f"two pools at {choice[0]:,} prompt tokens")
        design = _both(*choice, *benches[choice])
        if design is not None:
            found.append(design)
    return min(found, key=lambda one: one.usd_per_hour, default=None)


def _divided(bench: Bench, boundary: int, gamma: float, compressible: float) -> tuple[Bench, Bench]:
    """The short and the long part, each with a bench of its own."""
    short, long = divided(bench.traffic, boundary, gamma, compressible)
    budget = Budget(trials=bench.budget.trials // 4, seconds=bench.budget.seconds / 4.0)

    def part(traffic: Sampled) -> Bench:
        kinds = tuple(kind for kind in bench.kinds if fits_longest(kind, traffic.analytic))
        return Bench(
            asked=bench.asked, kinds=kinds, traffic=traffic, simulate=bench.simulate, budget=budget,
            told=bench.told,
        )  # fmt: skip

    return part(short), part(long)


def divided(traffic: Sampled, boundary: int, gamma: float = 1.0, compressible: float = 0.0) -> tuple[Sampled, Sampled]:
    """(short, long) by prompt tokens; of those up to gamma boundaries a share is compressed to it and counts as short.

    A compressed prompt shares no prefix with anybody.
    """
    arrivals = traffic.arrivals
    prompts = arrivals.prompt_tokens
    coins = np.random.Generator(np.random.PCG64([boundary, 0xC0DE])).random(len(prompts))
    squeezed = (prompts > boundary) & (prompts <= gamma * boundary) & (coins < compressible)
    if squeezed.any():
        lengths = np.where(squeezed, boundary, prompts).astype(prompts.dtype)
        counts = np.where(squeezed, 0, np.diff(arrivals.ends))
        kept = np.repeat(~squeezed, np.diff(arrivals.ends))
        ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        _, blocks = np.unique(arrivals.blocks[kept], return_inverse=True)
        arrivals = replace(arrivals, prompt_tokens=lengths, blocks=blocks.astype(np.int32), ends=ends)
    whole = replace(traffic, arrivals=arrivals)
    below = arrivals.prompt_tokens <= boundary
    return whole.part(below, f"prompts up to {boundary:,}"), whole.part(~below, f"prompts over {boundary:,}")


def _cheapest_rough(bench: Bench) -> float:
    return min(bench.analytic_cost(k) + 0.5 * bench._each(k) for k in range(len(bench.kinds)))


def _both(boundary: int, gamma: float, short: Bench, long: Bench) -> Design | None:
    """Each part's cheapest kind, simulated on its own; None when one has none."""
    found = []
    for bench in (short, long):
        met = [(design, verdict) for design, verdict in bench.singles(hopeless=1.5) if verdict is not None]
        if not met:
            return None
        found.append(min(met, key=lambda one: one[0].usd_per_hour))
    (first, _), (second, _) = found
    parts = [
        *(replace(part, most_prompt=float(boundary)) for part in first.parts),
        *(replace(part, least_prompt=float(boundary)) for part in second.parts),
    ]
    return Design(
        name="two pools by length", parts=tuple(parts), meets=True, simulated=True, deployable=False,
        boundary=float(boundary), gamma=gamma, seeds=min(first.seeds, second.seeds),
        why="needs a router that divides by prompt length before it routes",
        watts=(first.watts or 0.0) + (second.watts or 0.0),
    )  # fmt: skip


def apart(bench: Bench, promising: Sequence[int], fills: Callable[[int], float]) -> Design | None:
    """Prefill apart from decode, the cheapest pair of kinds by the latency model, as full as one pool could be.

    `fills` is how busy a single pool of a kind may be by the model and still meet the deadlines when simulated.
    """
    found: list[Design] = []
    for a in promising:
        for b in promising:
            try:
                size = disaggregated(
                    bench.traffic.analytic, bench.kinds[a].perf, bench.kinds[b].perf, slo_of(bench.asked, fills(b))
                )
            except Infeasible:
                continue
            parts = tuple(
                Part(kind=bench.kinds[k], replicas=pool.replicas, role=pool.role)
                for k, pool in zip((a, b), size.pools, strict=True)
            )
            found.append(Design(
                name="prefill apart from decode", parts=parts, meets=True, deployable=False, watts=size.watts,
                why="by the latency model alone",
            ))  # fmt: skip
    return min(found, key=lambda one: one.usd_per_hour, default=None)


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
