"""A model of the reward, fitted on other decisions than those it is asked of."""

import numpy as np

from policies.evaluate.logged import Floats, Ints, Logged

FOLDS = 5
RIDGE = (1.0, 10.0)  # strength of the prior on the constant and on each feature, in decisions


def cross_fitted(log: Logged, folds: int = FOLDS) -> Floats:
    """Expected reward of every action of every decision, shape (n, actions); rows of a fold by the other folds."""
    n, found = len(log.action), np.zeros(log.target.shape)
    place = np.arange(n) % min(folds, max(n, 1))
    for fold in np.unique(place):
        others = np.flatnonzero(place != fold)
        found[place == fold] = predicted(log, others, np.flatnonzero(place == fold))
    return found


def predicted(log: Logged, fitted_on: Ints, asked: Ints) -> Floats:
    """Expected rewards of some decisions by a ridge regression per action on others; shape (asked, actions)."""
    x, centre, actions = with_constant(log.features), _mean(log.reward[fitted_on]), log.target.shape[1]
    found = np.full((len(asked), actions), centre)
    prior = np.diag([RIDGE[0], *[RIDGE[1]] * (x.shape[1] - 1)])
    for action in range(actions):
        rows = fitted_on[log.action[fitted_on] == action]
        if len(rows):
            solved = np.linalg.solve(x[rows].T @ x[rows] + prior, x[rows].T @ (log.reward[rows] - centre))
            found[:, action] += x[asked] @ solved
    return found


def with_constant(features: Floats) -> Floats:
    """Features of unit spread after a constant; what is no number is zero."""
    told = np.nan_to_num(features, nan=0.0, posinf=0.0, neginf=0.0)
    spread = told.std(axis=0)
    scaled = (told - told.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    return np.hstack([np.ones((len(told), 1)), scaled])


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0
