"""What goes wrong more often than it may: monitored, counted, and held against limits. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType

from policies.adapt.knobs import Failure
from policies.evaluate.logged import Z95

LIMITS: Mapping[Failure, float] = MappingProxyType({
    Failure.FAILED: 0.01, Failure.LATE_FIRST: 0.01, Failure.LATE_REST: 0.01, Failure.BAD: 0.3, Failure.DEAR: 0.1,
    Failure.COLD: 0.1, Failure.LONG: 0.05,
})  # fmt: skip
"""Shares of those of which it is known that may go wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request: whether it went wrong in each way of which that is known."""

    wrong: Mapping[Failure, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many went wrong of those of which it is known."""

    known: int = 0
    wrong: int = 0

    @property
    def share(self) -> float:
        """Of those known; 0 of none."""
        return self.wrong / self.known if self.known else 0.0

    def least(self) -> float:
        """The share that it surely is at least: the lower end of Wilson's 95 % interval."""
        if not self.known:
            return 0.0
        n, p, z2 = self.known, self.share, Z95 * Z95
        middle, spread = p + z2 / (2 * n), Z95 * sqrt(p * (1.0 - p) / n + z2 / (4 * n * n))
        return max((middle - spread) / (1.0 + z2 / n), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """A failure that is surely more frequent than it may be."""

    failure: Failure
    count: Count
    limit: float

    @property
    def severity(self) -> float:
        """How many times its limit it surely is."""
        return self.count.least() / self.limit


def counted(cases: Iterable[Case]) -> dict[Failure, Count]:
    """Every failure's count."""
    known, wrong = dict.fromkeys(Failure, 0), dict.fromkeys(Failure, 0)
    for case in cases:
        for failure, is_wrong in case.wrong.items():
            known[failure] += 1
            wrong[failure] += is_wrong
    return {failure: Count(known=known[failure], wrong=wrong[failure]) for failure in Failure}


def symptoms(counts: Mapping[Failure, Count], limits: Mapping[Failure, float] = LIMITS) -> list[Symptom]:
    """What is surely beyond its limit, the worst first."""
    found = [
        Symptom(failure=failure, count=count, limit=limits[failure])
        for failure, count in counts.items()
        if count.least() > limits[failure]
    ]
    return sorted(found, key=lambda each: (-each.severity, each.failure.value))
