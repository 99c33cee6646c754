"""When requests arrive."""

from collections.abc import Iterator
from math import exp, gamma, inf, lgamma, sqrt

import numpy as np
import numpy.typing as npt

from policies.registry import BadSetting, known

BATCH = 1024
FAMILIES = ("gamma", "poisson", "weibull")
LEAST_CV, MOST_CV = 1e-3, 1e3
LEAST_SHAPE, MOST_SHAPE = 0.08, 1e4  # of a Weibull: a cv of 6e8 and of 0.0001

Floats = npt.NDArray[np.float64]


def gamma_times(rng: np.random.Generator, rate_rps: float, cv: float) -> Iterator[float]:
    """Seconds of endless arrivals whose gaps are gamma distributed; `cv` 1 is Poisson, more is bursty, 0 is even."""
    check(rate_rps, cv, "gamma")
    at = 0.0
    while True:
        for gap in gaps(rng, rate_rps, cv, BATCH).tolist():
            at += gap
            yield at


def gaps(rng: np.random.Generator, rate_rps: float, cv: float, count: int, family: str = "gamma") -> Floats:
    """Seconds between `count` arrivals, shape [count]; `poisson` is exponential gaps, whatever `cv` says."""
    mean = 1.0 / rate_rps
    if family == "poisson":
        return rng.exponential(mean, count)
    if cv == 0.0:
        return np.full(count, mean)
    if family == "weibull":
        shape = weibull_shape(cv)
        return rng.weibull(shape, count) * (mean / gamma(1.0 + 1.0 / shape))
    return rng.gamma(cv**-2.0, mean * cv**2.0, count)


def after(start_s: float, between: Floats) -> Floats:
    """The times of arrivals that come so many seconds after one another, shape as given; summed one by one."""
    return np.cumsum(np.concatenate([[start_s], between]))[1:]


def check(rate_rps: float, cv: float, family: str) -> None:
    """Raise ValueError unless arrivals can be drawn so."""
    if not 0.0 < rate_rps < inf or not (cv == 0.0 or LEAST_CV <= cv <= MOST_CV):
        bounds = f"cv be 0 or from {LEAST_CV:g} to {MOST_CV:g}"
        raise BadSetting(f"rate_rps must be above 0 and {bounds}, not {rate_rps} and {cv}")
    if family not in FAMILIES:
        raise BadSetting(f"no family of arrivals {family!r}: {known(family, list(FAMILIES))}")


def weibull_shape(cv: float) -> float:
    """The shape of the Weibull distribution with that coefficient of variation, by bisection."""
    low, high = LEAST_SHAPE, MOST_SHAPE
    for _ in range(60):
        middle = sqrt(low * high)
        low, high = (middle, high) if weibull_cv(middle) > cv else (low, middle)
    return sqrt(low * high)


def weibull_cv(shape: float) -> float:
    """The coefficient of variation of a Weibull distribution."""
    return sqrt(max(exp(lgamma(1.0 + 2.0 / shape) - 2.0 * lgamma(1.0 + 1.0 / shape)) - 1.0, 0.0))
