"""Instances small enough to try every fleet: how far from the cheapest the planner's is."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from bench.plan.traffic import case, traffic
from sims.engine.simulate import simulate
from sims.plan.asked import Asked, Offer
from sims.plan.judge import Judge
from sims.plan.kinds import kinds_of
from sims.plan.planner import plan
from sims.plan.programme import Counts, hourly
from sims.plan.traffic import Sampled
from sims.plan.trial import Trial

SMALL = (
    ("azure", 0.30, ("h100-sxm", "a100-80", "l40s")),
    ("azure", 0.42, ("h100-sxm", "l40s", "h200")),
    ("azure", 0.12, ("a100-80", "l40s", "a10g")),
    ("mooncake", 0.08, ("h100-sxm", "a100-80", "h200")),
)
"""Case, share of its rate, GPUs."""

REQUESTS = 4000


def gaps(data: Path) -> list[float]:
    """What the planner's fleet costs more than the cheapest of all, as a share, an instance each."""
    return [gap(*instance(data, name, share, gpus)) for name, share, gpus in SMALL]


def instance(data: Path, name: str, share: float, gpus: Sequence[str]) -> tuple[Asked, Sampled]:
    """A small request and its traffic."""
    asked = replace(case(name).asked(), offers=tuple(Offer(gpu=gpu, sizes=(1,)) for gpu in gpus))
    whole = traffic(name, data)
    some = np.arange(len(whole.arrivals)) < REQUESTS
    return asked, whole.part(some, f"{REQUESTS} requests").at_rate(share)


def gap(asked: Asked, given: Sampled) -> float:
    """The planner's cost over the optimum's, less one."""
    kinds, _ = kinds_of(asked)
    found = plan(asked, given, simulate=simulate, only_mixed=True)
    planned = found.chosen.usd_per_hour
    judge = Judge(trial=Trial(asked=asked, kinds=tuple(kinds), traffic=given, simulate=simulate))
    costs = [hourly(kind, asked) for kind in kinds]
    below = cheaper(costs, planned)
    say(f"{found.chosen.said}: {len(below)} fleets are cheaper, {found.fleets_simulated} were tried")
    for counts in below:
        if judge.verdict(counts).meets:
            return planned / float(np.dot(costs, counts)) - 1.0
    return 0.0


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


def cheaper(costs: Sequence[float], most: float) -> list[Counts]:
    """Every fleet that costs less than `most`, the cheapest first."""
    ranges = [range(int(most / cost) + 1) for cost in costs]
    fleets = [counts for counts in product(*ranges) if 0.0 < np.dot(costs, counts) < most - 1e-9]
    return sorted(fleets, key=lambda counts: float(np.dot(costs, counts)))
