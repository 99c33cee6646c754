"""What two pools that divide a model's requests by length need, at any boundary and gamma: by the latency model alone.

A side is judged by its rate, its mean prompt and answer and how unlike its prompts are: whoever decodes is held up by
those who are computed meanwhile, and long prompts among short ones hold up most. That, not the memory, is what a
boundary is for where engines page their KV. Sums over classes of length are made once, so that a pair is a few
subtractions and one inversion of the latency model, which is remembered.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import exp, inf, log
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from policies.boundary import ROOM
from policies.perf.latency import LatencyModel
from policies.scale.capacity import FEWEST, staffed
from policies.scale.lengths import CLASSES, EDGES, MIDDLES, summed
from policies.scale.needs import Deadlines, Demand, needs, prompt_seconds
from policies.scale.scaling import PoolState

Floats = npt.NDArray[np.float64]

STEP = 0.02
"""Lengths are told apart in such steps of their logarithm, and in five times as wide ones how unlike prompts are."""

LONGEST = 0.005
"""Share of the short side's prompts that may be too long for its replicas to compute in time."""

IN_TIME = 0.5
"""Share of the TTFT deadline that computing any of the others may take: the rest is for waiting."""


class Pair(NamedTuple):
    """A boundary and a gamma, as classes of length."""

    edge: int  # the last class of the short pool
    reach: int  # classes beyond it that are compressed where they may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What was asked of both pools together, by class of length."""

    rate: float  # requests a second
    shares: tuple[float, ...]  # of the requests, a class each
    answers: tuple[float, ...]  # mean tokens of an answer

    @classmethod
    def of(cls, states: Sequence[Sequence[PoolState]], seconds: float) -> Self | None:
        """Of the states of either pool over some seconds; None where too little is known of them."""
        found = [_told(each) for each in states]
        counts = np.array([counts for counts, _ in found])
        total, ended = float(counts.sum()), sum(state.ended for each in states for state in each)
        if total < FEWEST or ended < FEWEST:
            return None
        usual = sum(state.output_tokens for each in states for state in each) / ended
        means = np.array([[mean or usual] for _, mean in found])
        per_class = counts.sum(axis=0)
        answers = np.where(per_class > 0.0, (counts * means).sum(axis=0) / np.maximum(per_class, 1e-9), usual)
        shares = per_class / total
        return cls(rate=total / seconds, shares=tuple(shares.tolist()), answers=tuple(answers.tolist()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two pools, as far as it does not depend on the boundary."""

    perf: LatencyModel
    most: int  # replicas there can be
    spare: float = 1.5  # see `policies.scale.capacity.staffed`
    least: int = 1


class Sized(NamedTuple):
    """What a pair takes: replicas of either pool, not rounded, and how good that is."""

    pair: Pair
    short: float
    long: float
    usd_per_hour: float
    cost: float  # the same; more where there cannot be so many replicas


class Part(NamedTuple):
    """What comes to one side."""

    share: float  # of all requests
    prompt_tokens: float  # mean
    answer_tokens: float
    unlike: float  # mean square of a prompt's seconds over the square of their mean
    slowest_s: float  # to compute all but the very longest of its prompts


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Running sums over classes for one kind of replica, 0 before the first; shape [CLASSES + 1] each."""

    perf: LatencyModel
    shares: Floats
    prompts: Floats
    answers: Floats
    seconds: Floats
    squares: Floats

    @classmethod
    def of(cls, mixture: Mixture, perf: LatencyModel) -> Self:
        """Of a mixture on replicas of that kind."""
        shares, answers, middles = np.array(mixture.shares), np.array(mixture.answers), np.array(MIDDLES)
        seconds = np.array(_class_seconds(perf))
        sums = (shares, shares * middles, shares * answers, shares * seconds, shares * seconds * seconds)
        return cls(perf=perf, **dict(zip(cls.__slots__[1:], map(_running, sums), strict=True)))

    def part(self, first: int, last: int, weight: float = 1.0) -> Floats:
        """Share, prompts, answers, seconds and squares of the classes from `first` to before `last`, so many times."""
        rows = (self.shares, self.prompts, self.answers, self.seconds, self.squares)
        return weight * np.array([row[last] - row[first] for row in rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Two pools, what is asked of both, and what is promised."""

    short: Side
    long: Side
    mixture: Mixture
    deadlines: Deadlines
    compressible: float = 0.0  # share of prompts that may be compressed
    _sums: tuple[Sums, Sums] = field(init=False)

    def __post_init__(self) -> None:
        sums = tuple(Sums.of(self.mixture, side.perf) for side in (self.short, self.long))
        object.__setattr__(self, "_sums", sums)

    def sized(self, pair: Pair) -> Sized:
        """What that boundary and gamma take."""
        short, long = self._replicas(self.short, self._below(pair)), self._replicas(self.long, self._above(pair))
        usd = short * self.short.perf.price_per_hour + long * self.long.perf.price_per_hour
        lacking = max(short / max(self.short.most, 1), long / max(self.long.most, 1), 1.0)
        return Sized(pair, short, long, usd, usd * lacking**3)

    def best(self, pairs: Iterator[Pair]) -> Sized:
        """The cheapest of some; of equals the lowest boundary and gamma."""
        return min((self.sized(pair) for pair in pairs), key=lambda one: (one.cost, one.pair))

    def _below(self, pair: Pair) -> Part:
        """What comes to the short pool: what is short, and what is compressed to a little below the boundary."""
        sums, last = self._sums[0], pair.edge + 1
        own = sums.part(0, last)
        moved = sums.part(last, min(last + pair.reach, CLASSES), self.compressible)
        squeezed_s = prompt_seconds(sums.perf, ROOM * EDGES[pair.edge])
        moved[1], moved[3], moved[4] = (
            moved[0] * each for each in (ROOM * EDGES[pair.edge], squeezed_s, squeezed_s * squeezed_s)
        )
        return _part(own + moved, sums, 0, last)

    def _above(self, pair: Pair) -> Part:
        """What comes to the long pool."""
        sums, last = self._sums[1], pair.edge + 1
        beyond = min(last + pair.reach, CLASSES)
        staying = sums.part(last, beyond, 1.0 - self.compressible) + sums.part(beyond, CLASSES)
        return _part(staying, sums, last, CLASSES)

    def _replicas(self, side: Side, part: Part) -> float:
        rate = self.mixture.rate * part.share
        if rate <= 0.0:
            return float(side.least)
        if side is self.short and part.slowest_s + side.perf.frontend_s > IN_TIME * self.deadlines.ttft_s:
            return inf
        busy = rate * busy_seconds(side.perf, part, self.deadlines)
        return max(staffed(busy, side.spare), float(side.least)) if busy < inf else inf


def busy_seconds(perf: LatencyModel, part: Part, deadlines: Deadlines) -> float:
    """Seconds of a replica that each request takes within the deadlines; inf where no replica keeps them."""
    lengths = _rounded(part.prompt_tokens, STEP), _rounded(part.answer_tokens, STEP)
    return _busy_seconds(perf, *lengths, _rounded(part.unlike, 5.0 * STEP), deadlines)


@lru_cache(maxsize=65536)
def _busy_seconds(perf: LatencyModel, prompt: float, answer: float, unlike: float, deadlines: Deadlines) -> float:
    demand = Demand(rate=1.0, prompt_tokens=prompt, output_tokens=answer, burst=unlike)
    return needs(demand, perf, deadlines).mixed


def _part(sums: Floats, of: Sums, first: int, last: int) -> Part:
    share, prompts, answers, seconds, squares = sums.tolist()
    if share <= 1e-12:
        return Part(0.0, 1.0, 1.0, 1.0, 0.0)
    unlike = max(squares * share / max(seconds * seconds, 1e-30), 1.0)
    return Part(share, prompts / share, answers / share, unlike, _slowest(of, first, last))


def _slowest(sums: Sums, first: int, last: int) -> float:
    """Seconds to compute the longest prompt of some classes, but for a few."""
    most = sums.shares[last] - LONGEST * (sums.shares[last] - sums.shares[first])
    at = int(np.searchsorted(sums.shares, most - 1e-12))
    return _class_seconds(sums.perf)[min(max(at - 1, first), CLASSES - 1)]


@lru_cache(maxsize=256)
def _class_seconds(perf: LatencyModel) -> tuple[float, ...]:
    return tuple(prompt_seconds(perf, tokens) for tokens in MIDDLES)


def _running(values: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])


def _told(states: Sequence[PoolState]) -> tuple[list[float], float]:
    """Requests by class, and the mean answer; 0 where too few have ended."""
    ended = sum(state.ended for state in states)
    mean = sum(state.output_tokens for state in states) / ended if ended >= FEWEST else 0.0
    return summed(state.lengths for state in states), mean


def _rounded(value: float, step: float) -> float:
    return exp(round(log(max(value, 1.0)) / step) * step)
