"""Ours and plainer routers between two models: each gives every question a score, and the highest go to the strong."""

import numpy as np

from bench.route_two.answers import Answers
from bench.route_two.routellm import ROUTERS
from bench.select.features import Features, features_of
from policies.select.quality.nearest import Nearest
from policies.select.quality.port import Floats
from router.learn.boosting import Boosting
from router.learn.forest import Growing
from router.learn.reading import Asked, fit_reader
from router.learn.ridge import fit_ridge
from router.learn.stacking import Trained, fit_second, one_hot

OURS, TOPIC_TOLD, DRAFT_SEEN = "weir", "topic told, all else as weir", "weak model's answer on GSM8K seen first"
TRAINED = Trained(growing=Growing(least_rows=20), boosting=Boosting())
OUTCOME_PENALTY, TOPIC_PENALTY, LINEAR_PENALTY = 15.0, 0.5, 25.0
NEAR, ENCODER = 40, 384
SURE = 10.0
"""Score of a topic that is told; as sharp as any guess gets."""


def scored(taught: Answers, tested: Answers) -> dict[str, Floats]:
    """By router, the tested questions' scores: the higher, the sooner the strong model is called."""
    known, asked = features_of(taught.texts, taught.tokens), features_of(tested.texts, tested.tokens)
    vectors = known.rows[:, :ENCODER], asked.rows[:, :ENCODER]
    linear, _ = fit_ridge(known.rows[:, : known.text], taught.lead[:, None], LINEAR_PENALTY)
    nearest = Nearest(vectors=vectors[0], quality=taught.lead[:, None], neighbours=NEAR)
    return {
        **_two_stages(taught, tested, known, asked),
        "lead, linear": linear.expect(asked.rows[:, : known.text])[:, 0],
        "nearest neighbours": nearest.expect(vectors[1])[:, 0],
        **{name: router(vectors[0], taught.lead, vectors[1]) for name, router in ROUTERS.items()},
        "topic told, its mean lead": _by_topic(taught, tested),
    }


def _two_stages(taught: Answers, tested: Answers, known: Features, asked: Features) -> dict[str, Floats]:
    """Ours, and what it would be with the true topic told or with the weak model's answers seen where recorded."""
    text, hot = known.text, one_hot(taught.topic)
    targets = np.concatenate([taught.right, taught.lead[:, None]], axis=1)
    parts = [Asked(targets=targets, penalty=OUTCOME_PENALTY), Asked(targets=hot, penalty=TOPIC_PENALTY)]
    reader, alone = fit_reader(known.rows[:, :text], taught.texts, parts)
    told = reader.expect(asked.rows[:, :text], tested.texts)

    def score(here: tuple[Floats, Floats], there: tuple[Floats, Floats], more: tuple[Floats, Floats]) -> Floats:
        mine, yours = (np.concatenate([f.rows[:, text:], m], axis=1) for f, m in zip((known, asked), more, strict=True))
        second = fit_second(*here, mine, taught.right, taught.topic, TRAINED)
        expected = second.expect(*there, yours)
        return np.asarray(expected[:, 1] - expected[:, 0])

    none = np.empty((len(alone), 0)), np.empty((len(told), 0))
    drafts = np.log1p(taught.draft)[:, None], np.log1p(tested.draft)[:, None]
    here, there = (alone[:, :3], alone[:, 3:]), (told[:, :3], told[:, 3:])
    true = SURE * hot, SURE * _known_topics(taught, tested, told[:, 3:])
    return {
        OURS: score(here, there, none),
        DRAFT_SEEN: score(here, there, drafts),
        TOPIC_TOLD: score((here[0], true[0]), (there[0], true[1]), none),
    }


def _known_topics(taught: Answers, tested: Answers, guessed: Floats) -> Floats:
    """One column a taught topic; a question of a topic that was never taught keeps the guess."""
    names = sorted(set(taught.topic))
    hot = np.array(tested.topic)[:, None] == np.array(names)
    return np.where(hot.any(axis=1, keepdims=True), hot, guessed)


def _by_topic(taught: Answers, tested: Answers) -> Floats:
    """The mean lead of the question's true topic: what a perfect topic classifier alone would give."""
    topics = np.array(taught.topic)
    means = {topic: float(taught.lead[topics == topic].mean()) for topic in set(taught.topic)}
    return np.array([means.get(topic, float(taught.lead.mean())) for topic in tested.topic])
