"""Prefill apart from decode, simulated: from the latency model's counts up until it meets, then down while it does."""

from dataclasses import replace
from math import ceil

from sims.plan.designs import Bench, designed
from sims.plan.judge import Judge, Verdict
from sims.plan.kinds import Kind
from sims.plan.outcome import Design
from sims.plan.programme import Counts
from sims.plan.trial import Trial

GROWTH, MOST = 1.15, 2.5
"""Each step up, and how many times the latency model's counts are tried at most."""


def simulated(bench: Bench, design: Design) -> Design:
    """The same design with counts that simulation lets pass, or that it does not pass at any size tried."""
    kinds = tuple(in_role(part.kind, part.role) for part in design.parts)
    judge = Judge(trial=Trial(asked=bench.asked, kinds=kinds, traffic=bench.traffic, simulate=bench.simulate))
    first = tuple(part.replicas for part in design.parts)
    found = _grown(judge, first)
    if found is None:
        return replace(design, meets=False, simulated=True, why=f"misses a deadline even {MOST:g} times as large")
    best = _shrunk(judge, found)
    why = "Weir's router serves a request where it was sent: this needs one that hands prefills over"
    return replace(designed(design.name, kinds, best), deployable=False, why=why)


def in_role(kind: Kind, role: str) -> Kind:
    """The kind in a pool of its own for that role."""
    pool = kind.pool.model_copy(update={"role": role, "name": f"{kind.pool.name}-{role}"})
    return replace(kind, pool=pool)


def _grown(judge: Judge, first: Counts) -> Verdict | None:
    times = 1.0
    while times <= MOST:
        verdict = judge.verdict(tuple(ceil(n * times - 1e-9) for n in first))
        if verdict.meets:
            return verdict
        times *= GROWTH
    return None


def _shrunk(judge: Judge, best: Verdict) -> Verdict:
    """Replicas taken out of either pool, eight at a time, then four, two and one, while the deadlines hold."""
    for step in (8, 4, 2, 1):
        smaller: Verdict | None = best
        while smaller is not None:
            best = smaller
            fewer = [_less(best.counts, k, step) for k in _dearest(judge, best.counts)]
            verdicts = (judge.verdict(counts) for counts in fewer if all(counts))
            smaller = next((verdict for verdict in verdicts if verdict.meets), None)
    return best


def _less(counts: Counts, k: int, step: int) -> Counts:
    return tuple(max(n - step * (i == k), 0) for i, n in enumerate(counts))


def _dearest(judge: Judge, counts: Counts) -> list[int]:
    """Pools in the order of what one replica costs."""
    return sorted(range(len(counts)), key=lambda k: -judge.trial.kinds[k].usd_per_hour)
