"""How many replicas more are needed so that, with some of them down, enough are up."""

from collections.abc import Sequence
from math import exp, lgamma, log, log1p

from sims.plan.asked import NoPlan
from sims.plan.outcome import Part, Spares

FAILURES_A_DAY = 0.0065
"""Of one node: Meta's RSC-1 cluster (Kokolis et al. 2024)."""

REPAIR_S = 4.0 * 3600.0
"""From failing to serving again: 4 hours, the shorter of the two repair times such studies calculate with."""

MOST = 1000


def replica_availability(failures_a_day: float = FAILURES_A_DAY, repair_s: float = REPAIR_S) -> float:
    """Share of the time that a replica is up: 1 / (1 + failures × repair)."""
    return 1.0 / (1.0 + failures_a_day * repair_s / 86_400.0)


def enough(needed: int, there: int, up: float) -> float:
    """Probability that of `there` replicas, each up with probability `up`, at least `needed` are."""
    if needed <= 0 or up >= 1.0:
        return 1.0 if there >= needed else 0.0
    return min(1.0, sum(_chance(there, k, up) for k in range(needed, there + 1)))


def spares_for(parts: Sequence[Part], target: float, up: float | None = None) -> Spares:
    """The fewest spares, each part by itself, with which every part has enough with that probability together.

    Raises NoPlan when no number is enough.
    """
    available = replica_availability() if up is None else up
    each = target ** (1.0 / max(len(parts), 1))
    counts = tuple(_spares(part.replicas, each, available) for part in parts)
    reached = 1.0
    for part, more in zip(parts, counts, strict=True):
        reached *= enough(part.replicas, part.replicas + more, available)
    usd = sum(more * part.kind.usd_per_hour for part, more in zip(parts, counts, strict=True))
    return Spares(replicas=counts, replica_availability=available, target=target, reached=reached, usd_per_hour=usd)


def _spares(needed: int, target: float, up: float) -> int:
    for more in range(MOST):
        if enough(needed, needed + more, up) >= target:
            return more
    raise NoPlan(f"availability {target:g} cannot be reached: replicas that are up {up:.2%} of the time are not enough")


def _chance(n: int, k: int, up: float) -> float:
    """Probability that exactly k of n are up."""
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(up) + (n - k) * log1p(-up))
