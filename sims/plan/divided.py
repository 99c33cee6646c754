"""Two pools by length: requests up to a boundary on one, longer ones on the other, some compressed to fit the first.

Where to divide is looked for by the latency model, a pool at a time; what is simulated is the whole fleet under the
router's own `length_split`, which sees a prompt and what it expects of the answer, never the answer itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from sims.analytic.size import size_pool
from sims.analytic.slo import Infeasible
from sims.analytic.traffic import Traffic, compressed
from sims.plan.designs import UNSIMULATED, Bench, pooled, slo_of
from sims.plan.kinds import Kind, fits_longest
from sims.plan.outcome import Design, Part
from sims.plan.parted import simulated
from sims.plan.traffic import Bools, Sampled

PLAIN, SQUEEZED = "two pools by length", "two pools, prompts compressed"
POLICY, THRESHOLD = "length_split", "threshold"
COMPRESSOR = "needs a compressor before the router: Weir has none"

BOUNDARIES = (0.5, 0.75, 0.9, 0.95)
"""Shares of requests below the boundaries that are looked at."""

ROOM = 0.9
"""Share of what fits the short pool that a prompt is compressed to: what answers to expect is learned, so it moves."""

HOPELESS = 1.25
"""Two pools that are more than this many times as dear as the best fleet, by the latency model, are not simulated."""

SIMULATED = 2
"""Boundaries simulated at the most, the most promising first."""


def two_pools(
    bench: Bench, kinds: Sequence[Kind], best_cost: float, gammas: Sequence[float] = (1.0,), compressible: float = 0.0
) -> Design | None:
    """The cheapest two pools of any kinds, simulated as one fleet where they look no dearer than most; None where no
    boundary leaves two pools that meet the deadlines by the latency model."""
    rough = sorted(_rough(bench, kinds, gammas, compressible), key=lambda one: one.cost(bench.asked.objective))
    found = []
    for design in rough[:SIMULATED]:
        if design.cost(bench.asked.objective) > HOPELESS * best_cost:
            break
        bench.told(f"{design.name} at {design.boundary:,.0f} tokens")
        squeezed = compressing(bench.traffic, design.boundary or inf, design.gamma, compressible)
        found.append(simulated(bench, design, why=design.why if design.gamma > 1.0 else "", traffic=squeezed))
    met = [one for one in found if one.meets] or found
    if met:
        return min(met, key=lambda one: one.cost(bench.asked.objective))
    return replace(rough[0], why=UNSIMULATED) if rough else None


def _rough(
    bench: Bench, kinds: Sequence[Kind], gammas: Sequence[float], compressible: float
) -> Iterator[Design]:  # fmt: skip
    """By the latency model: for every boundary and gamma the cheapest kind of either pool."""
    whole = bench.traffic.analytic
    for boundary in boundaries(whole):
        for gamma in gammas:
            parts = compressed(whole, boundary, gamma, compressible)
            if parts[0] is None or parts[1] is None:
                continue
            short, long = (_cheapest(bench, kinds, part.thinned()) for part in parts if part is not None)
            if short is not None and long is not None:
                yield _design(boundary, gamma, short, long)


def boundaries(traffic: Traffic) -> list[float]:
    """Tokens, prompt and answer, at which to divide."""
    order = np.argsort(traffic.totals)
    sums = np.cumsum(traffic.weights[order]) / traffic.weights.sum()
    places = np.minimum(np.searchsorted(sums, BOUNDARIES), len(order) - 1)
    return [float(np.floor(each)) for each in np.unique(traffic.totals[order][places])]


def _cheapest(bench: Bench, kinds: Sequence[Kind], part: Traffic) -> tuple[Kind, int] | None:
    """The kind that carries a part for the least, and how many of it."""
    found: list[tuple[float, Kind, int]] = []
    for kind in kinds:
        if not fits_longest(kind, part):
            continue
        try:
            replicas = size_pool(part, kind.perf, slo_of(bench.asked, bench.fill(kind))).replicas
        except Infeasible:
            continue
        found.append((replicas * bench.asked.objective.hourly(kind.usd_per_hour, kind.watts), kind, replicas))
    best = min(found, key=lambda one: one[0], default=None)
    return best and (best[1], best[2])


def _design(boundary: float, gamma: float, short: tuple[Kind, int], long: tuple[Kind, int]) -> Design:
    """The two as a design: the short pool first, for `length_split` goes by their order."""
    parts = (
        Part(kind=pooled(short[0], "short"), replicas=short[1], most_tokens=boundary),
        Part(kind=pooled(long[0], "long"), replicas=long[1], least_tokens=boundary),
    )
    return Design(
        name=PLAIN if gamma == 1.0 else SQUEEZED, parts=parts, meets=True, deployable=gamma == 1.0, policy=POLICY,
        settings=((THRESHOLD, boundary),), boundary=boundary, gamma=gamma, why=COMPRESSOR if gamma > 1.0 else "",
    )  # fmt: skip


def compressing(traffic: Sampled, boundary: float, gamma: float, compressible: float) -> Sampled:
    """The traffic behind a compressor: of prompts that with a mean answer exceed the boundary, but not gamma times it,
    a share is cut to fit. A compressed prompt shares no prefix with anybody."""
    arrivals = traffic.arrivals
    answer = float(arrivals.output_tokens.mean())
    room, totals = int(ROOM * (boundary - answer)), arrivals.prompt_tokens + answer
    coins = np.random.Generator(np.random.PCG64([int(boundary), 0xC0DE])).random(len(arrivals))
    cut = (totals > boundary) & (totals <= gamma * boundary) & (coins < compressible)
    return _cut(traffic, cut, room) if room >= 1 and cut.any() else traffic


def _cut(traffic: Sampled, cut: Bools, room: int) -> Sampled:
    arrivals = traffic.arrivals
    lengths = np.where(cut, np.minimum(arrivals.prompt_tokens, room), arrivals.prompt_tokens)
    counts = np.diff(arrivals.ends)
    _, blocks = np.unique(arrivals.blocks[np.repeat(~cut, counts)], return_inverse=True)
    ends = np.concatenate([[0], np.cumsum(np.where(cut, 0, counts))]).astype(np.int64)
    changed = replace(arrivals, prompt_tokens=lengths.astype(np.int32), blocks=blocks.astype(np.int32), ends=ends)
    return replace(traffic, arrivals=changed)
