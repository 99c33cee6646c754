"""Least squares on what is seen of texts, and every row's scores by a fit without its fold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from router.classify.ngrams import Floats, hashed

FOLDS = 5
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Rows to fit: features (rows, features), targets (rows, outputs), how much each row counts, and the ridge."""

    features: Floats
    targets: Floats
    counts: Floats  # (rows,)
    ridge: float

    def mean(self, rows: Rows | slice = slice(None)) -> Floats:
        """The counted mean of some rows' targets, shape (outputs,)."""
        mean: Floats = np.average(self.targets[rows], axis=0, weights=self.counts[rows]).astype(np.float32)
        return mean

    def scaled(self) -> tuple[Floats, Floats]:
        """Features and each row's factor: the root of what it counts."""
        roots = np.sqrt(self.counts)[:, None]
        return self.features * roots, roots


def fit(problem: Problem) -> Floats:
    """Weights (features, outputs) for targets less their mean; solved in rows where they are fewer than features."""
    scaled, roots = problem.scaled()
    targets = (problem.targets - problem.mean()) * roots
    if len(scaled) <= scaled.shape[1]:
        return scaled.T @ _solve(scaled @ scaled.T, targets, problem.ridge)
    return _solve(scaled.T @ scaled, scaled.T @ targets, problem.ridge)


def left_out(problem: Problem, folds: Rows) -> Floats:
    """Scores (rows, outputs) of every row by a fit on the other folds' rows only."""
    scores = np.empty_like(problem.targets)
    scaled, roots = problem.scaled()
    by_rows = len(scaled) <= scaled.shape[1]
    for out, mean, told in (_by_rows if by_rows else _by_features)(problem, scaled, roots, folds):
        scores[out] = told / roots[out] + mean
    return scores


def _by_rows(problem: Problem, scaled: Floats, roots: Floats, folds: Rows) -> Iterator[tuple[Rows, Floats, Floats]]:
    alike = scaled @ scaled.T  # once; every fold reads its part
    for out, kept in _parted(folds):
        mean = problem.mean(kept)
        alpha = _solve(alike[np.ix_(kept, kept)], (problem.targets[kept] - mean) * roots[kept], problem.ridge)
        told: Floats = np.asarray(alike[np.ix_(out, kept)] @ alpha, np.float32)
        yield out, mean, told


def _by_features(problem: Problem, scaled: Floats, roots: Floats, folds: Rows) -> Iterator[tuple[Rows, Floats, Floats]]:
    parted = list(_parted(folds))
    parts = [scaled[out].T @ scaled[out] for out, _ in parted]  # a fit without a fold is the sum less its part
    whole: Floats = np.sum(parts, axis=0)
    for (out, kept), part in zip(parted, parts, strict=True):
        mean = problem.mean(kept)
        right: Floats = scaled[kept].T @ ((problem.targets[kept] - mean) * roots[kept])
        told: Floats = np.asarray(scaled[out] @ _solve(whole - part, right, problem.ridge), np.float32)
        yield out, mean, told


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
