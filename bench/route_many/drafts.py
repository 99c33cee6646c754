"""The choice among many models when cheap ones may be asked first: their answers' lengths tell how sure they were.

A draft is an answer that nobody has seen yet. It is paid for; its length is read; then one of the drafts stands as the
answer, or a dearer model is asked. No answer's text is read and no draft is shown to the client.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.select.features import Features
from bench.select.matrix import Matrix
from bench.select.prices import price_of
from policies.select.quality.port import Floats, Ints
from policies.select.quality.reader import Reader
from policies.select.quality.stacked import Second
from router.learn.boosting import Boosting
from router.learn.reading import Asked, fit_reader
from router.learn.ridge import filled
from router.learn.stacking import Trained, fit_second, one_hot

ASKED = 4
"""How many of the most accurate models are chosen among: the more, the surer one is overrated by chance."""

DRAFTS = (0, 1, 2)
"""How many of those, the cheapest, are asked first."""

OUTCOME_PENALTY, TOPIC_PENALTY = 15.0, 0.5
TRAINED = Trained(boosting=Boosting())


class Told(NamedTuple):
    """What the texts alone tell, a row each."""

    outcomes: Floats  # of the asked models, then of all others
    tokens: Floats  # of each asked model's answer
    topics: Floats  # scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """Quality of each asked model, by how many drafts were seen."""

    asked: tuple[str, ...]  # the cheapest first
    reader: Reader
    quality: tuple[Second, ...]  # one a number of drafts


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """Questions with what the router expects of each asked model after each number of drafts."""

    quality: tuple[Floats, ...]  # each of shape (questions, asked)
    extra_usd: Floats  # expected, shape (questions, asked)
    right: Floats  # NaN where a model was not asked
    usd: Floats  # what it cost; 0 where it was not asked


def asked_of(taught: Matrix) -> tuple[str, ...]:
    """The most accurate models of the taught questions, the cheapest first."""
    best = np.argsort(-np.nanmean(taught.right, axis=0), kind="stable")[:ASKED]
    order = sorted(best, key=lambda i: float(np.nanmean(taught.usd[:, i])))
    return tuple(taught.models[i] for i in order)


def train(taught: Matrix, known: Features) -> Router:
    """The router of these questions: the second stages learn from what the reader says of texts it had not seen."""
    asked = asked_of(taught)
    mine = _places(taught, asked)
    others = np.delete(taught.right, mine, axis=1)
    targets = np.concatenate([filled(each) for each in (taught.right[:, mine], others, taught.out_tokens[:, mine])], 1)
    parts = [
        Asked(targets=targets, penalty=OUTCOME_PENALTY),
        Asked(targets=one_hot(taught.source), penalty=TOPIC_PENALTY),
    ]
    reader, alone = fit_reader(known.rows[:, : known.text], taught.texts, parts)
    told = _told(alone, len(taught.models), len(asked))
    quality = tuple(
        fit_second(
            told.outcomes, told.topics, _facts(taught, asked, known, told, drafts), taught.right[:, mine],
            taught.source, TRAINED,
        )
        for drafts in DRAFTS
    )  # fmt: skip
    return Router(asked=asked, reader=reader, quality=quality)


def price(router: Router, tested: Matrix, features: Features) -> Priced:
    """What the router expects of these questions; of what it cost, the truth."""
    answers = router.reader.expect(features.rows[:, : features.text], tested.texts)
    told = _told(answers, len(tested.models), len(router.asked))
    quality = tuple(
        head.expect(told.outcomes, told.topics, _facts(tested, router.asked, features, told, drafts))
        for drafts, head in zip(DRAFTS, router.quality, strict=True)
    )
    mine, each = _places(tested, router.asked), np.array([price_of(model) for model in router.asked])
    extra = (tested.prompt_tokens[:, None] * each[:, 0] + np.maximum(told.tokens, 1.0) * each[:, 1]) / 1e6
    right = tested.right[:, mine]
    usd = np.where(np.isnan(right), 0.0, tested.usd[:, mine])
    return Priced(quality=quality, extra_usd=extra, right=right, usd=usd)


def choose(priced: Priced, drafts: int, worth_usd: float) -> Ints:
    """Of each question the asked model whose answer stands: the best value, drafts being paid for already."""
    extra = priced.extra_usd.copy()
    extra[:, :drafts] = 0.0
    value = worth_usd * priced.quality[DRAFTS.index(drafts)] - extra
    value[np.isnan(priced.right)] = -np.inf  # no such model for this question
    return np.asarray(value.argmax(axis=1))


def outcome(priced: Priced, drafts: int, chosen: Ints) -> tuple[Floats, Floats]:
    """Whether the standing answers were right, and what all calls for them cost in dollars."""
    place = np.arange(len(chosen))
    usd = priced.usd[:, :drafts].sum(axis=1) + np.where(chosen < drafts, 0.0, priced.usd[place, chosen])
    return priced.right[place, chosen], usd


def _facts(matrix: Matrix, asked: tuple[str, ...], features: Features, told: Told, drafts: int) -> Floats:
    """The prompt's shape, the drafts' lengths, and each beside what the text let expect."""
    lengths = np.log1p(matrix.out_tokens[:, _places(matrix, asked[:drafts])])
    surprise = 10.0 + lengths - np.log1p(np.maximum(told.tokens[:, :drafts], 1.0))  # a fact is never negative
    return np.concatenate([features.rows[:, features.text :], lengths, surprise], axis=1)


def _told(answers: Floats, models: int, asked: int) -> Told:
    return Told(answers[:, :models], answers[:, models : models + asked], answers[:, models + asked :])


def _places(matrix: Matrix, asked: tuple[str, ...]) -> list[int]:
    return [matrix.models.index(model) for model in asked]
