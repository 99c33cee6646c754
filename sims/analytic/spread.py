"""How a latency spreads over requests: its mean, how many exceed a deadline, its percentiles."""

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, inf, sqrt
from typing import Protocol

import numpy as np

from sims.analytic.queueing import Wait
from sims.analytic.traffic import Floats

HALVINGS = 60


class Spread(Protocol):
    """A latency over all requests, in seconds."""

    @property
    def mean_s(self) -> float:
        """Its mean."""

    def exceeds(self, seconds: float) -> float:
        """Share of requests above so many seconds."""

    def quantile(self, share: float) -> float:
        """Seconds that this share of requests does not exceed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waited:
    """Each request's own time after two waits, independent of it and of each other."""

    own: Floats  # seconds, shape [points]
    weights: Floats
    waits: tuple[Wait, Wait]

    @property
    def mean_s(self) -> float:
        """Own time and both waits, on average."""
        return float(np.dot(self.weights, self.own)) + sum(wait.overall_s for wait in self.waits)

    def exceeds(self, seconds: float) -> float:
        """Share of requests that take longer."""
        left = seconds - self.own
        return float(np.dot(self.weights, np.where(left < 0.0, 1.0, both_exceed(self.waits, np.maximum(left, 0.0)))))

    def quantile(self, share: float) -> float:
        """Seconds that this share keeps; infinite when a queue grows without end."""
        if any(wait.mean_s == inf and wait.probability > 0.0 for wait in self.waits):
            return inf
        high = float(self.own.max()) + sum(50.0 * wait.mean_s for wait in self.waits)
        return least(lambda seconds: self.exceeds(seconds) <= 1.0 - share, 0.0, high)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scattered:
    """Each request's time log-normal about a common mean, some scattering more than others."""

    mean_s: float
    deviations: Floats  # seconds, shape [points]
    weights: Floats

    def exceeds(self, seconds: float) -> float:
        """Share of requests above so many seconds."""
        if not 0.0 < self.mean_s < inf or seconds <= 0.0:
            return float(self.mean_s > seconds)
        widths = np.sqrt(np.log1p((self.deviations / self.mean_s) ** 2))
        above = (np.log(seconds / self.mean_s) + widths**2 / 2.0) / np.maximum(widths, 1e-9)
        return float(np.dot(self.weights, [0.5 * (1.0 - erf(z / sqrt(2.0))) for z in above.tolist()]))

    def quantile(self, share: float) -> float:
        """Seconds that this share of requests does not exceed."""
        if not 0.0 < self.mean_s < inf:
            return self.mean_s
        worst = self.mean_s + 50.0 * float(self.deviations.max(initial=0.0))
        return least(lambda seconds: self.exceeds(seconds) <= 1.0 - share, 0.0, worst)


def both_exceed(waits: tuple[Wait, Wait], seconds: Floats) -> Floats:
    """Probability that two independent waits together exceed so many seconds, a time each."""
    a, b = waits
    if a.mean_s <= 0.0 or a.probability <= 0.0:
        return _exceeds(b, seconds)
    if b.mean_s <= 0.0 or b.probability <= 0.0:
        return _exceeds(a, seconds)
    if inf in (a.mean_s, b.mean_s):
        return np.ones_like(seconds)
    one = a.probability * (1.0 - b.probability) * np.exp(-seconds / a.mean_s)
    other = b.probability * (1.0 - a.probability) * np.exp(-seconds / b.mean_s)
    return one + other + a.probability * b.probability * _sum_exceeds(a.mean_s, b.mean_s, seconds)


def least(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The least value in between from which on something holds, by halving; `high` when it never does."""
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if holds(middle):
            high = middle
        else:
            low = middle
        if high - low <= 1e-9 * high:
            break
    return high


def _exceeds(wait: Wait, seconds: Floats) -> Floats:
    if wait.mean_s == inf:
        return np.ones_like(seconds)
    return wait.probability * np.exp(-seconds / wait.mean_s) if wait.mean_s > 0.0 else np.zeros_like(seconds)


def _sum_exceeds(a: float, b: float, seconds: Floats) -> Floats:
    """The same for the sum of two exponentials of means a and b; means nearly equal make it Erlang's."""
    if abs(a - b) < 1e-6 * (a + b):
        mean = 0.5 * (a + b)
        return (1.0 + seconds / mean) * np.exp(-seconds / mean)
    return (a * np.exp(-seconds / a) - b * np.exp(-seconds / b)) / (a - b)
