"""Gradient-boosted trees: trained by scikit-learn, kept as the arrays of `policies.select.quality.trees`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from policies.select.quality.port import Floats
from policies.select.quality.trees import Boosted, Trees


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosting:
    """How the trees are grown: small and many, for outcomes that are mostly noise."""

    trees: int = 60
    rate: float = 0.05
    leaves: int = 6
    least_rows: int = 40  # in a leaf
    shrinkage: float = 20.0


def fit_boosted(features: Floats, targets: Floats, how: Boosting | None = None) -> Boosted:
    """One set of trees a column of targets, by least squares, fitted to the rows where it is no NaN."""
    return Boosted(models=tuple(_fit_one(features, column, how or Boosting()) for column in targets.T))


def _fit_one(features: Floats, targets: Floats, how: Boosting) -> Trees:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=how.trees, learning_rate=how.rate, max_leaf_nodes=how.leaves, min_samples_leaf=how.least_rows,
        l2_regularization=how.shrinkage, early_stopping=False, random_state=0,
    )  # fmt: skip
    told = ~np.isnan(targets)
    model.fit(features[told], targets[told])
    return _trees([stage[0].nodes for stage in model._predictors], float(model._baseline_prediction[0, 0]))


def _trees(nodes: list[Any], bias: float) -> Trees:
    shape = (len(nodes), max(len(each) for each in nodes))
    feature, left, right = (np.zeros(shape, np.int64) for _ in range(3))
    threshold, value, missing = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.bool_)
    for tree, each in enumerate(nodes):
        here, leaf, place = slice(len(each)), each["is_leaf"].astype(bool), np.arange(len(each))
        feature[tree, here], threshold[tree, here] = each["feature_idx"], each["num_threshold"]
        left[tree, here] = np.where(leaf, place, each["left"])
        right[tree, here] = np.where(leaf, place, each["right"])
        value[tree, here] = np.where(leaf, each["value"], 0.0)
        missing[tree, here] = each["missing_go_to_left"].astype(bool)
    depth = max(int(each["depth"].max()) for each in nodes)
    return Trees(
        feature=feature, threshold=threshold, left=left, right=right, value=value, missing_left=missing,
        bias=bias, depth=depth,
    )  # fmt: skip
