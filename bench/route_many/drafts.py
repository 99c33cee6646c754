"""The choice among many models when cheap ones may be asked first: their answers' lengths tell how sure they were.

A draft is an answer that nobody has seen yet. It is paid for; its length is read; then one of the drafts stands as the
answer, or a dearer model is asked. No answer's text is read and no draft is shown to the client.
"""

from dataclasses import dataclass

import numpy as np

from bench.select.features import Features
from bench.select.matrix import Matrix
from bench.select.prices import price_of
from policies.select.quality.linear import Linear
from policies.select.quality.port import Floats, Ints
from policies.select.quality.stacked import Stacked
from router.learn.ridge import filled, fit_ridge
from router.learn.stacking import Stacking, fit_stacked

ASKED = 4
"""How many of the most accurate models are chosen among: the more, the surer one is overrated by chance."""

DRAFTS = (0, 1, 2)
"""How many of those, the cheapest, are asked first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """Quality and price of each asked model, by how many drafts were seen."""

    asked: tuple[str, ...]  # the cheapest first
    quality: tuple[Stacked, ...]  # one a number of drafts
    lengths: Linear  # text → output tokens of each asked model


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
    """The router of these questions."""
    asked = asked_of(taught)
    mine = [taught.models.index(model) for model in asked]
    others = np.delete(taught.right, mine, axis=1)
    how = Stacking(text=known.text)
    heads = [
        fit_stacked(known.beside(_lengths(taught, asked, drafts)), taught.right[:, mine], taught.category, how, others)
        for drafts in DRAFTS
    ]
    lengths, _ = fit_ridge(known.rows[:, : known.text], filled(taught.out_tokens[:, mine]), how.penalty)
    return Router(asked=asked, quality=tuple(heads), lengths=lengths)


def price(router: Router, tested: Matrix, features: Features) -> Priced:
    """What the router expects of these questions; of what it cost, the truth."""
    mine = [tested.models.index(model) for model in router.asked]
    quality = tuple(
        head.expect(features.beside(_lengths(tested, router.asked, drafts)))
        for drafts, head in zip(DRAFTS, router.quality, strict=True)
    )
    tokens = np.maximum(router.lengths.expect(features.rows[:, : features.text]), 1.0)
    each = np.array([price_of(model) for model in router.asked])
    extra = (tested.prompt_tokens[:, None] * each[:, 0] + tokens * each[:, 1]) / 1e6
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


def _lengths(matrix: Matrix, asked: tuple[str, ...], drafts: int) -> Floats:
    places = [matrix.models.index(model) for model in asked[:drafts]]
    return np.asarray(np.log1p(matrix.out_tokens[:, places]))
