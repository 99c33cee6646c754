"""Length distributions as fleet simulators publish them: [tokens, share of requests that have at most so many]."""

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sims.traces.reading.row import MOST_TOKENS, BadTrace


@dataclass(frozen=True, slots=True, kw_only=True)
class Cumulative:
    """Between two points lengths are even: the integers there are equally likely."""

    tokens: tuple[float, ...]  # rising
    shares: tuple[float, ...]  # from 0 to 1, never falling; where they stand still there are no lengths

    @classmethod
    def of(cls, points: Any, name: str) -> Self:
        """From a list of [tokens, share]; raises `BadTrace` naming the point that is wrong."""
        found = [_point(point, i, name) for i, point in enumerate(points, 1)]
        for i, ((low, a), (high, b)) in enumerate(pairwise(found), 2):
            if high <= low or b < a:
                raise BadTrace(f"{name}, point {i}: {[high, b]} does not rise from {[low, a]}: sort the points")
        if not found or found[-1][1] != 1.0:
            raise BadTrace(f"{name} does not reach share 1: add the longest length there is")
        first = max((low for low, share in found if share == 0.0), default=1.0)
        last = min(low for low, share in found if share == 1.0)
        tokens, shares = zip((first, 0.0), *((t, s) for t, s in found if first < t <= last), strict=True)
        return cls(tokens=tokens, shares=shares)

    @classmethod
    def read(cls, path: Path) -> Self:
        """From JSON: a list of [tokens, share], or an object that has it under `cdf`; raises `BadTrace`."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadTrace(f"{path} cannot be read: {(error.strerror or str(error)).lower()}: check the path") from None
        except ValueError as error:
            raise BadTrace(f"{path} is not JSON ({error}): write a list of [tokens, share]") from None
        points = found.get("cdf") if isinstance(found, dict) else found
        if not isinstance(points, list):
            raise BadTrace(f"{path} holds no list of [tokens, share]: write one, or an object with it under `cdf`")
        return cls.of(points, str(path))

    @property
    def mean(self) -> float:
        """The exact mean of a length before it is rounded, in tokens."""
        pieces = zip(pairwise(self.tokens), pairwise(self.shares), strict=True)
        return sum((b - a) * (low + high) / 2.0 for (low, high), (a, b) in pieces)

    def at(self, shares: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Token counts at those shares, of the same shape."""
        return np.maximum(np.rint(np.interp(shares, self.shares, self.tokens)), 1).astype(np.int64)


def _point(point: Any, number: int, name: str) -> tuple[float, float]:
    if not isinstance(point, list | tuple) or len(point) != 2 or not all(type(v) in (int, float) for v in point):
        raise BadTrace(f"{name}, point {number}: {str(point)[:40]} is not [tokens, share]: repair it")
    tokens, share = float(point[0]), float(point[1])
    if not 1.0 <= tokens <= MOST_TOKENS or not 0.0 <= share <= 1.0:
        raise BadTrace(f"{name}, point {number}: {list(point)} needs 1 to {MOST_TOKENS:,} tokens and a share of 0 to 1")
    return tokens, share
