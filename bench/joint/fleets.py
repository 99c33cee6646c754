"""Fleets of both models, by price; how one serves under a chooser; the cheapest that keeps its promises."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bench.joint.choosers import List, chooser
from bench.joint.traffic import SERVED, Traffic
from policies.fleet import Replica
from policies.perf.profiles import latency_model
from sims.engine.answers import Answers
from sims.engine.conditions import Conditions
from sims.engine.simulate import simulate

SMALL, LARGE = SERVED
GPUS = {SMALL: ("l40s", 1), LARGE: ("h100-sxm", 4)}
TTFT_S, TPOT_S, KEPT = 2.0, 0.1, 0.95
LISTED = List(usd_per_token=(0.2e-6, 0.9e-6))  # together_ai's size classes, see bench/select/prices.py


class Served(NamedTuple):
    """How a fleet served."""

    counts: tuple[int, int]
    usd_per_hour: float
    quality: float
    kept: float  # share of requests within both deadlines


def fleet_of(counts: tuple[int, int]) -> list[Replica]:
    """So many replicas of the small and of the large model."""
    made = []
    for name, count in zip(SERVED, counts, strict=True):
        gpu, gpus = GPUS[name]
        perf = latency_model(gpu, name, gpus)
        made += [
            Replica(name=f"{name}-{i}", address="", pool=name, model=name, gpu=gpu, perf=perf) for i in range(count)
        ]
    return made


def price(counts: tuple[int, int]) -> float:
    """Dollars an hour."""
    return sum(replica.perf.price_per_hour for replica in fleet_of(counts))


def serve(traffic: Traffic, counts: tuple[int, int], worth_usd: float, sees: bool) -> Served:
    """Simulate one fleet under the chooser."""
    fleet = fleet_of(counts)
    answer = traffic.tokens.mean(axis=0).tolist()
    policy = chooser(fleet, traffic.expected, answer, worth_usd, LISTED, sees)
    told = Conditions(ttft_slo_s=TTFT_S, tpot_slo_s=TPOT_S)
    answers = Answers(models=tuple(SERVED), tokens=traffic.tokens)
    run = simulate(traffic.arrivals, fleet, policy, told, answers=answers)
    of_large = np.array([replica.model == LARGE for replica in fleet])[run.replica].astype(np.int64)
    quality = float(traffic.right[np.arange(len(of_large)), of_large].mean())
    kept = float(((run.ttft_s <= TTFT_S) & (run.tpot_s <= TPOT_S)).mean())
    return Served(counts, price(counts), quality, kept)


def by_price(most: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """All fleets of at least one of each, the cheapest first."""
    every = [(small, large) for small in range(1, most[0] + 1) for large in range(1, most[1] + 1)]
    return iter(sorted(every, key=price))
