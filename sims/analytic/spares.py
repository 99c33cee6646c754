"""Replicas that stand in for those under repair."""

from math import ceil, exp, lgamma, log, log1p


def availability(failures_per_day: float, repair_hours: float) -> float:
    """Share of the time that a node is up; raises ValueError for a negative figure."""
    if failures_per_day < 0.0 or repair_hours < 0.0:
        raise ValueError(f"failures and repair hours must not be negative, not {failures_per_day} and {repair_hours}")
    return 1.0 / (1.0 + failures_per_day * repair_hours / 24.0)


def stocked(needed: int, available: float) -> int:
    """Replicas of which `needed` are up on average."""
    _refuse(available)
    return ceil(needed / available - 1e-9)


def guarded(needed: int, available: float, confidence: float) -> int:
    """The least replicas of which `needed` are up with that probability, each up or down on its own.

    Raises ValueError unless both probabilities lie between 0 and 1.
    """
    _refuse(available)
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence lies between 0 and 1, not {confidence}")
    total = needed
    while up(needed, total, available) < confidence:
        total += 1
    return total


def up(needed: int, total: int, available: float) -> float:
    """Probability that at least `needed` of `total` are up."""
    if needed <= 0 or available == 1.0:
        return float(total >= needed)
    return min(1.0, sum(_exactly(count, total, available) for count in range(needed, total + 1)))


def _exactly(count: int, total: int, available: float) -> float:
    ways = lgamma(total + 1) - lgamma(count + 1) - lgamma(total - count + 1)
    return exp(ways + count * log(available) + (total - count) * log1p(-available))


def _refuse(available: float) -> None:
    if not 0.0 < available <= 1.0:
        raise ValueError(f"availability is above 0 and at most 1, not {available}")
