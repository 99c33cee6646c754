"""The kinds of knowledge that are compared, and one run under one of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench.kv_knowledge.scene import TPOT_S, TTFT_S, Scene, infinite_share
from policies.policy import routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import SERVED, Run
from sims.engine.simulate import simulate
from sims.statistics import percentile

POLICY = "shortest_ttft"
SETTINGS: Mapping[str, float] = {"coming": 24.0}
"""A fleet that is to find what it has cached: three times the default's weight on computing it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What the router knows, and of which fleet."""

    says: str
    conditions: Mapping[str, Any]
    policy: str = POLICY
    settings: Mapping[str, float] = field(default_factory=lambda: SETTINGS)


KINDS: Mapping[str, Kind] = {
    "exact": Kind(says="events, 50 ms late", conditions={}),
    "stale_1s": Kind(says="events, 1 s late", conditions={"kv_staleness_s": 1.0}),
    "stale_10s": Kind(says="events, 10 s late", conditions={"kv_staleness_s": 10.0}),
    "gaps_replayed": Kind(says="10 % of batches lost, asked for again", conditions={"event_loss": 0.1}),
    "gaps_forgotten": Kind(
        says="10 % of batches lost, the replica learned anew",
        conditions={"event_loss": 0.1, "event_gaps": "forgotten"},
    ),
    "gaps_ignored": Kind(
        says="10 % of batches lost, nobody notices", conditions={"event_loss": 0.1, "event_gaps": "ignored"}
    ),
    "approximate": Kind(says="its own sends, as much as HBM holds", conditions={"kv_knowledge": "history"}),
    "nothing": Kind(says="nothing: least_loaded", conditions={}, policy="least_loaded", settings={}),
    "default": Kind(says="events, 50 ms late, the policy's defaults", conditions={}, settings={}),
}
SMALLER = ("exact", "approximate", "default")
"""What is also tried on replicas of half the GPUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run: shares are of all prompt tokens, over the whole run from empty caches on."""

    share: float  # cached tokens over those that one endless cache finds
    cached: float
    infinite: float
    missed: float  # of prompt tokens: held where they were sent, and not known to be
    mistaken: float  # believed held there, and not
    ttft_p50_s: float
    ttft_p90_s: float
    tpot_mean_s: float


def perform(scene: Scene, kind: Kind, seed: int) -> Outcome:
    """One run of one seed."""
    arrivals = scene.of(seed)
    conditions = Conditions(seed=max(seed, 0), ttft_slo_s=TTFT_S, tpot_slo_s=TPOT_S, host_tokens=scene.host_tokens)
    run = simulate(arrivals, scene.fleet, routing(kind.policy, kind.settings), replace(conditions, **kind.conditions))
    return summed_up(arrivals, run)


def summed_up(arrivals: Arrivals, run: Run) -> Outcome:
    """The figures of a run."""
    served, total = run.state == SERVED, float(run.prompt_tokens.sum())
    cached, believed = np.where(served, run.cached, 0), np.where(served, run.believed, 0)
    infinite = infinite_share(arrivals)
    return Outcome(
        share=float(cached.sum() / total / infinite) if infinite else 1.0,
        cached=float(cached.sum() / total),
        infinite=infinite,
        missed=float(np.maximum(cached - believed, 0).sum() / total),
        mistaken=float(np.maximum(believed - cached, 0).sum() / total),
        ttft_p50_s=percentile(run.ttft_s, 50.0),
        ttft_p90_s=percentile(run.ttft_s, 90.0),
        tpot_mean_s=float(run.tpot_s[served].mean()),
    )
