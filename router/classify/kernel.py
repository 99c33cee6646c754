"""Least squares on what is seen of texts, and every row's scores by a fit without its fold."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from router.classify.ngrams import Floats, hashed

FOLDS = 5
Rows = npt.NDArray[np.int64]


def fit(features: Floats, targets: Floats, ridge: float) -> Floats:
    """Weights (features, outputs) of least squares with a ridge; in rows where they are fewer than features."""
    if len(features) <= features.shape[1]:
        return features.T @ _solve(features @ features.T, targets, ridge)
    return _solve(features.T @ features, features.T @ targets, ridge)


def left_out(features: Floats, targets: Floats, folds: Rows, ridge: float) -> Floats:
    """Scores (rows, outputs) of every row by a fit on the other folds' rows only."""
    scores = np.empty_like(targets)
    by_rows = len(features) <= features.shape[1]
    for rows, told in (_by_rows if by_rows else _by_features)(features, targets, folds, ridge):
        scores[rows] = told
    return scores


def _by_rows(features: Floats, targets: Floats, folds: Rows, ridge: float) -> Iterator[tuple[Rows, Floats]]:
    alike = features @ features.T  # once; every fold reads its part
    for out, kept in _parted(folds):
        mean = targets[kept].mean(axis=0)
        alpha = _solve(alike[np.ix_(kept, kept)], targets[kept] - mean, ridge)
        yield out, alike[np.ix_(out, kept)] @ alpha + mean


def _by_features(features: Floats, targets: Floats, folds: Rows, ridge: float) -> Iterator[tuple[Rows, Floats]]:
    parted = list(_parted(folds))
    parts = [features[out].T @ features[out] for out, _ in parted]  # a fit without a fold is the sum less its part
    whole = np.sum(parts, axis=0)
    for (out, kept), part in zip(parted, parts, strict=True):
        mean = targets[kept].mean(axis=0)
        told = _solve(whole - part, features[kept].T @ (targets[kept] - mean), ridge)
        yield out, features[out] @ told + mean


def _parted(folds: Rows) -> Iterator[tuple[Rows, Rows]]:
    for fold in np.unique(folds):
        yield np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)


def _solve(square: Floats, right: Floats, ridge: float) -> Floats:
    from scipy import linalg

    square[np.diag_indices_from(square)] += ridge
    solved: Floats = linalg.cho_solve(linalg.cho_factor(square, overwrite_a=True, check_finite=False), right)
    return solved


def assign(groups: Sequence[str], folds: int = FOLDS) -> Rows:
    """A fold for every row, rows of one group in the same one; by the group's hash, so rows may come in any order."""
    return np.array([hashed(f"fold {group}") % folds for group in groups], np.int64)


def one_hot(labels: Rows, classes: int) -> Floats:
    """Targets of a classifier; the zero row for a label below zero, which belongs to no class."""
    targets = np.zeros((len(labels), classes), np.float32)
    inside = np.flatnonzero(labels >= 0)
    targets[inside, labels[inside]] = 1
    return targets
