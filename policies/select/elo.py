"""Elo and Bradley–Terry: ratings from answers that were compared with each other, and the choice by them.

Somebody says which of two answers was better; or two models answer within one session and each answer is rated.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from types import MappingProxyType
from typing import NamedTuple, Self

import numpy as np

from policies.select.objective import Objective
from policies.select.port import Choice, Context, Feedback, Option, select

POINTS = 400.0 / float(np.log(10.0))
"""Elo points of one unit of log odds: 400 points are odds of ten to one."""

ROUNDS = 200
MOST_SESSIONS = 1000  # whose last rating is remembered
PRIOR = 1.0
"""Draws against an average model that each model is taken to have had: ratings stay finite."""


class Duel(NamedTuple):
    """Two models answered the same request and somebody compared."""

    first: str
    second: str
    score: float  # of the first: 1 it was better, 0 worse, 0.5 a tie


class Rated(NamedTuple):
    """The last rated answer of a session."""

    model: str
    quality: float  # 0..1
    weight: float = 1.0  # of how many judgements it counts


@select
@dataclass(frozen=True, slots=True, kw_only=True)
class Elo:
    """Ratings by model, in Elo points around 0; a model without one is average."""

    ratings: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    step: float = 16.0  # points that one surprise moves a rating, at most
    objective: Objective = field(default_factory=Objective)
    rated: Mapping[tuple[str, str], Rated] = field(default_factory=lambda: MappingProxyType({}))  # by tenant, session

    def choose(self, context: Context, options: Sequence[Option]) -> Choice:
        """See `Selector`: a model's quality is its chance against an average one."""
        chance = np.array([beats(self.ratings.get(option.model, 0.0), 0.0) for option in options])
        return self.objective.best(context, options, chance, "elo")

    def heard(self, duels: Iterable[Duel]) -> Self:
        """These ratings after some duels, each moving both by how much it surprised."""
        ratings = dict(self.ratings)
        for duel in duels:
            first, second = ratings.get(duel.first, 0.0), ratings.get(duel.second, 0.0)
            moved = self.step * (duel.score - beats(first, second))
            ratings[duel.first], ratings[duel.second] = first + moved, second - moved
        return replace(self, ratings=MappingProxyType(ratings))

    def learn(self, feedback: Sequence[Feedback]) -> Self:
        """Having seen answers rated: one is held against the last of another model in its session.

        The score is by how far they differ; a rating outside any session compares with nothing.
        """
        rated, duels = dict(self.rated), list[Duel]()
        for told in feedback:
            place = (told.context.tenant, told.context.session)
            if not told.context.session or not isfinite(told.quality):
                continue
            before = rated.pop(place, None)
            if before is not None and before.model != told.model:
                sure = min(told.weight, before.weight)
                duels.append(Duel(told.model, before.model, 0.5 + 0.5 * sure * (told.quality - before.quality)))
            rated[place] = Rated(told.model, told.quality, told.weight)
        kept = dict(list(rated.items())[-MOST_SESSIONS:])
        return replace(self.heard(duels), rated=MappingProxyType(kept))


def beats(rating: float, other: float) -> float:
    """The chance that a model of this rating does better than one of the other."""
    return float(1.0 / (1.0 + 10.0 ** ((other - rating) / 400.0)))


def bradley_terry(duels: Sequence[Duel], prior: float = PRIOR) -> dict[str, float]:
    """Ratings by model that make the duels likeliest, whatever their order; mean 0 (Hunter's MM iteration)."""
    names = list(dict.fromkeys(name for duel in duels for name in (duel.first, duel.second)))
    place, met, won = {name: i for i, name in enumerate(names)}, np.zeros((len(names),) * 2), np.zeros(len(names))
    for duel in duels:
        i, j = place[duel.first], place[duel.second]
        met[[i, j], [j, i]] += 1.0
        won[i], won[j] = won[i] + duel.score, won[j] + 1.0 - duel.score
    strength = np.ones(len(names))
    for _ in range(ROUNDS):
        against = (met / (strength[:, None] + strength)).sum(axis=1) + prior / (strength + 1.0)
        strength = (won + 0.5 * prior) / against
        strength /= np.exp(np.log(strength).mean()) if len(names) else 1.0
    return dict(zip(names, (POINTS * np.log(strength)).tolist(), strict=True))
