"""Lengths from a few published percentiles: between two of them the logarithm of the length is linear."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """A distribution of token counts through the points (share of requests, tokens)."""

    shares: tuple[float, ...]  # from 0 to 1, rising
    tokens: tuple[float, ...]  # rising

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]]) -> Self:
        """From a list of points; raises ValueError unless they start at share 0, end at 1 and rise."""
        shares, tokens = (tuple(float(value) for value in column) for column in zip(*points, strict=True))
        steps = [b > a for column in (shares, tokens) for a, b in pairwise(column)]
        if shares[0] != 0.0 or shares[-1] != 1.0 or tokens[0] < 1.0 or not all(steps):
            raise ValueError(f"quantiles must rise from share 0 to share 1, tokens from 1 up: {points}")
        return cls(shares=shares, tokens=tokens)

    @property
    def mean(self) -> float:
        """The exact mean, in tokens: over a piece from a to b it is (b - a) / ln(b / a)."""
        pieces = zip(self.shares, self.shares[1:], self.tokens, self.tokens[1:], strict=False)
        return sum((high - low) * (b - a) / log(b / a) for low, high, a, b in pieces)

    def draw(self, rng: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        """Token counts of `count` requests."""
        logs = np.interp(rng.random(count), self.shares, np.log(self.tokens))
        return np.maximum(np.rint(np.exp(logs)), 1).astype(np.int64)
