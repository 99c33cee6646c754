"""Self-normalised inverse propensity scoring (Swaminathan and Joachims 2015): a little bias for less width."""

import numpy as np

from policies.evaluate.logged import Z95, Estimate, Logged, clipped, effective, estimator


@estimator
def snips(log: Logged, clip: float = 50.0) -> Estimate:
    """The weighted mean of the rewards; its interval by the delta method. All of [0, 0] when no weight is left."""
    weights = log.weights(clip)
    total = float(weights.sum())
    if total <= 0.0:
        return Estimate(0.0, 0.0, 0.0, 0.0, clipped(log, clip))
    value = float(weights @ log.reward) / total
    error = float(np.sqrt(np.square(weights * (log.reward - value)).sum())) / total
    return Estimate(value, value - Z95 * error, value + Z95 * error, effective(weights), clipped(log, clip))
