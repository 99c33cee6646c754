"""Candidate fleets of both models, and how one serves under a chooser that sees it or does not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bench.joint.traffic import Drawn
from policies.fleet import Replica
from policies.perf.profiles import latency_model
from policies.policy import routing
from policies.select.congestion import SURGE
from policies.select.objective import Objective
from sims.engine.conditions import Conditions
from sims.engine.run import SERVED
from sims.engine.simulate import simulate
from sims.select.choosers import AWARE, Value
from sims.select.judging import Judging
from sims.select.questions import served_quality

SMALL, LARGE = "llama-3.1-8b", "llama-3.1-70b"
CARD, B200, H200 = (SMALL, "rtx-pro-6000", 1), (LARGE, "b200", 1), (LARGE, "h200", 2)
LARGES = (((B200, 1),), ((H200, 1),), ((B200, 2),), ((B200, 1), (H200, 1)))
SMALLS = (1, 2)
TTFT_S, TPOT_S = 2.0, 0.1
USD_PER_TOKEN = (0.2e-6, 0.9e-6)  # together_ai's size classes, see bench/select/prices.py

Kind = tuple[str, str, int]
"""Model, GPU, GPUs a replica."""
Fleet = tuple[tuple[Kind, int], ...]


class Served(NamedTuple):
    """How a fleet served."""

    worth_usd: float  # of a right answer to the chooser
    quality: float
    kept: float  # share of requests within both deadlines
    large: float  # share of requests that the large model served


@dataclass(frozen=True, slots=True, kw_only=True)
class Chooser:
    """Who chooses: with sight of the fleet or without; `even` spreads the arrivals evenly."""

    aware: bool
    even: bool = False


def candidates() -> Iterator[Fleet]:
    """Every fleet that is tried, for both choosers alike."""
    for large in LARGES:
        for small in SMALLS:
            yield ((CARD, small), *large)


def replicas(fleet: Fleet) -> list[Replica]:
    """The fleet's replicas, the small model's first."""
    made = []
    for (model, gpu, gpus), count in fleet:
        perf, pool = latency_model(gpu, model, gpus), f"{model}-{gpu}"
        made += [
            Replica(name=f"{pool}-{i}", address="", pool=pool, model=model, gpu=gpu, perf=perf) for i in range(count)
        ]
    return made


def price(fleet: Fleet) -> float:
    """Dollars an hour."""
    return sum(replica.perf.price_per_hour for replica in replicas(fleet))


def serve(drawn: Drawn, seed: int, fleet: Fleet, worth_usd: float, who: Chooser) -> Served:
    """Simulate one fleet under a chooser; the replica within a model is chosen by `shortest_ttft` for both."""
    arrivals, asked = drawn.of(seed, who.even)
    conditions = Conditions(seed=seed, ttft_slo_s=TTFT_S, tpot_slo_s=TPOT_S, unstable_growth=0.2)
    policy, made, questions = routing("shortest_ttft", {}), replicas(fleet), drawn.sent.questions
    if who.aware:
        value = Value(usd_per_token=USD_PER_TOKEN, objective=Objective(worth_usd=worth_usd, surge=SURGE))
        answers = Judging(questions=questions, value=value).answers(AWARE, arrivals, asked)
        run = simulate(arrivals, made, policy, conditions, answers=answers)
    else:
        # At list prices the choice does not hang on the fleet: made ahead, the simulation need not ask for it.
        tokens = asked.tokens.mean(axis=0)
        usd = np.array(USD_PER_TOKEN) * (arrivals.prompt_tokens[:, None] + tokens)
        chosen = (worth_usd * asked.expected - usd).argmax(axis=1).astype(np.int32)
        output = asked.tokens[np.arange(len(chosen)), chosen]
        run = simulate(
            replace(arrivals, model=chosen, models=questions.models, output_tokens=output), made, policy, conditions
        )
    column = [questions.models.index(each.model) for each in made]
    kept = (run.state == SERVED) & (run.ttft_s <= TTFT_S) & (run.tpot_s <= TPOT_S)
    large = np.asarray(column)[np.maximum(run.replica, 0)].mean()
    return Served(worth_usd, float(served_quality(asked, column, run.replica).mean()), float(kept.mean()), float(large))
