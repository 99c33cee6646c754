"""Quality as a sum of small trees: the forward of gradient boosting, trained elsewhere."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from policies.select.quality.port import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """The trees of one model, shape (trees, nodes) each; a leaf is a node that leads to itself."""

    feature: Ints
    threshold: Floats  # at most this goes left
    left: Ints
    right: Ints
    value: Floats  # of a leaf; 0 elsewhere
    missing_left: npt.NDArray[np.bool_]  # where a feature that is not known goes
    bias: float
    depth: int  # steps from the root to the deepest leaf

    def total(self, features: Floats) -> Floats:
        """Of features shaped (..., features) one number each."""
        rows = features.reshape(-1, features.shape[-1])
        tree, request = np.arange(len(self.feature)), np.arange(len(rows))[:, None]
        node = np.zeros((len(rows), len(tree)), np.int64)
        for _ in range(self.depth):
            seen = rows[request, self.feature[tree, node]]
            left = np.where(np.isnan(seen), self.missing_left[tree, node], seen <= self.threshold[tree, node])
            node = np.where(left, self.left[tree, node], self.right[tree, node])
        total = self.value[tree, node].sum(axis=1) + self.bias
        return np.asarray(total).reshape(features.shape[:-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosted:
    """One set of trees a model."""

    models: tuple[Trees, ...]

    def expect(self, features: Floats) -> Floats:
        """See `Quality`; not clipped: an advantage may be negative."""
        return np.stack([trees.total(features) for trees in self.models], axis=-1)
