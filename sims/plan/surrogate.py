"""What the fleets simulated so far say of one that was not: a straight line from replicas to the margin it would have.

At first a fleet is taken to meet the deadlines when its replicas carry all the traffic between them, each as much as
it carries alone. Every simulated fleet corrects that, kind by kind: a slow kind that makes others wait counts for less.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sims.plan.programme import Counts
from sims.plan.traffic import Floats

STEEP = 3.0
"""Margin (a logarithm) gained by a fleet as large again; steep, because queues are."""

HELD = 0.02
"""How much evidence, in squared shares of the traffic, moves a kind's worth half-way."""

NEAR = 0.6
"""Margins further from 0 than this are cut: far from the edge the line does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surrogate:
    """A fitted line."""

    speeds: Floats  # share of the traffic that one replica carries, a kind each
    slopes: Floats  # of the margin over [1, shares carried by each kind]

    def margin(self, fleets: Sequence[Counts]) -> Floats:
        """The margins such fleets are expected to have; shape [fleets]."""
        shares = np.asarray(fleets, np.float64).reshape(-1, len(self.speeds)) * self.speeds
        return np.asarray(self.slopes[0] + shares @ self.slopes[1:])


def fitted(speeds: Floats, fleets: Sequence[Counts], margins: Sequence[float]) -> Surrogate:
    """The line through what was simulated, held to the first guess where little was."""
    prior = np.concatenate([[STEEP], np.full(len(speeds), -STEEP)])
    if not fleets:
        return Surrogate(speeds=speeds, slopes=prior)
    shares = np.asarray(fleets, np.float64) * speeds
    rows = np.hstack([np.ones((len(shares), 1)), shares])
    seen = np.clip(np.asarray(margins), -NEAR, NEAR)
    weights = np.exp(-np.abs(seen) / (NEAR / 2.0))
    left = (rows * weights[:, None]).T @ rows + HELD * np.eye(len(prior))
    moved = np.linalg.solve(left, (rows * weights[:, None]).T @ (seen - rows @ prior))
    # More replicas never help by making things worse: a kind's slope stays at most 0.
    slopes = prior + moved
    return Surrogate(speeds=speeds, slopes=np.concatenate([slopes[:1], np.minimum(slopes[1:], 0.0)]))
