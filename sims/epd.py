"""Which stage encodes images: beside prefill (EP-D), beside decode (ED-P), apart (E-P-D) or all in one (EPD).

Every way to share out so many replicas of one kind is simulated under the policy that will run live. A request is good
when its first token and its time per token both keep the SLO; the archetype with the most good requests wins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from policies.fleet import Replica
from policies.policy import Routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.simulate import simulate

ARCHETYPES: dict[str, tuple[str, ...]] = {
    "EPD": ("mixed",),
    "EP-D": ("prefill", "decode"),
    "ED-P": ("encode+decode", "prefill"),
    "E-P-D": ("encode", "prefill", "decode"),
}
"""The roles of each, a pool a role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One archetype with so many replicas in each of its roles, and what came of the traffic."""

    archetype: str
    replicas: tuple[int, ...]  # in the order of the archetype's roles
    good: float  # share of all arrivals that kept both deadlines
    ttft_s: float  # mean over all arrivals; inf where one was never served
    tpot_s: float  # 90th percentile


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The best trial, and the best one of every archetype, best first."""

    best: Trial
    each: tuple[Trial, ...]


def choose(
    arrivals: Arrivals,
    kind: Replica,
    replicas: int,
    policy: Routing,
    conditions: Conditions,
    archetypes: Sequence[str] = ("EP-D", "ED-P", "E-P-D"),
) -> Choice:
    """The archetype and its shares that serve the most within the SLO in `conditions`, of which the TPOT comes first.

    Whoever keeps the TPOT for nine requests in ten goes before those who do not. Raises ValueError where the replicas
    are fewer than the roles of every archetype.
    """
    trials = [
        _trial(arrivals, kind, name, counts, policy, conditions)
        for name in archetypes
        for counts in shares(replicas, len(ARCHETYPES[name]))
    ]
    if not trials:
        raise ValueError(f"{replicas} replicas are too few for {', '.join(archetypes)}: give one to each role at least")
    ranked = sorted(trials, key=lambda one: (one.tpot_s > conditions.tpot_slo_s, -one.good, one.ttft_s))
    firsts = {trial.archetype: trial for trial in reversed(ranked)}
    return Choice(best=ranked[0], each=tuple(one for one in ranked if firsts[one.archetype] is one))


def shares(replicas: int, roles: int) -> Iterator[tuple[int, ...]]:
    """Every way to give each role at least one of so many replicas."""
    if roles == 1:
        if replicas >= 1:
            yield (replicas,)
        return
    for first in range(1, replicas - roles + 2):
        for rest in shares(replicas - first, roles - 1):
            yield (first, *rest)


def fleet(kind: Replica, archetype: str, counts: Sequence[int]) -> list[Replica]:
    """The replicas of an archetype, a pool a role."""
    return [
        replace(kind, name=f"{role}-{i}", pool=role, role=role)
        for role, count in zip(ARCHETYPES[archetype], counts, strict=True)
        for i in range(count)
    ]


def _trial(
    arrivals: Arrivals, kind: Replica, archetype: str, counts: tuple[int, ...], policy: Routing, conditions: Conditions
) -> Trial:
    run = simulate(arrivals, fleet(kind, archetype, counts), policy, conditions)
    good = (run.ttft_s <= conditions.ttft_slo_s) & (run.tpot_s <= conditions.tpot_slo_s)
    return Trial(
        archetype=archetype,
        replicas=counts,
        good=float(good.mean()),
        ttft_s=float(run.ttft_s.mean()),
        tpot_s=float(np.quantile(run.tpot_s, 0.9, method="higher")),
    )
