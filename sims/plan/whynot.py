"""Why there is no plan: which limit stands in the way, and by how much."""

from math import exp

from sims.plan.designs import Bench
from sims.plan.kinds import Kind
from sims.plan.programme import broken, mix


def why_not(bench: Bench) -> str:
    """One sentence."""
    asked = bench.asked
    if len(bench.refused) == len(bench.kinds):
        k = min(bench.refused, key=lambda k: _hope(bench.kinds[k]))
        return f"no offered GPU meets the deadlines; the fastest, {bench.kinds[k].name}: {bench.refused[k]}"
    free = mix(bench.search.corrected(), asked, 1.0, limited=False)
    if free is None:
        return f"no fleet of up to {asked.limits.most_replicas:,} replicas carries the traffic: offer faster GPUs"
    missing = " and ".join(broken(free.counts, bench.kinds, asked))
    closest = min(bench.judge.known.values(), key=lambda one: one.worst, default=None)
    if missing or closest is None:
        return f"about {bench.search.said(free.counts)} would be needed: {missing or 'nothing was simulated'}"
    by = 100.0 * (exp(max(closest.worst, 0.0)) - 1.0)
    return f"the closest fleet simulated, {bench.search.said(closest.counts)}, misses a deadline by {by:.0f} %"


def _hope(kind: Kind) -> float:
    """Seconds of a long prompt and many tokens: the less the better."""
    return kind.idle_ttft(4096.0) + 100.0 * kind.idle_tpot(4096.0, 1.0)
