"""Lengths from a few published percentiles: between two of them the logarithm of the length is linear."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import Self

import numpy as np
import numpy.typing as npt

from policies.registry import BadSetting
from sims.traces.reading.row import MOST_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """A distribution of token counts through the points (share of requests, tokens)."""

    shares: tuple[float, ...]  # from 0 to 1, rising
    tokens: tuple[float, ...]  # never falling

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]]) -> Self:
        """From a list of points; raises `BadSetting` unless they start at share 0, end at 1 and rise."""
        shares, tokens = (tuple(float(value) for value in column) for column in zip(*points, strict=True))
        if not shares:
            raise BadSetting("quantiles need points from share 0 to share 1, there are none")
        rising = all(b > a for a, b in pairwise(shares)) and all(b >= a for a, b in pairwise(tokens))
        if shares[0] != 0.0 or shares[-1] != 1.0 or not 1.0 <= tokens[0] <= tokens[-1] <= MOST_TOKENS or not rising:
            raise BadSetting(f"quantiles must rise from share 0 to share 1, tokens from 1 up: {points}")
        return cls(shares=shares, tokens=tokens)

    @property
    def mean(self) -> float:
        """The exact mean, in tokens: over a piece from a to b it is (b - a) / ln(b / a)."""
        pieces = zip(self.shares, self.shares[1:], self.tokens, self.tokens[1:], strict=False)
        return sum((high - low) * (a if a == b else (b - a) / log(b / a)) for low, high, a, b in pieces)

    def draw(self, rng: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        """Token counts of `count` requests."""
        return self.at(rng.random(count))

    def at(self, shares: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Token counts at those shares, of the same shape."""
        logs = np.interp(shares, self.shares, np.log(self.tokens))
        return np.maximum(np.rint(np.exp(logs)), 1).astype(np.int64)
