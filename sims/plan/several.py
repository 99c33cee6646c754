"""Designs of several pools beside the mixed one: two by length, with and without compression, prefill from decode."""

from collections.abc import Iterator, Sequence

from sims.plan.designs import Bench, apart
from sims.plan.divided import two_pools
from sims.plan.kinds import Kind
from sims.plan.outcome import Design
from sims.plan.parted import simulated

PROMISING = 3
"""Kinds that prefill and decode pools are made of, the cheapest alone."""

HANDED_OVER = "needs a router that hands prefills over"


def others(
    bench: Bench, kinds: Sequence[Kind], best_cost: float, compressible: float, most_gamma: float, roles: bool
) -> Iterator[Design]:
    """Each as soon as it is known; `roles` simulates prefill apart from decode, which else is the latency model's."""
    if (plain := two_pools(bench, kinds, best_cost)) is not None:
        yield plain
    if compressible > 0.0 and most_gamma > 1.0:
        gammas = sorted({(1.0 + most_gamma) / 2.0, most_gamma})
        if (squeezed := two_pools(bench, kinds, best_cost, gammas, compressible)) is not None:
            yield squeezed
    order = sorted(bench.search.factors, key=bench.analytic_cost)[:PROMISING]
    parted = apart(bench, [bench.kinds[k] for k in order])
    if parted is not None:
        yield simulated(bench, parted, why=HANDED_OVER) if roles else parted
