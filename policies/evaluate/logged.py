"""Logged decisions as arrays, and what an estimate of another policy's worth looks like."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from policies.registry import Registry

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Z95 = 1.959964


class BadLog(ValueError):
    """Logged decisions that nothing can be told from; the message says which and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """Decisions and what came of them, and with which probability the new policy takes each action; n rows."""

    features: Floats  # (n, width): what was known when deciding
    action: Ints  # (n,): the column that was taken
    reward: Floats  # (n,)
    propensity: Floats  # (n,): with which probability the logging policy took that action
    target: Floats  # (n, actions): with which probability the new policy takes each; rows sum to one

    def __post_init__(self) -> None:
        n, k = self.target.shape
        if n == 0:
            raise BadLog("there are no decisions to learn from: let the policy run with propensities recorded first")
        told = {len(self.features), len(self.action), len(self.reward), len(self.propensity)}
        if told != {n}:
            raise BadLog(f"columns of {sorted(told)} rows do not belong to the same {n} decisions")
        self._check_rows(k)

    def _check_rows(self, k: int) -> None:
        bad = {
            "has an action that is not among the options": (self.action < 0) | (self.action >= k),
            "has a propensity outside (0, 1]": ~((self.propensity > 0.0) & (self.propensity <= 1.0 + 1e-9)),
            "has a reward that is no number: leave out decisions that nobody judged": ~np.isfinite(self.reward),
            "has target probabilities that do not sum to one": np.abs(self.target.sum(axis=1) - 1.0) > 1e-6,
        }
        for what, rows in bad.items():
            if rows.any():
                raise BadLog(f"decision {int(np.flatnonzero(rows)[0]) + 1} {what}")

    def weights(self, clip: float) -> Floats:
        """How much more often the new policy takes the logged action, clipped; shape (n,)."""
        taken = self.target[np.arange(len(self.action)), self.action]
        return np.asarray(np.minimum(taken / self.propensity, clip))

    def rows(self, kept: Ints) -> "Logged":
        """Some of the decisions."""
        return Logged(
            features=self.features[kept],
            action=self.action[kept],
            reward=self.reward[kept],
            propensity=self.propensity[kept],
            target=self.target[kept],
        )


class Estimate(NamedTuple):
    """What the new policy would have earned per decision."""

    value: float
    low: float  # of the 95 % interval
    high: float
    effective: float  # how many decisions of its own these are worth: (Σw)² / Σw²
    clipped: float  # share of the weights that were cut

    @property
    def width(self) -> float:
        """Of the 95 % interval."""
        return self.high - self.low


ESTIMATORS: Registry[Callable[..., Estimate]] = Registry("estimator", "policies.evaluate")
estimator = ESTIMATORS.register


def from_scores(scores: Floats, log: Logged, clip: float) -> Estimate:
    """The mean of per-decision scores with its normal 95 % interval."""
    weights = log.weights(clip)
    mean, error = float(scores.mean()), float(scores.std(ddof=min(1, len(scores) - 1))) / len(scores) ** 0.5
    return Estimate(mean, mean - Z95 * error, mean + Z95 * error, effective(weights), clipped(log, clip))


def effective(weights: Floats) -> float:
    """The effective sample size (Kish 1965); 0 when the policies never agree."""
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0.0 else 0.0


def clipped(log: Logged, clip: float) -> float:
    """The share of the weights that were cut."""
    return float((log.weights(float("inf")) > clip).mean())
