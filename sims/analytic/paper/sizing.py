"""How many cards fleet-sim's analytic model asks for: one pool, two pools, compress-and-route, the Pareto sweep."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from sims.analytic.lengths import LengthCdf
from sims.analytic.paper.cards import Card
from sims.analytic.paper.conventions import PRINTED, Conventions
from sims.analytic.paper.mixing import COMPRESSIBLE, long_points, short_points
from sims.analytic.paper.service import Service, serve
from sims.analytic.queueing import Wait, queue

HOURS_A_YEAR = 8760
MOST_UTILISATION = 0.85
MOST_CARDS = 5000
LONG_CONTEXT = 65_536
GAMMAS = tuple(round(1.0 + 0.1 * step, 1) for step in range(11))
BACKGROUND_RATE = 0.01
"""Requests a second below which a long pool is not built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """So many cards of one kind."""

    cards: int
    p99_ms: float  # of TTFT


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A short and a long pool; a single pool is a short one alone."""

    short: Pool
    long: Pool
    gamma: float
    dollars_per_hour: float
    keeps: bool  # the deadline

    @property
    def cards(self) -> int:
        """Of both pools."""
        return self.short.cards + self.long.cards

    @property
    def dollars_per_year(self) -> float:
        """Of both pools."""
        return self.dollars_per_hour * HOURS_A_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How a fleet may be divided, and what it must keep."""

    short: Card
    long: Card
    boundary: int  # tokens, prompt and answer
    deadline_ms: float = 500.0
    long_context: int = LONG_CONTEXT
    availability: float = 1.0
    conventions: Conventions = PRINTED


def wait(cards: int, rate: float, service: Service) -> Wait:
    """The wait for a slot of so many cards, by Allen and Cunneen."""
    return queue(cards * service.slots, rate, service.mean_s, service_cv2=service.cv2, interpolated=False)


def least_cards(rate: float, service: Service, deadline_ms: float, conventions: Conventions) -> int:
    """The least cards that keep the deadline at p99 and 85 % utilisation, from one above what the load fills.

    Where a long prompt alone misses the deadline no number keeps it; then its wait alone is held against it.
    """
    if rate <= 0.0:
        return 1
    cards = max(1, ceil(rate / service.rate) + 1)
    hopeless = service.prefill_p99_s * 1e3 > deadline_ms
    first_s = 0.0 if conventions.wait_alone or hopeless else service.prefill_p99_s
    while (wait(cards, rate, service).quantile(0.99) + first_s) * 1e3 > deadline_ms and cards <= MOST_CARDS:
        cards += 1
    return max(cards, ceil(rate / (service.rate * MOST_UTILISATION)))


def pool(rate: float, service: Service, split: Split) -> Pool:
    """The pool for that rate, with cards to stand in for those under repair."""
    cards = ceil(least_cards(rate, service, split.deadline_ms, split.conventions) / split.availability)
    prefill_s = service.prefill_s if split.conventions.wait_alone else service.prefill_p99_s
    return Pool(cards=cards, p99_ms=(wait(cards, rate, service).quantile(0.99) + prefill_s) * 1e3)


def size(lengths: LengthCdf, rate: float, split: Split, gamma: float = 1.0) -> Fleet:
    """The fleet for that traffic, requests up to `gamma` boundaries compressed where they can be."""
    upper = int(gamma * split.boundary)
    at, beyond_upper = lengths.share(split.boundary), lengths.share(upper)
    moved = min(1.0, at + COMPRESSIBLE * max(0.0, beyond_upper - at))
    short = _pool(short_points(lengths, split.boundary, upper, split.conventions), moved * rate, split)
    left = (1.0 - moved) * rate
    long = Pool(cards=0, p99_ms=0.0)
    if left > BACKGROUND_RATE:
        long = _long(lengths, upper, left, split)
    cost = short.cards * split.short.price_per_hour + long.cards * split.long.price_per_hour
    keeps = max(short.p99_ms, long.p99_ms) <= split.deadline_ms
    return Fleet(short=short, long=long, gamma=gamma, dollars_per_hour=cost, keeps=keeps)


def _pool(points: Sequence[tuple[int, float]], rate: float, split: Split) -> Pool:
    return pool(rate, serve(points, split.boundary, split.short, split.conventions), split)


def _long(lengths: LengthCdf, upper: int, rate: float, split: Split) -> Pool:
    points, floor = long_points(lengths, split.boundary, upper, split.conventions)
    return pool(rate, serve(points, split.long_context, split.long, split.conventions, floor=floor), split)


def alone(split: Split, context: int) -> Split:
    """The same rules for a single pool whose every slot holds `context` tokens."""
    return replace(split, boundary=context, long_context=context)


def sweep(lengths: LengthCdf, rate: float, split: Split) -> dict[float, Fleet]:
    """The fleet at each gamma from 1 to 2."""
    return {gamma: size(lengths, rate, split, gamma) for gamma in GAMMAS}


def cheapest(fleets: dict[float, Fleet]) -> Fleet:
    """The cheapest that keeps the deadline, the least gamma of equals; the cheapest at all when none does."""
    keeping = [fleet for fleet in fleets.values() if fleet.keeps]
    return min(keeping or fleets.values(), key=lambda fleet: fleet.dollars_per_hour)
