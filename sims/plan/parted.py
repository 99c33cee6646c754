"""Designs of several pools, simulated whole: from the latency model's counts up until they meet, then down."""

from dataclasses import replace
from math import ceil

from sims.plan.designs import Bench, designed
from sims.plan.judge import Judge, Verdict
from sims.plan.outcome import Design
from sims.plan.programme import Counts, broken
from sims.plan.traffic import Sampled
from sims.plan.trial import Trial

GROWTH, MOST = 1.15, 2.5
"""Each step up, and how many times the latency model's counts are tried at most."""


def simulated(bench: Bench, design: Design, why: str = "", traffic: Sampled | None = None) -> Design:
    """The same design with counts that simulation lets pass, or that it does not pass at any size tried.

    All pools are one fleet under the policy that routes this design; `why` is what deploying it needs.
    """
    kinds = tuple(part.kind for part in design.parts)
    asked = design.routed(bench.asked)
    judge = Judge(trial=Trial(asked=asked, kinds=kinds, traffic=traffic or bench.traffic, simulate=bench.simulate))
    bench.judges.append(judge)
    found = _grown(judge, tuple(part.replicas for part in design.parts))
    if found is None:
        return replace(design, meets=False, simulated=True, why=f"misses a deadline even {MOST:g} times as large")
    return _told(bench, design, _shrunk(judge, found), why)


def _told(bench: Bench, design: Design, best: Verdict, why: str) -> Design:
    """The design with those counts and what their seeds said."""
    kinds = [part.kind for part in design.parts]
    limits = broken(best.counts, kinds, bench.asked)
    parts = tuple(replace(part, replicas=n) for part, n in zip(design.parts, best.counts, strict=True))
    return replace(
        designed(design.name, kinds, best), parts=parts, meets=not limits, why=" and ".join(limits) or why,
        deployable=design.deployable, policy=design.policy, settings=design.settings, boundary=design.boundary,
        gamma=design.gamma,
    )  # fmt: skip


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
    """Pools in the order of what one replica adds to the figure that is made small."""
    kinds, objective = judge.trial.kinds, judge.asked.objective
    return sorted(range(len(counts)), key=lambda k: -objective.hourly(kinds[k].usd_per_hour, kinds[k].watts))
