"""Two stages: what the text tells of every model and of the topic, then trees over that and the request's facts.

The trees learn advantages over the mean of all models, not qualities: how hard a question is moves all of them
alike, and is most of the noise.
"""

from dataclasses import dataclass

import numpy as np

from policies.select.quality.linear import Linear
from policies.select.quality.port import Floats, Quality

UNKNOWN = -1.0
"""What a fact that is not known is read as; facts that can be unknown are never negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """The second stage: the first one's answers and the facts in, each model's quality out."""

    sharpness: float  # of the topics' scores as probabilities
    by_topic: Floats  # shape (topics, models): each model's quality there
    advantage: Quality  # between → each model's advantage

    def expect(self, outcomes: Floats, topics: Floats, facts: Floats) -> Floats:
        """The level that the text tells and each model's advantage; facts that are not known are NaN."""
        level = outcomes[..., : self.by_topic.shape[1]].mean(-1, keepdims=True)
        between = join(outcomes, shares(topics, self.sharpness), self.by_topic, facts)
        return np.asarray(level + self.advantage.expect(between))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacked:
    """Both stages of one row of features: what stands for the text first, facts after it."""

    outcomes: Linear  # text → quality of each model, then whatever else was learned beside
    topics: Linear  # text → score of each topic
    second: Second
    text: int  # how many leading features stand for the text

    def expect(self, features: Floats) -> Floats:
        """See `Quality`."""
        text, facts = features[..., : self.text], features[..., self.text :]
        return self.second.expect(self.outcomes.expect(text), self.topics.expect(text), facts)


def join(outcomes: Floats, topics: Floats, by_topic: Floats, facts: Floats) -> Floats:
    """Each model's outcome, its lead over the last model's, its mean over the likely topics, the topics, the facts."""
    models = by_topic.shape[1]
    mine = outcomes[..., :models]
    there = topics @ by_topic
    rest = outcomes[..., models:].mean(axis=-1, keepdims=True) if outcomes.shape[-1] > models else mine[..., :0]
    known = np.where(np.isnan(facts), UNKNOWN, facts)
    return np.concatenate([mine, mine - mine[..., -1:], there - there[..., -1:], topics, rest, known], axis=-1)


def shares(scores: Floats, sharpness: float) -> Floats:
    """Scores as probabilities on the last axis."""
    raised = np.exp(sharpness * (scores - scores.max(axis=-1, keepdims=True)))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))
