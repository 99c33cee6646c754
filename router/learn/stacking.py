"""Training of the two-stage head: the first stage's leave-one-out answers teach the forest."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from policies.select.quality.port import Floats
from policies.select.quality.stacked import Stacked, join, shares
from router.learn.forest import Growing, fit_forest
from router.learn.ridge import filled, fit_ridge

LEAN = 15.0
"""Rows' worth of the mean over all topics that a topic's mean leans on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacking:
    """How both stages are trained."""

    text: int  # leading features that stand for the text
    penalty: float = 25.0  # of outcomes, which are noisy
    topic_penalty: float = 3.0
    sharpness: float = 8.0
    growing: Growing = field(default_factory=Growing)


def fit_stacked(
    features: Floats, quality: Floats, topics: Sequence[str], how: Stacking, beside: Floats | None = None
) -> Stacked:
    """The head of the models in `quality`, NaN where one was not judged.

    Topics and what is `beside` (other models' outcomes) are known of training rows alone: the first stage learns to
    tell them from the text, and the forest is shown its guess, never the truth.
    """
    text, whole = features[:, : how.text], filled(quality)
    others = np.empty((len(text), 0)) if beside is None else filled(beside)
    outcomes, outcomes_alone = fit_ridge(text, np.concatenate([whole, others], axis=1), how.penalty)
    hot = one_hot(topics)
    told, topics_alone = fit_ridge(text, hot, how.topic_penalty)
    by_topic = (hot.T @ whole + LEAN * whole.mean(axis=0)) / (hot.sum(axis=0)[:, None] + LEAN)
    between = join(outcomes_alone, shares(topics_alone, how.sharpness), by_topic, features[:, how.text :])
    advantage = fit_forest(between, whole - whole.mean(axis=1, keepdims=True), how.growing)
    return Stacked(
        outcomes=outcomes, topics=told, sharpness=how.sharpness, by_topic=by_topic, advantage=advantage, text=how.text
    )  # fmt: skip


def one_hot(topics: Sequence[str]) -> Floats:
    """One column a topic, sorted by name."""
    names = sorted(set(topics))
    return np.asarray(np.array(topics)[:, None] == np.array(names), np.float64)
