"""Whether spherical caps meet: a cosine threshold is a cap, and several of them meet where a unit vector is in all.

Among vectors a whose cosines are bounded, the shortest x with low <= a·x <= high is sought by Hildreth's method on the
dual. In more dimensions than there are caps any x not longer than 1 can be made a unit vector without touching those
cosines, so the caps meet exactly where the shortest x is at most 1 long. The dual's value is a lower bound on the way:
once it is above ½ they are proved apart.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float64]
"""Unit vectors: shape (caps, dimensions)."""

ROUNDS = 5_000
CLOSE = 1e-9


class Met(NamedTuple):
    """Whether caps meet, and the cosines at the shortest common vector."""

    meet: bool
    cosines: Vectors  # shape (caps,)


def caps_meet(vectors: Vectors, low: Vectors, high: Vectors) -> Met:
    """Whether a unit vector has every cosine between its bounds."""
    rows = np.concatenate([vectors, -vectors])
    bounds = np.concatenate([low, -high])
    active = bounds > -1.0  # a cosine is never below -1
    gram, bound = rows[active] @ rows[active].T, bounds[active]
    weights = _shortest(gram, bound)
    length2 = float(weights @ gram @ weights)
    apart = float(bound @ weights) - 0.5 * length2 > 0.5 + CLOSE
    cosines = vectors @ (rows[active].T @ weights)
    fits = bool(np.all(cosines >= low - 1e-6) and np.all(cosines <= high + 1e-6))
    return Met(fits and not apart and length2 <= 1.0 + 1e-6, cosines)


def _shortest(gram: Vectors, bound: Vectors) -> Vectors:
    """The dual weights of the shortest vector; ends early once no unit vector can do."""
    weights = np.zeros(len(bound))
    products = np.zeros(len(bound))
    for _ in range(ROUNDS):
        moved = 0.0
        for i, size in enumerate(np.diag(gram)):
            step = max(-weights[i], (bound[i] - products[i]) / size)
            weights[i] += step
            products += step * gram[i]
            moved = max(moved, abs(step))
        if moved < CLOSE or bound @ weights - 0.5 * weights @ products > 0.5 + CLOSE:
            break
    return weights
