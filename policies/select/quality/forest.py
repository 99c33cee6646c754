"""Quality as the mean of many deep trees, all models at once: the forward of a random forest, trained elsewhere."""

from dataclasses import dataclass

import numpy as np

from policies.select.quality.port import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Trees of shape (trees, nodes); a leaf is a node that leads to itself."""

    feature: Ints
    threshold: Floats  # at most this goes left
    left: Ints
    right: Ints
    value: Floats  # shape (trees, nodes, models)
    depth: int  # steps from the root to the deepest leaf

    def expect(self, features: Floats) -> Floats:
        """See `Quality`; no feature may be NaN."""
        rows = features.reshape(-1, features.shape[-1]).astype(np.float32)  # as in training: thresholds are between
        total = np.zeros((len(rows), self.value.shape[-1]))
        for tree in range(len(self.feature)):
            total += self.value[tree, self._leaf(rows, tree)]
        return (total / len(self.feature)).reshape(*features.shape[:-1], -1)

    def _leaf(self, rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]], tree: int) -> Ints:
        request, node = np.arange(len(rows)), np.zeros(len(rows), np.int64)
        for _ in range(self.depth):
            left = rows[request, self.feature[tree, node]] <= self.threshold[tree, node]
            node = np.where(left, self.left[tree, node], self.right[tree, node])
        return node
