"""Percentiles and spreads of many values, each sorted once."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

Values = npt.NDArray[np.float64]

SHARES = (*(i / 100.0 for i in range(0, 100, 2)), 0.99, 0.995, 0.999)
"""Of which a distribution is kept: enough to draw its curve, tail included."""


def quantiles(ordered: Values, shares: Sequence[float]) -> Values:
    """Of sorted values, linear between neighbours: inf where an unserved one decides it, nan of none."""
    if not len(ordered):
        return np.full(len(shares), nan)
    place = np.asarray(shares) * (len(ordered) - 1)
    low = place.astype(np.int64)
    high = np.minimum(low + 1, len(ordered) - 1)
    part = place - low
    apart = (part > 0.0) & (ordered[high] > ordered[low])  # inf beside inf is not apart
    found = ordered[low]
    found[apart] += part[apart] * (ordered[high][apart] - ordered[low][apart])
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Seconds over arrivals: the mean of those served; percentiles of all, unserved ones being endlessly late."""

    mean: Annotated[float, Field(description="over those served; null where none was")]
    p50: Annotated[float, Field(description="null: half or more were never served")]
    p90: Annotated[float, Field(description="null: 10 % or more were never served")]
    p99: Annotated[float, Field(description="null: 1 % or more were never served")]

    @classmethod
    def of(cls, ordered: Values) -> Self:
        """From sorted values, one an arrival."""
        p50, p90, p99 = quantiles(ordered, (0.5, 0.9, 0.99)).tolist()
        served = ordered[: np.searchsorted(ordered, inf)]
        return cls(mean=float(served.mean()) if len(served) else nan, p50=p50, p90=p90, p99=p99)
