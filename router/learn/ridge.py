"""Ridge regression of all models' qualities at once, and what it would say of each row had it not seen it."""

import numpy as np

from policies.select.quality.linear import Linear
from policies.select.quality.port import Floats


def fit_ridge(features: Floats, quality: Floats, penalty: float) -> tuple[Linear, Floats]:
    """The head, and its leave-one-out answers, shape (rows, models): by the hat matrix, so no second fit is needed."""
    centre, mean = features.mean(axis=0), quality.mean(axis=0)
    moved = features - centre
    inverse = np.linalg.inv(moved.T @ moved + penalty * np.eye(features.shape[1]))
    weights = inverse @ (moved.T @ (quality - mean))
    leverage = ((moved @ inverse) * moved).sum(axis=1) + 1.0 / len(features)
    fitted = moved @ weights + mean
    left_out = (fitted - leverage[:, None] * quality) / (1.0 - leverage[:, None])
    return Linear(centre=centre, weights=weights, mean=mean), left_out


def filled(quality: Floats) -> Floats:
    """Qualities with what nobody judged taken as the model's mean: ridge wants whole rows."""
    return np.where(np.isnan(quality), np.nanmean(quality, axis=0), quality)
