"""Inverse propensity scoring (Horvitz and Thompson 1952): unbiased where propensities are true, and wide."""

from policies.evaluate.logged import Estimate, Logged, estimator, from_scores


@estimator
def ips(log: Logged, clip: float = 50.0) -> Estimate:
    """Rewards weighed by how much more often the new policy takes that action."""
    return from_scores(log.weights(clip) * log.reward, log, clip)
