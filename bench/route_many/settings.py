"""Where on the curve to stand: how many drafts, and what a right answer is worth, chosen on taught questions alone."""

from typing import NamedTuple

import numpy as np

from bench.route_many.drafts import DRAFTS, Priced, choose, outcome
from policies.select.quality.port import Floats

WORTHS = np.geomspace(1e-5, 0.3, 60)


class Standing(NamedTuple):
    """One point of the curve."""

    drafts: int
    worth_usd: float
    accuracy: float
    usd: float  # a question


def curve(priced: Priced, drafts: tuple[int, ...] = DRAFTS) -> list[Standing]:
    """Every point, by cost."""
    points = []
    for count in drafts:
        for worth in WORTHS.tolist():
            right, usd = outcome(priced, count, choose(priced, count, worth))
            points.append(Standing(count, worth, float(right.mean()), float(usd.mean())))
    return sorted(points, key=lambda each: each.usd)


def most_accurate(points: list[Standing], usd: float) -> Standing:
    """The most accurate point that costs no more; the cheapest where none is as cheap."""
    return max((each for each in points if each.usd <= usd), key=lambda each: each.accuracy, default=points[0])


def cheapest(points: list[Standing], accuracy: float) -> Standing:
    """The cheapest point as accurate; the most accurate where none is."""
    fit = [each for each in points if each.accuracy >= accuracy]
    return min(fit, key=lambda each: each.usd) if fit else max(points, key=lambda each: each.accuracy)


def joined(parts: list[Priced]) -> Priced:
    """Several folds' questions as one."""
    return Priced(
        quality=tuple(np.concatenate(each) for each in zip(*(part.quality for part in parts), strict=True)),
        extra_usd=_all([part.extra_usd for part in parts]),
        right=_all([part.right for part in parts]),
        usd=_all([part.usd for part in parts]),
    )


def _all(parts: list[Floats]) -> Floats:
    return np.concatenate(parts)
