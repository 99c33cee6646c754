"""What each replica already holds of one request: leading tokens, by tier."""

import numpy as np
import numpy.typing as npt

from policies.fleet import TIERS

Cached = npt.NDArray[np.float64]
"""Shape [replicas, TIERS]: leading tokens held in that tier or a faster one, so they never fall from tier to tier."""


def nothing_cached(replicas: int) -> Cached:
    """No replica holds anything of this request."""
    return np.zeros((replicas, TIERS))
