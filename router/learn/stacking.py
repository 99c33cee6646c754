"""Training of the two-stage head: the first stage's leave-one-out answers teach the last one."""

from dataclasses import dataclass, field

import numpy as np

from policies.select.quality.nearest import Nearest
from policies.select.quality.port import Floats
from policies.select.quality.stacked import Stacked
from router.learn.boosting import Boosting, fit_forest
from router.learn.ridge import filled, fit_ridge


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacking:
    """How both stages are trained."""

    embedded: int  # leading features that are an embedding
    facts: int  # features after it that the linear stage reads too
    penalty: float = 10.0
    neighbours: int = 40
    boosting: Boosting = field(default_factory=Boosting)


def fit_stacked(features: Floats, quality: Floats, beside: Floats, how: Stacking) -> Stacked:
    """The head of the models in `quality`; `beside` are further targets that only the first stage learns.

    What else is known of the training rows (other models' outcomes, their domain) helps the first stage to place a
    request; the last stage reads its guess of them, never the truth.
    """
    targets = filled(np.concatenate([quality, beside], axis=1))
    read = features[:, : how.embedded + how.facts]
    linear, alone = fit_ridge(read, targets, how.penalty)
    nearest = Nearest(vectors=features[:, : how.embedded], quality=targets, neighbours=how.neighbours)
    between = np.concatenate([alone, nearest.left_out(), features[:, how.embedded :]], axis=1)
    last = fit_forest(between, quality, how.boosting)
    return Stacked(linear=linear, nearest=nearest, last=last, embedded=how.embedded, facts=how.facts)
