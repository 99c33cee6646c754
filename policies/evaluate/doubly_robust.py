"""Doubly robust (Dudík et al. 2011), cross-fitted: right where propensities or the reward model are."""

import numpy as np

from policies.evaluate.logged import Estimate, Logged, estimator, from_scores
from policies.evaluate.rewards import cross_fitted


@estimator
def doubly_robust(log: Logged, clip: float = 50.0) -> Estimate:
    """What the model expects of the new policy, corrected by how wrong it was where the two policies agree."""
    expected = cross_fitted(log)
    rows = np.arange(len(log.action))
    scores = (log.target * expected).sum(axis=1) + log.weights(clip) * (log.reward - expected[rows, log.action])
    return from_scores(scores, log, clip)
