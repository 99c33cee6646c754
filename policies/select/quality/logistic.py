"""Quality as a logistic function of the features."""

from dataclasses import dataclass

import numpy as np

from policies.select.quality.port import Floats


def sigmoid(log_odds: Floats) -> Floats:
    """Probability of these log odds; no overflow at either end."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(log_odds))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic:
    """Log odds linear in the features, one column a model, sharpened or softened by a temperature."""

    weights: Floats  # shape (features, models)
    bias: Floats  # shape (models,)
    temperature: float = 1.0  # above 1: surer than it should be, so softened

    def expect(self, features: Floats) -> Floats:
        """See `Quality`."""
        return sigmoid((features @ self.weights + self.bias) / self.temperature)
