"""What another policy would have earned a session, from logged sessions: fitted Q evaluation and doubly robust.

A session's estimate goes back from its end (Jiang and Li 2016): at each turn the model's value, corrected by what was
earned beyond it as often as the new policy takes what was taken. The model is fitted on sessions of the other fold.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from policies.evaluate.logged import Z95, BadLog, Estimate, Floats, Ints, effective

FOLDS = 2
ROUNDS = 40
RIDGE = 1.0  # in turns


class Walk(NamedTuple):
    """One logged session of n turns."""

    features: Floats  # (n, width)
    action: Ints  # (n,)
    reward: Floats  # (n,), dollars
    propensity: Floats  # (n,): with which probability the log's policy took that action
    target: Floats  # (n, actions): with which probability the new policy takes each


def estimates(walks: Sequence[Walk], clip: float = 50.0, discount: float = 1.0) -> dict[str, Estimate]:
    """Dollars a session by each estimator; `clip` bounds one turn's weight. Raises `BadLog` for too few sessions."""
    if len(walks) < 2 * FOLDS:
        raise BadLog(f"{len(walks)} sessions are too few to tell anything from")
    robust, direct, weights = np.zeros(len(walks)), np.zeros(len(walks)), np.zeros(len(walks))
    for fold in range(FOLDS):
        q = _valued([one for at, one in enumerate(walks) if at % FOLDS != fold], discount)
        for at in range(fold, len(walks), FOLDS):
            direct[at], robust[at], weights[at] = _scored(walks[at], q, clip, discount)
    cut = float(np.mean(np.concatenate([_ratios(one) > clip for one in walks])))
    return {
        "doubly_robust": _estimate(robust, weights, cut),
        "direct": _estimate(direct, np.ones(len(walks)), 0.0),
    }


def _ratios(walk: Walk) -> Floats:
    return np.asarray(walk.target[np.arange(len(walk.action)), walk.action] / walk.propensity)


def _scored(walk: Walk, q: Floats, clip: float, discount: float) -> tuple[float, float, float]:
    """One session's direct value, its doubly robust one, and how much it counts."""
    told = walk.features @ q.T
    values, ratios = (walk.target * told).sum(axis=1), np.minimum(_ratios(walk), clip)
    found = 0.0
    for at in range(len(walk.action) - 1, -1, -1):
        off = walk.reward[at] + discount * found - told[at, walk.action[at]]
        found = float(values[at] + ratios[at] * off)
    return float(values[0]), found, min(float(np.prod(ratios)), clip)


def _valued(walks: Sequence[Walk], discount: float) -> Floats:
    """What each action is worth under the new policy, linear in the features; shape (actions, width)."""
    x, action = np.concatenate([one.features for one in walks]), np.concatenate([one.action for one in walks])
    reward, target = np.concatenate([one.reward for one in walks]), np.concatenate([one.target for one in walks])
    goes_on = np.concatenate([np.arange(len(one.action)) < len(one.action) - 1 for one in walks])
    rows = [np.flatnonzero(action == each) for each in range(target.shape[1])]
    solve = [np.linalg.solve(x[own].T @ x[own] + RIDGE * np.eye(x.shape[1]), x[own].T) for own in rows]
    q = np.zeros((target.shape[1], x.shape[1]))
    for _ in range(ROUNDS):
        value = (target * (x @ q.T)).sum(axis=1)
        aim = reward + discount * np.where(goes_on, np.roll(value, -1), 0.0)
        q = np.stack([each @ aim[own] for each, own in zip(solve, rows, strict=True)])
    return q


def _estimate(scores: Floats, weights: Floats, clipped: float) -> Estimate:
    mean, error = float(scores.mean()), float(scores.std(ddof=1)) / len(scores) ** 0.5
    return Estimate(mean, mean - Z95 * error, mean + Z95 * error, effective(weights), clipped)
