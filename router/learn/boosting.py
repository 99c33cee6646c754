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
    rate: float = 0.08
    leaves: int = 8
    least_rows: int = 40  # in a leaf
    shrinkage: float = 5.0


def fit_boosted(features: Floats, quality: Floats, how: Boosting | None = None) -> Boosted:
    """One set of trees a model, fitted to the rows on which it was judged; qualities between 0 and 1 count in part."""
    return Boosted(models=tuple(_fit_one(features, column, how or Boosting()) for column in quality.T))


def _fit_one(features: Floats, quality: Floats, how: Boosting) -> Trees:
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows, labels, weight = _as_labels(quality)
    if len(np.unique(labels)) < 2:
        return _constant(float(labels.mean()) if len(labels) else 0.5)
    model = HistGradientBoostingClassifier(
        max_iter=how.trees, learning_rate=how.rate, max_leaf_nodes=how.leaves, min_samples_leaf=how.least_rows,
        l2_regularization=how.shrinkage, early_stopping=False, random_state=0, max_bins=64,
    )  # fmt: skip
    model.fit(features[rows], labels, sample_weight=weight)
    return _trees([stage[0].nodes for stage in model._predictors], float(model._baseline_prediction[0, 0]))


def _as_labels(quality: Floats) -> tuple[Any, Floats, Floats]:
    """Rows, labels and weights: a quality of 0.3 is a failure of weight 0.7 and a success of weight 0.3."""
    judged = np.flatnonzero(~np.isnan(quality))
    won = np.clip(quality[judged], 0.0, 1.0)
    rows = np.concatenate([judged[won > 0.0], judged[won < 1.0]])
    labels = np.concatenate([np.ones((won > 0.0).sum()), np.zeros((won < 1.0).sum())])
    return rows, labels, np.concatenate([won[won > 0.0], 1.0 - won[won < 1.0]])


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


def _constant(mean: float) -> Trees:
    kept = min(max(mean, 1e-3), 1.0 - 1e-3)
    nothing = np.zeros((1, 1), np.int64)
    return Trees(
        feature=nothing, threshold=np.zeros((1, 1)), left=nothing, right=nothing, value=np.zeros((1, 1)),
        missing_left=nothing.astype(bool), bias=float(np.log(kept / (1.0 - kept))), depth=0,
    )  # fmt: skip
