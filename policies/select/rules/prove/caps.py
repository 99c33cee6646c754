"""Whether spherical caps meet: a cosine threshold is a cap, and several of them meet where a unit vector is in all.

Among vectors a whose cosines are bounded, the shortest x with low <= a·x <= high is sought on the dual, where it is a
non-negative least-squares problem (Lawson & Hanson, least distance programming). In more dimensions than there are caps
any x not longer than 1 can be made a unit vector without touching those cosines, so the caps meet exactly where the
shortest x is at most 1 long. The dual's value is a lower bound on half of x²: above ½ they are proved apart. Where
neither x nor the bound can be computed well enough, nothing is claimed.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float64]
"""Unit vectors: shape (caps, dimensions)."""

CLOSE = 1e-9
TOUCH = 1e-6  # by which a cosine may miss its bound, and x its length, for want of digits
TINY = 1e-14  # a dual weight, or a slope of one, that counts as none


class Met(NamedTuple):
    """Whether caps meet, whether they are proved not to, and the cosines at the shortest common vector."""

    meet: bool
    apart: bool  # neither: it cannot be told
    cosines: Vectors  # shape (caps,)


def caps_meet(vectors: Vectors, low: Vectors, high: Vectors) -> Met:
    """Whether a unit vector has every cosine between its bounds."""
    rows = np.concatenate([vectors, -vectors])
    bounds = np.concatenate([low, -high])
    active = bounds > -1.0  # a cosine is never below -1
    gram, bound = rows[active] @ rows[active].T, bounds[active]
    weights = _scaled(_dual(gram, bound), gram, bound)
    length2 = float(weights @ gram @ weights)
    apart = float(bound @ weights) - 0.5 * length2 > 0.5 + CLOSE
    cosines = vectors @ (rows[active].T @ weights)
    fits = bool(np.all(cosines >= low - TOUCH) and np.all(cosines <= high + TOUCH))
    return Met(fits and not apart and length2 <= 1.0 + TOUCH, apart, cosines)


def _scaled(weights: Vectors, gram: Vectors, bound: Vectors) -> Vectors:
    """The multiple of some dual weights whose bound is the largest."""
    gain, length2 = float(bound @ weights), float(weights @ gram @ weights)
    return np.asarray(weights * (gain / max(length2, CLOSE * gain)) if gain > 0.0 else 0.0 * weights)


def _dual(gram: Vectors, bound: Vectors) -> Vectors:
    """The direction of the dual weights: argmin over u >= 0 of |rowsᵀ u|² + (bound·u - 1)², one more row at a time."""
    square, weights = gram + np.outer(bound, bound), np.zeros(len(bound))
    used = np.zeros(len(bound), bool)
    for _ in range(3 * len(bound)):
        slopes = np.where(used, -np.inf, bound - square @ weights)
        if used.all() or slopes.max() <= TINY:
            break
        used[slopes.argmax()] = True
        weights = _inside(square, bound, weights, used)
    return weights


def _inside(square: Vectors, bound: Vectors, weights: Vectors, used: npt.NDArray[np.bool_]) -> Vectors:
    """The least squares over the used rows, going back where one would count less than nothing; `used` loses those."""
    while used.any():
        best = np.zeros(len(bound))
        best[used] = np.linalg.lstsq(square[np.ix_(used, used)], bound[used], rcond=None)[0]
        below = used & (best <= TINY)
        if not below.any():
            return best
        step = float(np.min(weights[below] / np.maximum(weights[below] - best[below], TINY)))
        weights = weights + min(max(step, 0.0), 1.0) * (best - weights)
        used &= ~(below & (weights <= TINY)) if (below & (weights <= TINY)).any() else ~below
        weights = np.where(used, weights, 0.0)
    return np.zeros(len(bound))
