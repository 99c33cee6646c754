"""Training of the two-stage head: the first stage's leave-one-out answers teach the trees."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from policies.select.quality.blend import Blend
from policies.select.quality.port import Floats, Quality
from policies.select.quality.stacked import Second, Stacked, join, shares
from router.learn.boosting import Boosting, fit_boosted
from router.learn.forest import Growing, fit_forest
from router.learn.ridge import filled, fit_ridge

LEAN = 15.0
"""Rows' worth of the mean over all topics that a topic's mean leans on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How the second stage is trained."""

    sharpness: float = 8.0
    growing: Growing = field(default_factory=Growing)
    boosting: Boosting | None = None  # boosted trees beside the forest, each counting half


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacking:
    """How both stages are trained."""

    text: int  # leading features that stand for the text
    penalty: float = 25.0  # of outcomes, which are noisy
    topic_penalty: float = 3.0
    second: Trained = field(default_factory=Trained)


def fit_stacked(
    features: Floats, quality: Floats, topics: Sequence[str], how: Stacking, beside: Floats | None = None
) -> Stacked:
    """The head of the models in `quality`, NaN where one was not judged.

    Topics and what is `beside` (other models' outcomes) are known of training rows alone: the first stage learns to
    tell them from the text, and the trees are shown its guess, never the truth.
    """
    text, whole = features[:, : how.text], filled(quality)
    others = np.empty((len(text), 0)) if beside is None else filled(beside)
    outcomes, outcomes_alone = fit_ridge(text, np.concatenate([whole, others], axis=1), how.penalty)
    told, topics_alone = fit_ridge(text, one_hot(topics), how.topic_penalty)
    second = fit_second(outcomes_alone, topics_alone, features[:, how.text :], quality, topics, how.second)
    return Stacked(outcomes=outcomes, topics=told, second=second, text=how.text)


def fit_second(
    outcomes: Floats, scores: Floats, facts: Floats, quality: Floats, topics: Sequence[str], how: Trained | None = None
) -> Second:
    """The second stage, from the first one's answers about rows that it was not taught; topics' scores by name."""
    how, whole, hot = how or Trained(), filled(quality), one_hot(topics)
    by_topic = (hot.T @ whole + LEAN * whole.mean(axis=0)) / (hot.sum(axis=0)[:, None] + LEAN)
    between = join(outcomes, shares(scores, how.sharpness), by_topic, facts)
    targets = whole - whole.mean(axis=1, keepdims=True)
    advantage: Quality = fit_forest(between, targets, how.growing)
    if how.boosting is not None:
        advantage = Blend(heads=(advantage, fit_boosted(between, targets, how.boosting)), weights=(1.0, 1.0))
    return Second(sharpness=how.sharpness, by_topic=by_topic, advantage=advantage)


def one_hot(topics: Sequence[str]) -> Floats:
    """One column a topic, sorted by name."""
    names = sorted(set(topics))
    return np.asarray(np.array(topics)[:, None] == np.array(names), np.float64)
