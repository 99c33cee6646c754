"""Random forests of advantages: grown by scikit-learn, kept as the arrays of `policies.select.quality.forest`."""

from dataclasses import dataclass

import numpy as np

from policies.select.quality.forest import Forest
from policies.select.quality.port import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """How the trees are grown: large leaves, for outcomes that are mostly noise."""

    trees: int = 100
    least_rows: int = 30  # in a leaf
    tried: float = 0.5  # share of the features tried at a split


def fit_forest(features: Floats, targets: Floats, how: Growing | None = None) -> Forest:
    """A forest of extremely randomised trees of these targets, shape (rows, models)."""
    from sklearn.ensemble import ExtraTreesRegressor

    how = how or Growing()
    grown = ExtraTreesRegressor(
        n_estimators=how.trees, min_samples_leaf=how.least_rows, max_features=how.tried, random_state=0
    ).fit(features, targets)
    trees = [each.tree_ for each in grown.estimators_]
    shape = (len(trees), max(tree.node_count for tree in trees))
    feature, left, right = (np.zeros(shape, np.int64) for _ in range(3))
    threshold, value = np.zeros(shape), np.zeros((*shape, targets.shape[1]))
    for place, tree in enumerate(trees):
        here, itself, leaf = slice(tree.node_count), np.arange(tree.node_count), tree.children_left < 0
        feature[place, here], threshold[place, here] = np.where(leaf, 0, tree.feature), tree.threshold
        left[place, here] = np.where(leaf, itself, tree.children_left)
        right[place, here] = np.where(leaf, itself, tree.children_right)
        value[place, here] = tree.value[:, :, 0]
    depth = max(tree.max_depth for tree in trees)
    return Forest(feature=feature, threshold=threshold, left=left, right=right, value=value, depth=depth)
