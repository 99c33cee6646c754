"""Quality as remembered of the most similar requests: k nearest neighbours by cosine."""

from dataclasses import dataclass

import numpy as np

from policies.select.quality.port import Floats

SHARPNESS = 8.0
"""How fast a neighbour's weight falls with its distance: e^-8 from the same text to an unrelated one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The remembered requests and how each model did on them."""

    vectors: Floats  # shape (requests, features), of unit length
    quality: Floats  # shape (requests, models)
    neighbours: int = 40

    def expect(self, features: Floats) -> Floats:
        """See `Quality`: the neighbours' qualities, the nearer counting more."""
        return self._weighed(features @ self.vectors.T)

    def left_out(self) -> Floats:
        """What each remembered request would be given had it not been remembered: shape (requests, models)."""
        alike = self.vectors @ self.vectors.T
        np.fill_diagonal(alike, -1.0)
        return self._weighed(alike)

    def _weighed(self, alike: Floats) -> Floats:
        count = min(self.neighbours, len(self.vectors))
        near = np.argpartition(-alike, count - 1, axis=-1)[..., :count]
        weight = np.exp(SHARPNESS * (np.take_along_axis(alike, near, -1) - 1.0))
        weight /= weight.sum(axis=-1, keepdims=True)
        return np.asarray(np.einsum("...k,...km->...m", weight, self.quality[near]))
