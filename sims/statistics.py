"""Honest numbers: percentiles over arrivals, warm-up removed, 95 % intervals over seeds, goodput under an SLO."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, isinf, nan, sqrt

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

UNSERVED = inf  # how late a request is that was never answered: it counts against every percentile

# Student's t, two-sided 95 %, for 1 to 30 degrees of freedom (NIST/SEMATECH e-Handbook, table 1.3.6.7.2).
T_975 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
    2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip
Z_975 = 1.959963984540054


def percentile(values: npt.ArrayLike, q: float) -> float:
    """The q-th percentile (0 to 100), linear between neighbours; inf where an unserved one decides it, nan of none."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if not len(ordered):
        return nan
    place = q / 100.0 * (len(ordered) - 1)
    low = int(place)
    high, share = min(low + 1, len(ordered) - 1), place - low
    if share == 0.0 or ordered[low] == ordered[high]:  # also inf beside inf
        return float(ordered[low])
    return float(ordered[low] + (ordered[high] - ordered[low]) * share)


def served_mean(values: npt.ArrayLike) -> float:
    """The mean over requests that were served; nan when none was."""
    array = np.asarray(values, dtype=np.float64)
    finite = array[np.isfinite(array)]
    return float(finite.mean()) if len(finite) else nan


def after_warmup(at: npt.ArrayLike, warmup_s: float, until_s: float = inf) -> npt.NDArray[np.bool_]:
    """Which arrivals count: those from `warmup_s` seconds on, and before `until_s`, where the load falls off."""
    times = np.asarray(at, dtype=np.float64)
    return (times >= warmup_s) & (times < until_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean over seeds and the half width of its 95 % confidence interval."""

    mean: float
    half: float  # inf with fewer than two seeds: one run says nothing of chance
    seeds: int

    @property
    def low(self) -> float:
        """The lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """The upper end."""
        return self.mean + self.half

    @property
    def apart_from_zero(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0.0 or self.high < 0.0


def interval(values: Sequence[float]) -> Interval:
    """Student's interval over one value a seed; a seed with an endless value makes it endless."""
    count = len(values)
    if not count:
        raise ValueError("no values to take an interval over")
    mean = sum(values) / count
    if count < 2 or not all(isfinite(value) for value in values):
        return Interval(mean=mean, half=inf if count < 2 or isinf(mean) else nan, seeds=count)
    deviation = sqrt(sum((value - mean) ** 2 for value in values) / (count - 1))
    return Interval(mean=mean, half=t_975(count - 1) * deviation / sqrt(count), seeds=count)


def t_975(freedom: int) -> float:
    """Student's t for a two-sided 95 % interval: tabled to 30 degrees of freedom, then by expansion."""
    if freedom < 1:
        raise ValueError(f"degrees of freedom must be 1 or more, not {freedom}")
    if freedom <= len(T_975):
        return T_975[freedom - 1]
    z = Z_975  # Cornish and Fisher, Abramowitz & Stegun 26.7.5
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    return z + first / freedom + second / freedom**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodput:
    """Requests that met the SLO."""

    share: float  # of all that arrived
    rps: float


def goodput(ttft_s: npt.ArrayLike, tpot_s: npt.ArrayLike, slo: tuple[float, float], span_s: float) -> Goodput:
    """Requests within (ttft, tpot) seconds, over `span_s` seconds; a value per arrival, `UNSERVED` where none came."""
    within = (np.asarray(ttft_s) <= slo[0]) & (np.asarray(tpot_s) <= slo[1])
    met = int(within.sum())
    return Goodput(share=met / len(within) if len(within) else nan, rps=met / span_s if span_s > 0.0 else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One thing against another, seed by seed."""

    difference: Interval  # first minus second
    ratio: float  # of the means; nan when the second's is 0
    wins: int  # seeds where the first was smaller

    @property
    def decided(self) -> bool:
        """Whether chance is ruled out at 95 %."""
        return self.difference.apart_from_zero


def compare(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Paired over seeds: the same draws for both cancel out; raises ValueError unless both have as many."""
    if len(first) != len(second):
        raise ValueError(f"a paired comparison needs the same seeds on both sides, not {len(first)} and {len(second)}")
    total = sum(second)
    return Comparison(
        difference=interval([a - b for a, b in zip(first, second, strict=True)]),
        ratio=sum(first) / total if total else nan,
        wins=sum(a < b for a, b in zip(first, second, strict=True)),
    )
