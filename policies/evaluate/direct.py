"""The reward model alone: narrow, and as wrong as the model is."""

from policies.evaluate.logged import Estimate, Logged, estimator, from_scores
from policies.evaluate.rewards import cross_fitted


@estimator
def direct(log: Logged, clip: float = 50.0) -> Estimate:
    """What a cross-fitted model expects of the new policy; its interval does not know the model's own error."""
    return from_scores((log.target * cross_fitted(log)).sum(axis=1), log, clip)
