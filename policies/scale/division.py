"""What two pools that divide a model's requests by length need, at any boundary and gamma: by the latency model alone.

A side needs what its mean prompt and answer take by the inverted latency model, and enough replicas that few answers
are late because a prompt came in between: short answers among long prompts, which a boundary keeps apart. That, not the
memory, is what a boundary is for where engines page their KV. Sums over classes of length are made once, so that a pair
is a few subtractions and one inversion of the latency model, which is remembered.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import ceil, exp, inf, log
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from policies.perf.latency import LatencyModel
from policies.scale.capacity import FEWEST, staffed
from policies.scale.lengths import CLASSES, MIDDLES, summed
from policies.scale.needs import Deadlines, Demand, needs, prompt_seconds
from policies.scale.scaling import PoolState

Floats = npt.NDArray[np.float64]

STEP = 0.02
"""Lengths are told apart in such steps of their logarithm."""

BELIEF = 20.0
"""What answers usually are counts as so many seen of a class."""

LONGEST = 0.005
"""Share of the short side's prompts that may be too long for its replicas to compute in time."""

BATCH, HELD = 8.0, 1024.0
"""Requests of a usual batch, and tokens that each holds: what a step takes while somebody decodes."""

FULL = 0.9
"""Share of a replica's KV that may be in use."""

ABOUT = (0.9, 1.0, 1.1)
"""Demands about the present one over which whole replicas are averaged, lest a boundary be right for a moment only."""

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
        """Of the states of both pools over some seconds; None where too little is known of them."""
        every = [state for each in states for state in each]
        counts = np.array(summed(state.lengths for state in every))
        answered = np.array(summed(state.answered for state in every))
        tokens = np.array(summed(state.answer_tokens for state in every))
        if counts.sum() < FEWEST or answered.sum() < FEWEST:
            return None
        shares = counts / counts.sum()
        answers = (tokens + BELIEF * _usual(answered, tokens)) / (answered + BELIEF)
        return cls(rate=float(counts.sum()) / seconds, shares=tuple(shares.tolist()), answers=tuple(answers.tolist()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two pools, as far as it does not depend on the boundary."""

    perf: LatencyModel
    most: int  # replicas there can be
    spare: float = 1.5  # see `policies.scale.capacity.staffed`
    least: int = 1


class Sized(NamedTuple):
    """What a pair takes: replicas of either pool, on average, and how good that is."""

    pair: Pair
    short: float
    long: float
    usd_per_hour: float
    cost: float  # the same; more where there cannot be so many replicas
    lacking: float  # times as many as there can be, of the pool where that is the most; 1 where there can be as many


class Part(NamedTuple):
    """What comes to one side."""

    share: float  # of all requests
    prompt_tokens: float  # mean
    answer_tokens: float
    held_up: float  # seconds, see `_held_up`; of a request on average
    token_tokens: float  # KV tokens times output tokens that hold them, of a request on average
    slowest_s: float  # to compute all but the very longest of its prompts


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Running sums over classes for one kind of replica, 0 before the first; shape [CLASSES + 1] each."""

    perf: LatencyModel
    shares: Floats
    prompts: Floats
    answers: Floats
    hits: Floats  # shape [CLASSES, CLASSES]: what a prompt of the column does to answers of the row

    @classmethod
    def of(cls, mixture: Mixture, perf: LatencyModel, tpot_s: float) -> Self:
        """Of a mixture on replicas of that kind."""
        shares, answers, middles = np.array(mixture.shares), np.array(mixture.answers), np.array(MIDDLES)
        sums = [_running(each) for each in (shares, shares * middles, shares * answers)]
        return cls(perf=perf, shares=sums[0], prompts=sums[1], answers=sums[2], hits=_held_up(perf, answers, tpot_s))

    def weights(self, first: int, last: int, weight: float = 1.0) -> Floats:
        """Shares of the classes from `first` to before `last`, so many times; 0 of all others."""
        found = np.zeros(CLASSES)
        found[first:last] = weight * np.diff(self.shares[first : last + 1])
        return found

    def part(self, weights: Floats, moved: Floats, to: int) -> Part:
        """What some classes come to, and others whose prompts are compressed to be of the class `to`."""
        every = weights + moved
        share = float(every.sum())
        if share <= 1e-12:
            return Part(0.0, 1.0, 1.0, 0.0, 0.0, 0.0)
        middles, answers = np.array(MIDDLES), np.diff(self.answers) / np.maximum(np.diff(self.shares), 1e-12)
        prompts = weights.copy()
        prompts[to] += moved.sum()
        grown = np.where(weights > 0.0, middles, middles[to])
        holding = float(every @ ((grown + 0.5 * answers) * answers)) / share
        held_up = float(every @ self.hits @ prompts) / (share * share)
        tokens = float(prompts @ middles) / share
        return Part(share, tokens, float(every @ answers) / share, held_up, holding, self._slowest(prompts))

    def _slowest(self, prompts: Floats) -> float:
        """Seconds to compute the longest of some prompts, but for a few."""
        sums = np.cumsum(prompts)
        return _class_seconds(self.perf)[int(np.searchsorted(sums, (1.0 - LONGEST) * sums[-1]))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Two pools, what is asked of both, and what is promised."""

    short: Side
    long: Side
    mixture: Mixture
    deadlines: Deadlines
    late: float = 0.01  # share of answers that may miss a deadline
    compressible: float = 0.0  # share of prompts that may be compressed
    _sums: tuple[Sums, Sums] = field(init=False)

    def __post_init__(self) -> None:
        tpot_s = self.deadlines.tpot_s
        sums = tuple(Sums.of(self.mixture, side.perf, tpot_s) for side in (self.short, self.long))
        object.__setattr__(self, "_sums", sums)

    def sized(self, pair: Pair) -> Sized:
        """What that boundary and gamma take."""
        short, long = self._replicas(self.short, self._below(pair)), self._replicas(self.long, self._above(pair))
        usd = short * self.short.perf.price_per_hour + long * self.long.perf.price_per_hour
        lacking = max(short / max(self.short.most, 1), long / max(self.long.most, 1), 1.0)
        return Sized(pair, short, long, usd, usd * lacking**3, lacking)

    def busy(self, pair: Pair, came: tuple[Floats, Floats]) -> tuple[float, float]:
        """Seconds of a replica that each request of either side takes, of those that came there by class of length:
        some are where they do not belong. What is longer than the boundary was compressed, if it is in the short pool
        and within gamma. 0 where none came.
        """
        last, beyond = pair.edge + 1, min(pair.edge + 1 + pair.reach, CLASSES)
        own, cut = came[0].copy(), np.zeros(CLASSES)
        if self.compressible > 0.0:
            cut[last:beyond], own[last:beyond] = own[last:beyond], 0.0
        short, long = self._sums[0].part(own, cut, pair.edge), self._sums[1].part(came[1], np.zeros(CLASSES), 0)
        short_s = self._busy(self.short.perf, short) if short.share else 0.0
        return short_s, self._busy(self.long.perf, long) if long.share else 0.0

    def best(self, pairs: Iterator[Pair]) -> Sized:
        """The cheapest of some; of equals the lowest boundary and gamma."""
        return min((self.sized(pair) for pair in pairs), key=lambda one: (one.cost, one.pair))

    def _below(self, pair: Pair) -> Part:
        """What comes to the short pool: what is short, and what is compressed to a little below the boundary."""
        sums, last = self._sums[0], pair.edge + 1
        moved = sums.weights(last, min(last + pair.reach, CLASSES), self.compressible)
        return sums.part(sums.weights(0, last), moved, pair.edge)

    def _above(self, pair: Pair) -> Part:
        """What comes to the long pool."""
        sums, last = self._sums[1], pair.edge + 1
        beyond = min(last + pair.reach, CLASSES)
        staying = sums.weights(last, beyond, 1.0 - self.compressible) + sums.weights(beyond, CLASSES)
        return sums.part(staying, np.zeros(CLASSES), 0)

    def _replicas(self, side: Side, part: Part) -> float:
        rate = self.mixture.rate * part.share
        if rate <= 0.0:
            return float(side.least)
        if side is self.short and part.slowest_s + side.perf.frontend_s > IN_TIME * self.deadlines.ttft_s:
            return inf
        busy = rate * self._busy(side.perf, part)
        return kept(staffed(busy, side.spare), side.least) if busy < inf else inf

    def _busy(self, perf: LatencyModel, part: Part) -> float:
        """Seconds of a replica that each request of a side takes."""
        held_s = max(part.held_up / self.late, holding_seconds(perf, part))
        return max(busy_seconds(perf, part, self.deadlines), held_s)


def kept(replicas: float, least: int) -> float:
    """Replicas that `slo_model` keeps where so many are needed, which are whole ones, over demands a little about that.

    It keeps a whole one to spare, so small pools differ by much: a boundary that lets one replica do saves another.
    """
    return sum(float(max(ceil(replicas * about + 0.5), least)) for about in ABOUT) / len(ABOUT)


def busy_seconds(perf: LatencyModel, part: Part, deadlines: Deadlines) -> float:
    """Seconds of a replica that each request takes within the deadlines; inf where no replica keeps them."""
    lengths = _rounded(part.prompt_tokens, STEP), _rounded(part.answer_tokens, STEP)
    return _busy_seconds(perf, *lengths, deadlines)


def holding_seconds(perf: LatencyModel, part: Part) -> float:
    """Seconds of a replica's whole KV that each request takes: long answers hold long contexts for long."""
    room = FULL * perf.kv_tokens
    step_s = perf.decode_seconds(max(room / max(part.prompt_tokens + part.answer_tokens, 1.0), 1.0), room)
    return part.token_tokens * step_s / room


@lru_cache(maxsize=65536)
def _busy_seconds(perf: LatencyModel, prompt: float, answer: float, deadlines: Deadlines) -> float:
    return needs(Demand(rate=1.0, prompt_tokens=prompt, output_tokens=answer), perf, deadlines).mixed


def _held_up(perf: LatencyModel, answers: Floats, tpot_s: float) -> Floats:
    """Share of answers of each class that are late for each request a second whose prompt is of another class.

    An answer of g tokens is late when a prompt that takes longer than g times what its steps leave of the deadline is
    computed meanwhile. Of answers that are m tokens on average, and as likely to end at any token, an integral over g.
    """
    seconds, step_s = np.array(_class_seconds(perf)), perf.decode_seconds(BATCH, BATCH * HELD)
    means = np.maximum(answers, 1.0)[:, None]
    times = seconds[None, :] / (max(tpot_s - step_s, 1e-3) * means)
    found: Floats = step_s * means * -np.expm1(-times + np.log1p(times))
    return found


@lru_cache(maxsize=256)
def _class_seconds(perf: LatencyModel) -> tuple[float, ...]:
    return tuple(prompt_seconds(perf, tokens) for tokens in MIDDLES)


def _running(values: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])


def _usual(answered: Floats, tokens: Floats) -> Floats:
    """What an answer of each class usually has: it grows with the prompt by a power, 0 to 1, that fits those seen."""
    seen = tokens > 0.0
    weights, x = answered[seen], np.log(np.array(MIDDLES)[seen])
    y = np.log(tokens[seen] / weights)
    x_mean, y_mean = float(weights @ x / weights.sum()), float(weights @ y / weights.sum())
    spread = float(weights @ (x - x_mean) ** 2)
    power = min(max(float(weights @ ((x - x_mean) * (y - y_mean))) / spread, 0.0), 1.0) if spread > 0.0 else 0.0
    found: Floats = np.exp(y_mean + power * (np.log(np.array(MIDDLES)) - x_mean))
    return found


def _rounded(value: float, step: float) -> float:
    return exp(round(log(max(value, 1.0)) / step) * step)
