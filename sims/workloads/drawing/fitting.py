"""What a generator takes from a trace: burstiness, quantiles, log-normals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sims.arrivals import NONE, Arrivals, Floats
from sims.workloads.drawing.times import gaps
from sims.workloads.drawing.workload import CannotFit

# Where a fitted distribution is pinned: closer together in the tail, where the tokens are.
SHARES = (*(round(0.02 * i, 2) for i in range(48)), 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.998, 0.999, 1.0)
DRAWS = 20_000  # gaps drawn of each family, to see which is nearer to the trace's
NEARLY, WORTH = 0.05, 0.02  # how far a cv may be from 1 to be Poisson's; by how much a less simple family must win
LEAST = 3  # arrivals below which nothing is fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Burstiness:
    """How arrivals come."""

    rate_rps: float
    cv: float  # of the times between them
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormal:
    """A log-normal distribution by its median and the standard deviation of the logarithm."""

    median: float
    sigma: float

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> "LogNormal":
        """The one with the same mean and standard deviation of the logarithm; values below 0.001 count as that."""
        logs = np.log(np.maximum(values, 1e-3))
        return cls(median=round(float(np.exp(logs.mean())), 6), sigma=round(float(logs.std()), 6))


def burstiness(sample: Arrivals) -> Burstiness:
    """Rate, variation and nearest family of a trace's arrivals; raises `CannotFit` when they are too few."""
    if len(sample) < LEAST or sample.span_s <= 0.0:
        raise CannotFit(f"{len(sample)} arrivals in {sample.span_s:g} s: a fit needs {LEAST}, not all at once")
    between = np.diff(sample.at)
    rate, cv = 1.0 / float(between.mean()), float(between.std() / between.mean())
    rate, cv = float(f"{rate:.6g}"), float(f"{cv:.6g}")
    return Burstiness(rate_rps=rate, cv=cv, family=_nearest(between, rate, cv))


def _nearest(between: Floats, rate: float, cv: float) -> str:
    """The family whose gaps are nearest to those by Kolmogorov's distance; of equals the simpler."""
    if cv == 0.0:
        return "gamma"
    rng = np.random.Generator(np.random.PCG64(0))
    # Poisson gaps cannot have the trace's variation unless that is about 1: nearer or not, they are for nothing else.
    families = ("poisson", "gamma", "weibull") if abs(cv - 1.0) < NEARLY else ("gamma", "weibull")
    found = {family: distance(between, gaps(rng, rate, cv, DRAWS, family)) for family in families}
    best = min(found, key=lambda family: found[family])
    return families[0] if found[families[0]] < found[best] + WORTH else best


def distance(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    """The largest difference between two empirical distributions (Kolmogorov and Smirnov)."""
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    shares = (np.searchsorted(each, both, side="right") / len(each) for each in (a, b))
    return float(np.abs(next(shares) - next(shares)).max())


def points(tokens: npt.NDArray[Any]) -> tuple[tuple[float, float], ...]:
    """A distribution of token counts as (share, tokens), for `Quantiles`; shape [len(SHARES)]."""
    found = np.maximum(np.quantile(tokens, SHARES), 1.0)
    return tuple((share, round(float(value), 2)) for share, value in zip(SHARES, found.tolist(), strict=True))


def rank_correlation(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    """Spearman's, ties by their order; 0 where one of them does not vary."""
    if len(a) < LEAST or a.min() == a.max() or b.min() == b.max():
        return 0.0
    ranks = (np.argsort(np.argsort(each, kind="stable"), kind="stable") for each in (a, b))
    return round(float(np.corrcoef(next(ranks), next(ranks))[0, 1]), 4)


def need_blocks(sample: Arrivals, name: str) -> None:
    """Raise `CannotFit` where nothing is told of prefixes."""
    if not len(sample.blocks):
        raise CannotFit(f"the trace tells of no blocks, which {name} is fitted from: fit `cdf`, which needs none")


def need_sessions(sample: Arrivals, name: str) -> None:
    """Raise `CannotFit` where no session has two turns."""
    told = sample.session[sample.session != NONE]
    if not len(told) or np.bincount(told).max() < 2:
        raise CannotFit(f"the trace tells of no session with two turns, which {name} is fitted from: fit `cdf`")
