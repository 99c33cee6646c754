"""Quality as a linear function of the features: what ridge regression over all models at once leaves behind."""

from dataclasses import dataclass

from policies.select.quality.port import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """One weight a feature and model."""

    centre: Floats  # shape (features,)
    weights: Floats  # shape (features, models)
    mean: Floats  # shape (models,): the answer at the centre

    def expect(self, features: Floats) -> Floats:
        """See `Quality`; not clipped: a second stage may read it, and the order is what counts."""
        return (features - self.centre) @ self.weights + self.mean
