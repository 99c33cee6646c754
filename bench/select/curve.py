"""Curves of quality over cost, and intervals by bootstrap over questions."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from policies.select.quality.port import Floats

DRAWS = 1000
Figure = Callable[[npt.NDArray[np.int64]], float]


def interval(count: int, figure: Figure, draws: int = DRAWS) -> list[float]:
    """The 95 % bootstrap interval of a figure of rows; the same draws at every call."""
    chance = np.random.default_rng(20261123)
    found = [figure(chance.integers(0, count, count)) for _ in range(draws)]
    return [round(float(each), 4) for each in np.percentile(found, [2.5, 97.5])]


def gap_recovered(score: Floats, weak: Floats, strong: Floats) -> Floats:
    """Share of the strong model's lead recovered when the first 0, 1, … requests by score go to it."""
    gained = np.cumsum((strong - weak)[np.argsort(-score, kind="stable")])
    return np.asarray(np.concatenate([[0.0], gained]) / gained[-1])


def apgr(score: Floats, weak: Floats, strong: Floats) -> float:
    """Average performance gap recovered: its mean over shares of strong calls from 0 to 1 (RouteLLM's APGR)."""
    return float(np.trapezoid(gap_recovered(score, weak, strong), dx=1.0 / len(score)))


def calls_for(score: Floats, weak: Floats, strong: Floats, share: float = 0.95) -> float:
    """The least share of strong calls that keeps this share of the strong model's quality."""
    wanted = (share * strong.mean() - weak.mean()) / (strong.mean() - weak.mean())
    return float(np.argmax(gap_recovered(score, weak, strong) >= wanted) / len(score))
